// Random commands of the cluster group against a model of what they mean: what is served, what is stored, what watchers add up
// and what is counted are one and the same, and a refused command leaves no byte behind.
import { create, fromBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  AddShardsRequestSchema,
  ClusterChangeSchema,
  CreateStreamRequestSchema,
  DeleteStreamRequestSchema,
  DeleteUserRequestSchema,
  EndNodesSchema,
  PutDynamicConfigRequestSchema,
  PutUserRequestSchema,
  RegisterNodeRequestSchema,
  ServiceKind,
  type ClusterChange,
  type Command,
} from '@robustmq/rpc';
import fc from 'fast-check';
import { ClusterState } from '../src/cluster/cluster-state.ts';
import { StreamIndex } from '../src/cluster/stream-index.ts';
import { CLUSTER_FAMILY } from '../src/families.ts';
import { LargeCluster } from './support/large-cluster.ts';
import { USER } from './support/users.ts';

type Step =
  | { readonly kind: 'create'; readonly name: string; readonly shards: number; readonly filter: string }
  | { readonly kind: 'add'; readonly name: string; readonly total: number }
  | { readonly kind: 'delete' | 'putUser' | 'deleteUser' | 'register' | 'end'; readonly name: string }
  | { readonly kind: 'config'; readonly value: string };

/** What the commands mean, without rows, epochs or bytes. */
class Model {
  readonly streams = new Map<string, { shards: number; filter: string }>();
  readonly users = new Set<string>();
  readonly live = new Set<string>();
  readonly known = new Set<string>();
  partitions = '';

  /** The code of the failure, empty for success. */
  run(step: Step): string {
    switch (step.kind) {
      case 'create':
        return this.#create(step);
      case 'add': {
        const stream = this.streams.get(step.name);
        if (stream === undefined) return 'not_found';
        if (step.total <= stream.shards) return 'invalid_argument';
        if (this.live.size === 0) return 'not_enough_replicas';
        stream.shards = step.total;
        return '';
      }
      case 'delete':
        return this.streams.delete(step.name) ? '' : 'not_found';
      case 'putUser':
        this.users.add(step.name);
        return '';
      case 'deleteUser':
        return this.users.delete(step.name) ? '' : 'not_found';
      case 'register':
        this.live.add(step.name);
        return '';
      case 'end':
        this.live.delete(step.name);
        return '';
      case 'config':
        if (step.value === '0') return 'invalid_argument';
        this.partitions = step.value;
        return '';
    }
  }

  #create({ name, shards, filter }: Extract<Step, { kind: 'create' }>): string {
    if (this.streams.has(name)) return 'already_exists';
    const filters = [...this.streams.values()].map((stream) => stream.filter);
    if (filter !== '' && filters.some((other) => conflicts(other, filter))) return 'conflict';
    if (this.live.size === 0) return 'not_enough_replicas';
    this.streams.set(name, { shards: shards || Number(this.partitions || 1), filter });
    return '';
  }
}

/** Pairs that overlap without containment. */
const OVERLAPS = new Set(['+/b,a/+', '+/b,x/#']);

function conflicts(one: string, other: string): boolean {
  return one !== '' && (one === other || OVERLAPS.has([one, other].sort().join()));
}

const name = fc.constantFrom('a', 'b', 'c', 'd');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('create' as const),
    name,
    shards: fc.nat(3),
    filter: fc.constantFrom('', '', 'a/b', 'a/+', '+/b', 'x/#'),
  }),
  fc.record({ kind: fc.constant('add' as const), name, total: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constantFrom('delete' as const, 'putUser' as const, 'deleteUser' as const), name }),
  fc.record({
    kind: fc.constantFrom('register' as const, 'end' as const),
    name: fc.constantFrom('j1', 'j2'),
  }),
  fc.record({ kind: fc.constant('config' as const), value: fc.constantFrom('', '0', '2', '3') }),
);

/** The command that a step stands for; undefined when it names what is not there to be named. */
function commandOf(step: Step, state: ClusterState): Command['command'] | undefined {
  const tenant = 'default';
  switch (step.kind) {
    case 'create': {
      const config: Record<string, string> = step.filter === '' ? {} : { 'mqtt.filter': step.filter };
      const { name, shards } = step;
      return {
        case: 'createStream',
        value: create(CreateStreamRequestSchema, { tenant, name, shards, config }),
      };
    }
    case 'add': {
      const streamId = state.streamByName(tenant, step.name)?.streamId ?? 999;
      return {
        case: 'addShards',
        value: create(AddShardsRequestSchema, { streamId, totalShards: step.total }),
      };
    }
    case 'delete':
      return { case: 'deleteStream', value: create(DeleteStreamRequestSchema, { tenant, name: step.name }) };
    case 'putUser': {
      const user = { tenant, name: step.name, ...USER };
      return { case: 'putUser', value: create(PutUserRequestSchema, { user }) };
    }
    case 'deleteUser':
      return { case: 'deleteUser', value: create(DeleteUserRequestSchema, { tenant, name: step.name }) };
    case 'register': {
      const init = { nodeId: step.name, kind: ServiceKind.JOURNAL, directoryId: `disk-${step.name}` };
      return { case: 'registerNode', value: create(RegisterNodeRequestSchema, init) };
    }
    case 'end': {
      const nodes = [state.nodes.get(step.name)?.identity ?? { nodeId: step.name, incarnation: 99n }];
      return { case: 'endNodes', value: create(EndNodesSchema, { nodes }) };
    }
    case 'config': {
      const entries = [{ key: 'streams.default.partitions', value: step.value }];
      return { case: 'putDynamicConfig', value: create(PutDynamicConfigRequestSchema, { entries }) };
    }
  }
}

/** What a watcher that adds up changes has. */
class View {
  readonly rows = new Map<string, unknown>();

  apply(changes: readonly Buffer[]): void {
    for (const bytes of changes) this.#apply(fromBinary(ClusterChangeSchema, bytes));
  }

  #apply({ change }: ClusterChange): void {
    switch (change.case) {
      case 'node':
        return void this.rows.set(`n ${change.value.identity!.nodeId}`, change.value);
      case 'stream':
        return void this.rows.set(`t ${change.value.streamId}`, change.value);
      case 'user':
        return void this.rows.set(`u ${change.value.name}`, change.value);
      case 'config':
        if (change.value.value === '') this.rows.delete(`c ${change.value.key}`);
        else this.rows.set(`c ${change.value.key}`, change.value);
        return;
      case 'deletedStreamId':
        return void this.rows.delete(`t ${change.value}`);
      case 'deletedUser':
        return void this.rows.delete(`u ${change.value.name}`);
      case 'deletedNodeId':
        return void this.rows.delete(`n ${change.value}`);
      default:
        this.rows.set(change.case ?? '', change.value);
    }
  }
}

async function run(cluster: LargeCluster, command: Command['command']): Promise<string> {
  try {
    await cluster.apply(command);
    return '';
  } catch (thrown) {
    if (thrown instanceof BrokerError) return thrown.code;
    throw thrown;
  }
}

const rowsOf = async (cluster: LargeCluster) => {
  const rows = await cluster.store.scan(CLUSTER_FAMILY, { from: Buffer.alloc(0), limit: 1_000 });
  return rows.filter(({ key }) => key.toString() !== 'a');
};

test('commands do what the model says; rows, counts and watchers agree (I6, M2)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
      const cluster = new LargeCluster();
      const model = new Model();
      const view = new View();
      for (const each of steps) {
        const before = await rowsOf(cluster);
        const told = cluster.told.length;
        const expected = model.run(each);
        const code = await run(cluster, commandOf(each, cluster.state)!);
        expect([each, code]).toEqual([each, expected]);
        if (code !== '') expect([await rowsOf(cluster), cluster.told.length]).toEqual([before, told]);
        for (const { changes } of cluster.told.slice(told)) view.apply(changes);
      }
      const { state } = cluster;
      const own = [...state.streams.values()].filter(({ internal }) => !internal);
      expect(own.map((row) => [row.name, { shards: row.shards.length, filter: row.mqttFilter }])).toEqual([
        ...model.streams,
      ]);
      expect([...state.users.values()].map((user) => user.name).sort()).toEqual([...model.users].sort());
      expect(
        [...state.nodes.values()]
          .filter(({ live }) => live)
          .map(({ identity }) => identity!.nodeId)
          .sort(),
      ).toEqual([...model.live].sort());
      // Every shard of a stream that lives is led by a live journal or by nobody.
      for (const { leader } of own.flatMap(({ shards }) => shards))
        expect(leader === '' || model.live.has(leader)).toBe(true);
      const stored = ClusterState.load(await rowsOf(cluster));
      for (const table of ['nodes', 'streams', 'users', 'config', 'deletions'] as const)
        expect(stored[table]).toEqual(state[table]);
      expect(stored.meta).toEqual(state.meta);
      const counted = new StreamIndex();
      for (const stream of state.streams.values()) counted.changed(undefined, stream);
      for (const index of [state.index, stored.index]) {
        expect(index.usageOf('default')).toEqual(counted.usageOf('default'));
        expect(index.unsettled).toEqual(counted.unsettled);
        for (const filter of ['a/b', '+/b', 'x/#'])
          expect(index.conflict('default', filter)?.owner).toBe(counted.conflict('default', filter)?.owner);
      }
      const fresh = new View();
      fresh.apply(state.snapshot());
      if (cluster.told.length > 0)
        for (const [key, row] of fresh.rows)
          expect([key, view.rows.get(key) ?? zero(row)]).toEqual([key, row]);
      for (const key of view.rows.keys()) expect(fresh.rows.has(key)).toBe(true);
      expect(cluster.told.map(({ revision }) => revision)).toEqual(
        Array.from({ length: cluster.told.length }, (_, i) => BigInt(i + 1)),
      );
    }),
    { numRuns: 150 },
  );
}, 60_000);

/** A counter that never changed was never told of. */
function zero(row: unknown): unknown {
  return typeof row === 'object' ? undefined : row;
}
