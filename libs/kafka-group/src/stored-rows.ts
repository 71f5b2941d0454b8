// StoredRows: what a coordinator knows of its group's rows in meta, so that it writes those that are others than before. A write
// whose end is unknown leaves it knowing nothing: the next one replaces all rows.
import { sameProtocols } from './group-state.ts';
import type { GroupHead, GroupRecord, MemberRow, StoredRecord, TargetRow } from './types.ts';

/** What changes from one record to the next. */
export interface GroupChanges {
  readonly head: GroupHead;
  /** All rows go first. */
  readonly replace: boolean;
  readonly members: readonly MemberRow[];
  readonly targets: readonly TargetRow[];
  /** Ids of members whose rows go. */
  readonly gone: readonly string[];
}

interface Row {
  readonly member: MemberRow;
  readonly assignment: Buffer;
}

const NOTHING = Buffer.alloc(0);

/** See the file head. For one write at a time, in their order. */
export class StoredRows {
  /** Undefined: nobody knows. */
  #rows: Map<string, Row> | undefined;

  /** What was read when the group was claimed; of a new group nothing is stored. */
  constructor(stored?: StoredRecord) {
    if (stored === undefined) this.#rows = new Map();
    else if (stored.isComplete) this.#rows = rowsOf(stored);
  }

  /** What to write. From now on nothing is known, until {@link became} says how it ended. */
  changesTo(record: GroupRecord): GroupChanges {
    const known = this.#rows;
    this.#rows = undefined;
    const { head, members } = record;
    if (known === undefined)
      return { head, replace: true, members, targets: record.targets.filter(isSomething), gone: [] };
    const left = new Set(known.keys());
    for (const { memberId } of members) left.delete(memberId);
    return {
      head,
      replace: false,
      members: members.filter((member) => !isSameMember(known.get(member.memberId)?.member, member)),
      targets: record.targets.filter(
        ({ memberId, assignment }) => !(known.get(memberId)?.assignment ?? NOTHING).equals(assignment),
      ),
      gone: [...left],
    };
  }

  /** The write of this record has ended well. */
  became(record: GroupRecord): void {
    this.#rows = rowsOf(record);
  }
}

function rowsOf({ members, targets }: Pick<GroupRecord, 'members' | 'targets'>): Map<string, Row> {
  const assigned = new Map(targets.map(({ memberId, assignment }) => [memberId, assignment]));
  return new Map(
    members.map((member) => [
      member.memberId,
      { member, assignment: assigned.get(member.memberId) ?? NOTHING },
    ]),
  );
}

function isSomething({ assignment }: TargetRow): boolean {
  return assignment.length > 0;
}

function isSameMember(a: MemberRow | undefined, b: MemberRow): boolean {
  return (
    a !== undefined &&
    a.groupInstanceId === b.groupInstanceId &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    a.sessionTimeoutMs === b.sessionTimeoutMs &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.position === b.position &&
    sameProtocols(a.protocols, b.protocols)
  );
}
