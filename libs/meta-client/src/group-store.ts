// Groups in meta, through the contract.
import {
  CALL_LIMITS,
  type FetchOffsetsResponse,
  type GroupClaim as ClaimMessage,
  type GroupHead,
  type GroupMember,
  type GroupTarget,
  type OffsetRow,
} from '@robustmq/rpc';
import type {
  ClaimResult,
  CommittedOffset,
  GroupClaim,
  GroupRowChanges,
  GroupShard,
  GroupStorePort,
  GroupSummary,
  StoredGroup,
} from './group-port.ts';
import { offsetSlices, slicesOf, storedGroup } from './group-rows.ts';
import type { MetaClient, Registration } from './meta-client.ts';
import { toNumber } from './model.ts';

/** The part of {@link MetaClient} that a store of groups needs. */
export type GroupStoreMeta = Pick<MetaClient, 'groups' | 'persist' | 'requestId'>;

type Shards = readonly GroupShard[];

const PAGE_SIZE = 500;
const LINEARIZABLE_ATTEMPTS = 4;

/** See the file head. Commands carry a request id, so a repeat after a failure applies once (rule M2). */
export class GroupStore implements GroupStorePort {
  readonly #meta: GroupStoreMeta;
  readonly #registration: () => Registration;
  readonly #tenant: string;

  constructor(meta: GroupStoreMeta, registration: () => Registration, tenant: string) {
    this.#meta = meta;
    this.#registration = registration;
    this.#tenant = tenant;
  }

  #command(groupId: string) {
    return {
      node: this.#registration().identity,
      requestId: this.#meta.requestId(),
      group: { tenant: this.#tenant, groupId },
    };
  }

  async claim(groupId: string): Promise<ClaimResult> {
    const request = this.#command(groupId);
    const { granted, claim, head, exists } = await this.#meta.persist(() =>
      this.#meta.groups.claimGroup(request),
    );
    return {
      granted,
      claim: claimView(claim) ?? { nodeId: '', coordinatorEpoch: 0, live: false },
      stored: granted && head !== undefined ? await this.#read(groupId, head) : undefined,
      exists,
    };
  }

  /** After the claim: from then on nobody else changes the rows. */
  async #read(groupId: string, head: GroupHead): Promise<StoredGroup> {
    const group = { tenant: this.#tenant, groupId };
    const members: GroupMember[] = [];
    const targets: GroupTarget[] = [];
    let place: Uint8Array = new Uint8Array();
    do {
      const request = { group, place };
      const page = await this.#meta.persist(
        () => this.#meta.groups.readGroupRows(request),
        LINEARIZABLE_ATTEMPTS,
      );
      for (const member of page.members) members.push(member);
      for (const target of page.targets) targets.push(target);
      place = page.next;
    } while (place.length > 0);
    return storedGroup(head, members, targets);
  }

  async lookup(groupIds: readonly string[]): Promise<(GroupClaim | undefined)[]> {
    const found: (GroupClaim | undefined)[] = [];
    for (const ids of inSlices(groupIds, CALL_LIMITS.groupLookups)) {
      const groups = ids.map((groupId) => ({ tenant: this.#tenant, groupId }));
      const { claims } = await this.#meta.persist(
        () => this.#meta.groups.lookupGroups({ groups }),
        LINEARIZABLE_ATTEMPTS,
      );
      for (const claim of claims) found.push(claimView(claim));
    }
    return found;
  }

  async putRows(groupId: string, coordinatorEpoch: number, changes: GroupRowChanges): Promise<void> {
    for (const slice of slicesOf(changes)) {
      const request = { ...this.#command(groupId), coordinatorEpoch, ...slice };
      await this.#meta.persist(() => this.#meta.groups.putGroupRows(request));
    }
  }

  async commitOffsets(
    groupId: string,
    coordinatorEpoch: number,
    offsets: readonly CommittedOffset[],
  ): Promise<void> {
    for (const slice of offsetSlices(offsets)) {
      const rows = slice.map((row) => ({
        ...row,
        offset: BigInt(row.offset),
        committedAtMs: BigInt(row.committedAtMs),
      }));
      const request = { ...this.#command(groupId), coordinatorEpoch, offsets: rows };
      await this.#meta.persist(() => this.#meta.groups.commitOffsets(request));
    }
  }

  async fetchOffsets(groupId: string, shards: Shards | null): Promise<CommittedOffset[]> {
    const found: CommittedOffset[] = [];
    if (shards === null) {
      let place: Uint8Array = new Uint8Array();
      do ({ next: place } = await this.#readOffsets({ groupId, all: true, place }, found));
      while (place.length > 0);
    } else
      for (let from = 0; from < shards.length;) {
        const slice = shards.slice(from, from + CALL_LIMITS.groupOffsetReads);
        const { unread } = await this.#readOffsets({ groupId, shards: slice }, found);
        from += slice.length - unread;
      }
    return found;
  }

  /** One answer's offsets; what it says of the next. */
  async #readOffsets(
    {
      groupId,
      shards = [],
      ...page
    }: { groupId: string; shards?: Shards; all?: boolean; place?: Uint8Array },
    found: CommittedOffset[],
  ): Promise<Pick<FetchOffsetsResponse, 'next' | 'unread'>> {
    const refs = shards.map(({ streamId, shard }) => ({ streamId, shard }));
    const request = { group: { tenant: this.#tenant, groupId }, shards: refs, ...page };
    const answer = await this.#meta.persist(
      () => this.#meta.groups.fetchOffsets(request),
      LINEARIZABLE_ATTEMPTS,
    );
    for (const row of answer.offsets) found.push(offsetView(row));
    return answer;
  }

  async deleteOffsets(groupId: string, coordinatorEpoch: number, shards: Shards): Promise<void> {
    for (const slice of inSlices(shards, CALL_LIMITS.groupOffsets)) {
      const refs = slice.map(({ streamId, shard }) => ({ streamId, shard }));
      const request = { ...this.#command(groupId), coordinatorEpoch, shards: refs };
      await this.#meta.persist(() => this.#meta.groups.deleteOffsets(request));
    }
  }

  async deleteGroup(groupId: string, coordinatorEpoch: number): Promise<void> {
    const request = { ...this.#command(groupId), coordinatorEpoch };
    await this.#meta.persist(() => this.#meta.groups.deleteGroups(request));
  }

  async *list(): AsyncIterable<GroupSummary> {
    let afterGroupId = '';
    for (;;) {
      const request = { tenant: this.#tenant, limit: PAGE_SIZE, afterGroupId };
      const page = await this.#meta.persist(
        () => this.#meta.groups.listGroups(request),
        LINEARIZABLE_ATTEMPTS,
      );
      for (const { group, state, protocolType, claim } of page.groups) {
        afterGroupId = group?.groupId ?? afterGroupId;
        yield { groupId: group?.groupId ?? '', state, protocolType, claim: claimView(claim) };
      }
      if (!page.more || page.groups.length === 0) return;
    }
  }
}

function* inSlices<T>(items: readonly T[], most: number): Generator<readonly T[], void, undefined> {
  for (let at = 0; at < items.length; at += most) yield items.slice(at, at + most);
}

/** A group that nobody ever claimed has an empty coordinator. */
function claimView(claim: ClaimMessage | undefined): GroupClaim | undefined {
  if (claim === undefined || claim.coordinatorNodeId === '') return undefined;
  return { nodeId: claim.coordinatorNodeId, coordinatorEpoch: claim.coordinatorEpoch, live: claim.live };
}

function offsetView(row: OffsetRow): CommittedOffset {
  return {
    streamId: row.streamId,
    shard: row.shard,
    offset: toNumber(row.offset),
    leaderEpoch: row.leaderEpoch,
    metadata: row.metadata,
    committedAtMs: toNumber(row.committedAtMs),
  };
}
