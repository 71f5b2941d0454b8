// N8: commands that lead thousands of shards elsewhere let others have the loop in between, and nobody sees a part of them.
import { create, fromBinary } from '@bufbuild/protobuf';
import {
  ClaimLeadershipRequestSchema,
  ClusterChangeSchema,
  CreateStreamRequestSchema,
  CreateStreamResponseSchema,
  EndNodesSchema,
  ServiceKind,
  type NodeIdentity,
} from '@robustmq/rpc';
import { ManualClock } from '@robustmq/runtime/testing';
import { ClusterState } from '../src/cluster/cluster-state.ts';
import { CLUSTER_FAMILY } from '../src/families.ts';
import { Leases } from '../src/leases.ts';
import { LargeCluster } from './support/large-cluster.ts';
import { failing } from './support/test-meta.ts';

const STREAMS = 1_000;
const SHARDS_EACH = 4;

describe('N8: an incarnation with 4,000 shards', () => {
  let cluster: LargeCluster;
  let journal: NodeIdentity;
  beforeEach(async () => {
    cluster = new LargeCluster();
    await cluster.register('journal-1', ServiceKind.JOURNAL, 'd1');
    await cluster.register('mqtt-1', ServiceKind.MQTT_GATEWAY);
    cluster.addStreams(STREAMS, SHARDS_EACH, 'journal-1');
    // The built-in stream is led by the same journal under its first epoch.
    journal = cluster.state.nodes.get('journal-1')!.identity!;
  });

  const end = () => cluster.apply({ case: 'endNodes', value: create(EndNodesSchema, { nodes: [journal] }) });
  const claim = (node: NodeIdentity) =>
    cluster.apply({ case: 'claimLeadership', value: create(ClaimLeadershipRequestSchema, { node }) });
  const register = () => cluster.register('journal-1', ServiceKind.JOURNAL, 'd1');

  /** Looked at whenever the loop turns: one state before, another after, none in between. */
  const watched = async (run: () => Promise<unknown>): Promise<Set<string>[]> => {
    const seen: Set<string>[] = [cluster.leaders()];
    const revision = cluster.state.meta.revision;
    cluster.betweenSlices = () => {
      expect(cluster.state.meta.revision).toBe(revision);
      seen.push(cluster.leaders());
    };
    await run();
    cluster.betweenSlices = () => undefined;
    seen.push(cluster.leaders());
    return seen;
  };

  test.each([
    ['its end', end],
    ['its next registration', register],
    [
      'its claim',
      async () => {
        const incarnation = await register();
        await claim({ ...journal, incarnation });
      },
    ],
  ])('%s takes slices of five milliseconds, a unit of work for each row and step', async (_what, run) => {
    await run();
    expect(cluster.longestMs).toBeLessThanOrEqual(LargeCluster.SLICE_MS);
    // Rows are changed, encoded and put into the batch one by one.
    expect(cluster.looks).toBeGreaterThan(3 * STREAMS);
    expect(cluster.turns).toBeGreaterThan(100);
  });

  test('no part of its end is visible; then all of it is, to readers, in the store and for watchers', async () => {
    const told = cluster.told.length;
    const seen = await watched(end);
    const [before, ...rest] = seen;
    const after = rest.pop()!;
    expect(seen.length).toBeGreaterThan(100);
    for (const each of rest) expect(each).toEqual(before);
    expect([...after]).toEqual([`/${journal.incarnation}/0`]);
    expect(cluster.told.length).toBe(told + 1);
    const changes = cluster.told.at(-1)!.changes.map((bytes) => fromBinary(ClusterChangeSchema, bytes));
    expect(changes.filter(({ change }) => change.case === 'stream')).toHaveLength(STREAMS + 1);
    const rows = await cluster.store.scan(CLUSTER_FAMILY, { from: Buffer.alloc(0), limit: 10_000 });
    expect(ClusterState.load(rows).streams).toEqual(cluster.state.streams);
  });

  test('leases are renewed between slices', async () => {
    const leases = new Leases(cluster.state, new ManualClock(), 1_500);
    const { identity } = cluster.state.nodes.get('mqtt-1')!;
    let renewals = 0;
    cluster.betweenSlices = () => {
      leases.renew(identity);
      renewals++;
    };
    await end();
    expect(renewals).toBeGreaterThan(100);
  });

  test('M2: however a command is cut, it gives the same rows', async () => {
    const rows = await cluster.store.scan(CLUSTER_FAMILY, { from: Buffer.alloc(0), limit: 10_000 });
    const other = new LargeCluster(ClusterState.load(rows), 0);
    other.addStreams(STREAMS, SHARDS_EACH, 'journal-1');
    for (const each of [cluster, other])
      await each.apply({ case: 'endNodes', value: create(EndNodesSchema, { nodes: [journal] }) });
    expect([other.turns, cluster.turns > 100]).toEqual([0, true]);
    expect([...other.state.streams.values()]).toEqual([...cluster.state.streams.values()]);
    expect(other.state.meta).toEqual(cluster.state.meta);
  });

  test('a creation costs the same however many streams there are', async () => {
    const createOne = (name: string) =>
      cluster.apply({
        case: 'createStream',
        value: create(CreateStreamRequestSchema, {
          tenant: 'default',
          name,
          config: { 'mqtt.filter': name },
        }),
      });
    await createOne('a');
    const few = cluster.looks;
    cluster.addStreams(10 * STREAMS, 1, 'journal-1');
    await createOne('b');
    expect(cluster.looks).toBe(few + 1);
  });

  test('I8: the kept answer of a creation names no shards, however many there are', async () => {
    const value = create(CreateStreamRequestSchema, { tenant: 'default', name: 'wide', shards: 1_000 });
    const bytes = await cluster.apply({ case: 'createStream', value });
    expect(bytes.length).toBeLessThan(200);
    const { stream } = fromBinary(CreateStreamResponseSchema, bytes);
    expect(cluster.state.streams.get(stream!.streamId)!.shards).toHaveLength(1_000);
    expect(cluster.longestMs).toBeLessThanOrEqual(LargeCluster.SLICE_MS);
  });

  test('a command that is refused after some steps has changed nothing', async () => {
    const rows = await cluster.store.scan(CLUSTER_FAMILY, { from: Buffer.alloc(0), limit: 10_000 });
    const { meta } = cluster.state;
    const value = create(CreateStreamRequestSchema, { tenant: 'default', name: 's2' });
    await expect(cluster.apply({ case: 'createStream', value })).rejects.toEqual(failing('already_exists'));
    await expect(claim({ ...journal, incarnation: 99n })).rejects.toEqual(failing('fenced'));
    const marks = ({ key }: { key: Buffer }): boolean => key.toString() !== 'a';
    const now = await cluster.store.scan(CLUSTER_FAMILY, { from: Buffer.alloc(0), limit: 10_000 });
    expect(now.filter(marks)).toEqual(rows.filter(marks));
    expect(cluster.state.meta).toBe(meta);
  });
});
