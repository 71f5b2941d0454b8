// The rows of one group as meta keeps them, changed by commands of some rows each; what a coordinator reads may be half a change.
import type { Random } from '@robustmq/testkit';
import type { GroupChanges } from '../src/stored-rows.ts';
import type { MemberRow, StoredRecord, TargetRow } from '../src/types.ts';

/** What one command changes. */
export interface Slice {
  readonly head: StoredRecord['head'] | undefined;
  readonly isLast: boolean;
  readonly replace: boolean;
  readonly members: MemberRow[];
  readonly targets: TargetRow[];
  readonly gone: string[];
}

/** The commands of a change, cut anywhere. */
export function slicesOf({ head, replace, members, targets, gone }: GroupChanges, random: Random): Slice[] {
  const slices: Slice[] = [];
  const add = (isLast: boolean): Slice => {
    const isFirst = slices.length === 0;
    const empty = { members: [], targets: [], gone: [] };
    slices.push({
      ...empty,
      isLast,
      replace: replace && isFirst,
      head: isFirst || isLast ? head : undefined,
    });
    return slices.at(-1)!;
  };
  let slice = add(false);
  const rows = [
    ...gone.map((memberId) => (at: Slice) => at.gone.push(memberId)),
    ...members.map((row) => (at: Slice) => at.members.push(row)),
    ...targets.map((row) => (at: Slice) => at.targets.push(row)),
  ];
  for (const put of rows) {
    if (random.fraction() < 0.2) slice = add(false);
    put(slice);
  }
  slices[slices.length - 1] = { ...slice, isLast: true, head };
  return slices;
}

/** See the file head. */
export class RowStore {
  #head: StoredRecord['head'] | undefined;
  #isComplete = true;
  readonly #members = new Map<string, MemberRow>();
  readonly #targets = new Map<string, TargetRow>();

  apply({ head, isLast, replace, members, targets, gone }: Slice): void {
    if (replace) {
      this.#members.clear();
      this.#targets.clear();
    }
    for (const memberId of gone) {
      this.#members.delete(memberId);
      this.#targets.delete(memberId);
    }
    for (const row of members) this.#members.set(row.memberId, row);
    for (const row of targets) this.#targets.set(row.memberId, row);
    if (head === undefined) return;
    this.#head = head;
    this.#isComplete = isLast;
  }

  read(): StoredRecord | undefined {
    if (this.#head === undefined) return undefined;
    const [members, targets] = [[...this.#members.values()], [...this.#targets.values()]];
    return { head: this.#head, isComplete: this.#isComplete, members, targets };
  }
}
