// In-memory meta behind the cluster, topic and group ports.
import { randomBytes } from 'node:crypto';
import { BrokerError } from '@robustmq/errors';
import type { CommittedOffset, GroupClaim, GroupStorePort, GroupSummary } from '@robustmq/meta-client';
import type { GroupRowChanges, StoredGroup } from '@robustmq/meta-client/testing';
import type {
  BrokerView,
  ClusterViewPort,
  CreateTopic,
  TopicCommandsPort,
  TopicView,
} from '../../src/ports.ts';

export class FakeMeta implements ClusterViewPort, TopicCommandsPort {
  readonly clusterId = 'fake-cluster';
  readonly selfNodeId: string = 'kafka-1';
  readonly selfNumber = 1;
  readonly all = new Map<string, TopicView>();
  readonly live: BrokerView[] = [
    { nodeId: 'kafka-1', incarnation: 1, number: 1, address: '127.0.0.1:1', rack: null },
  ];
  readonly dynamicConfig = new Map<string, string>();
  commandError: BrokerError | undefined;
  readonly created: CreateTopic[] = [];
  allocations = 0;
  #nextStream = 1;

  add(name: string, partitions = 1, config: Record<string, string> = {}): TopicView {
    const topic: TopicView = {
      streamId: this.#nextStream,
      name,
      topicId: randomBytes(16).toString('base64url'),
      internal: false,
      config,
      defaults: {},
      partitions: Array.from({ length: partitions }, (_, shard) => ({
        shard,
        leaderEpoch: 3,
        hasLeader: true,
        replicaCount: 1,
        isrCount: 1,
      })),
    };
    this.#nextStream += 1;
    this.all.set(name, topic);
    return topic;
  }

  topicByName(name: string): TopicView | undefined {
    return this.all.get(name);
  }

  topicById(topicId: string): TopicView | undefined {
    return [...this.all.values()].find((topic) => topic.topicId === topicId);
  }

  topicByStreamId(streamId: number): TopicView | undefined {
    return [...this.all.values()].find((topic) => topic.streamId === streamId);
  }

  topics(): TopicView[] {
    return [...this.all.values()];
  }

  collidingTopic(name: string): string | undefined {
    const fold = (each: string): string => each.replaceAll('.', '_');
    return [...this.all.keys()].find((other) => other !== name && fold(other) === fold(name));
  }

  brokers(): BrokerView[] {
    return this.live;
  }

  config(key: string): string | undefined {
    return this.dynamicConfig.get(key);
  }

  createTopic(request: CreateTopic): Promise<TopicView> {
    this.created.push(request);
    if (this.commandError !== undefined) return Promise.reject(this.commandError);
    if (this.all.has(request.name)) return Promise.reject(new BrokerError('already_exists', request.name));
    const topic = this.add(request.name, request.partitions || 1, { ...request.config });
    if (request.validateOnly) this.all.delete(request.name);
    return Promise.resolve(topic);
  }

  deleteTopic(topic: TopicView): Promise<void> {
    if (this.commandError !== undefined) return Promise.reject(this.commandError);
    this.all.delete(topic.name);
    return Promise.resolve();
  }

  addPartitions(topic: TopicView, totalCount: number, validateOnly: boolean): Promise<void> {
    if (this.commandError !== undefined) return Promise.reject(this.commandError);
    if (validateOnly) return Promise.resolve();
    const partitions = Array.from({ length: totalCount }, (_, shard) => ({
      shard,
      leaderEpoch: 0,
      hasLeader: true,
      replicaCount: 1,
      isrCount: 1,
    }));
    this.all.set(topic.name, { ...topic, partitions });
    return Promise.resolve();
  }

  alterConfig(
    topic: TopicView,
    set: Readonly<Record<string, string>>,
    remove: readonly string[],
    validateOnly: boolean,
  ): Promise<void> {
    if (this.commandError !== undefined) return Promise.reject(this.commandError);
    const config = { ...topic.config, ...set };
    for (const name of remove) delete config[name];
    if (!validateOnly) this.all.set(topic.name, { ...topic, config });
    return Promise.resolve();
  }

  allocateProducerIds(count: number): Promise<{ base: number; count: number }> {
    if (this.commandError !== undefined) return Promise.reject(this.commandError);
    this.allocations += 1;
    return Promise.resolve({ base: this.allocations * 10_000, count });
  }
}

interface FakeGroup {
  claim: GroupClaim;
  stored: StoredGroup | undefined;
  readonly offsets: Map<string, CommittedOffset>;
}

export class FakeGroupStore implements GroupStorePort {
  readonly groups = new Map<string, FakeGroup>();
  readonly puts: string[] = [];
  error: BrokerError | undefined;
  /** Fails writes only. */
  writeError: BrokerError | undefined;

  group(groupId: string): FakeGroup {
    let group = this.groups.get(groupId);
    if (group === undefined) {
      const claim = { nodeId: '', coordinatorEpoch: 0, live: false };
      group = { claim, stored: undefined, offsets: new Map() };
      this.groups.set(groupId, group);
    }
    return group;
  }

  async claim(groupId: string) {
    await Promise.resolve();
    if (this.error !== undefined) throw this.error;
    const exists = this.groups.has(groupId);
    const group = this.group(groupId);
    if (group.claim.live && group.claim.nodeId !== 'kafka-1') {
      return { granted: false, claim: group.claim, stored: undefined, exists };
    }
    group.claim = { nodeId: 'kafka-1', coordinatorEpoch: group.claim.coordinatorEpoch + 1, live: true };
    return { granted: true, claim: group.claim, stored: group.stored, exists };
  }

  async lookup(groupIds: readonly string[]) {
    await Promise.resolve();
    if (this.error !== undefined) throw this.error;
    return groupIds.map((groupId) => this.groups.get(groupId)?.claim);
  }

  async putRows(groupId: string, coordinatorEpoch: number, changes: GroupRowChanges) {
    await this.#check(groupId, coordinatorEpoch);
    this.puts.push(`${groupId} ${changes.head.state}`);
    const group = this.group(groupId);
    group.stored = applied(changes.replace ? undefined : group.stored, changes);
  }

  async commitOffsets(groupId: string, coordinatorEpoch: number, offsets: readonly CommittedOffset[]) {
    await this.#check(groupId, coordinatorEpoch);
    for (const row of offsets) this.group(groupId).offsets.set(`${row.streamId}/${row.shard}`, row);
  }

  async fetchOffsets(groupId: string, shards: readonly { streamId: number; shard: number }[] | null) {
    await Promise.resolve();
    if (this.error !== undefined) throw this.error;
    const rows = [...(this.groups.get(groupId)?.offsets.values() ?? [])];
    return rows.filter(
      (row) => shards?.some((s) => s.streamId === row.streamId && s.shard === row.shard) ?? true,
    );
  }

  async deleteOffsets(
    groupId: string,
    coordinatorEpoch: number,
    shards: readonly { streamId: number; shard: number }[],
  ) {
    await this.#check(groupId, coordinatorEpoch);
    for (const { streamId, shard } of shards) this.group(groupId).offsets.delete(`${streamId}/${shard}`);
  }

  async deleteGroup(groupId: string, coordinatorEpoch: number) {
    await this.#check(groupId, coordinatorEpoch);
    this.groups.delete(groupId);
  }

  async *list(): AsyncIterable<GroupSummary> {
    await Promise.resolve();
    if (this.error !== undefined) throw this.error;
    for (const [groupId, { stored, claim }] of this.groups) {
      const { state, protocolType } = stored?.head ?? { state: '', protocolType: '' };
      yield { groupId, state, protocolType, claim };
    }
  }

  async #check(groupId: string, coordinatorEpoch: number): Promise<void> {
    await Promise.resolve();
    if (this.error !== undefined) throw this.error;
    if (this.writeError !== undefined) throw this.writeError;
    if (this.group(groupId).claim.coordinatorEpoch !== coordinatorEpoch)
      throw new BrokerError('fenced', 'stale epoch');
  }
}

/** What is stored once these rows have changed. */
function applied(stored: StoredGroup | undefined, changes: GroupRowChanges): StoredGroup {
  const { head, gone } = changes;
  const rows = <R extends { readonly memberId: string }>(
    before: readonly R[] = [],
    after: readonly R[],
  ): R[] => {
    const named = new Map([...before, ...after].map((row) => [row.memberId, row]));
    for (const memberId of gone) named.delete(memberId);
    return [...named.values()];
  };
  return {
    head,
    isComplete: true,
    members: rows(stored?.members, changes.members),
    targets: rows(stored?.targets, changes.targets),
  };
}
