// Groups in meta, through meta-client.
import { toNumber, type MetaClient, type Registration } from '@robustmq/meta-client';
import type { GroupClaim as ClaimMessage, OffsetRow } from '@robustmq/rpc';
import type { CommittedOffset, GroupClaim, GroupStorePort, GroupSummary } from '../ports.ts';

type Shards = readonly { readonly streamId: number; readonly shard: number }[];

const PAGE_SIZE = 500;
const LINEARIZABLE_ATTEMPTS = 4;

/** See the file head. Commands carry a request id, so a repeat after a failure applies once (rule M2). */
export class GroupStore implements GroupStorePort {
  readonly #meta: MetaClient;
  readonly #registration: () => Registration;
  readonly #tenant: string;

  constructor(meta: MetaClient, registration: () => Registration, tenant: string) {
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

  async claim(groupId: string) {
    const request = this.#command(groupId);
    const answer = await this.#meta.persist(() => this.#meta.groups.claimGroup(request));
    return {
      granted: answer.granted,
      claim: claimView(answer.claim) ?? { nodeId: '', coordinatorEpoch: 0, live: false },
      metadata: Buffer.from(answer.metadata),
      exists: answer.exists,
    };
  }

  async lookup(groupIds: readonly string[]): Promise<(GroupClaim | undefined)[]> {
    const groups = groupIds.map((groupId) => ({ tenant: this.#tenant, groupId }));
    const { claims } = await this.#meta.persist(
      () => this.#meta.groups.lookupGroups({ groups }),
      LINEARIZABLE_ATTEMPTS,
    );
    return claims.map(claimView);
  }

  async putMetadata(
    groupId: string,
    coordinatorEpoch: number,
    record: { readonly metadata: Buffer; readonly state: string; readonly protocolType: string },
  ): Promise<void> {
    const request = { ...this.#command(groupId), coordinatorEpoch, ...record };
    await this.#meta.persist(() => this.#meta.groups.putGroupMetadata(request));
  }

  async commitOffsets(
    groupId: string,
    coordinatorEpoch: number,
    offsets: readonly CommittedOffset[],
  ): Promise<void> {
    const rows = offsets.map((row) => ({
      ...row,
      offset: BigInt(row.offset),
      committedAtMs: BigInt(row.committedAtMs),
    }));
    const request = { ...this.#command(groupId), coordinatorEpoch, offsets: rows };
    await this.#meta.persist(() => this.#meta.groups.commitOffsets(request));
  }

  async fetchOffsets(groupId: string, shards: Shards | null): Promise<CommittedOffset[]> {
    const request = {
      group: { tenant: this.#tenant, groupId },
      shards: (shards ?? []).map(({ streamId, shard }) => ({ streamId, shard })),
      all: shards === null,
    };
    const { offsets } = await this.#meta.persist(
      () => this.#meta.groups.fetchOffsets(request),
      LINEARIZABLE_ATTEMPTS,
    );
    return offsets.map(offsetView);
  }

  async deleteOffsets(groupId: string, coordinatorEpoch: number, shards: Shards): Promise<void> {
    const refs = shards.map(({ streamId, shard }) => ({ streamId, shard }));
    const request = { ...this.#command(groupId), coordinatorEpoch, shards: refs };
    await this.#meta.persist(() => this.#meta.groups.deleteOffsets(request));
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
