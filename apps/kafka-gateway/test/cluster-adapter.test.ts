// The cluster in Kafka's words: topics of one tenant, brokers, and names that collide.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ClusterView, type Registration } from '@robustmq/meta-client';
import { ServiceKind, WatchClusterResponseSchema, type ClusterChangeSchema } from '@robustmq/rpc';
import { ClusterAdapter } from '../src/adapters/cluster-adapter.ts';

type Row = MessageInitShape<typeof ClusterChangeSchema>;

const topicId = (streamId: number): Buffer => Buffer.from(String(streamId).padStart(16, '0'));
const stream = (streamId: number, name: string, over: object = {}): Row => ({
  change: {
    case: 'stream',
    value: {
      streamId,
      tenant: 'default',
      name,
      topicId: topicId(streamId),
      shards: [
        {
          shard: 0,
          leader: 'j1',
          leaderEpoch: 3,
          replicas: [{ nodeId: 'j1' }],
          isrMembers: [{ nodeId: 'j1' }],
        },
        { shard: 1, leader: '', leaderEpoch: 4, replicas: [{ nodeId: 'j1' }] },
      ],
      ...over,
    },
  },
});
const deleted = (streamId: number): Row => ({ change: { case: 'deletedStreamId', value: streamId } });
const gateway = (nodeId: string, number: number, over: object = {}): Row => ({
  change: {
    case: 'node',
    value: {
      identity: { nodeId, incarnation: BigInt(number) },
      kind: ServiceKind.KAFKA_GATEWAY,
      live: true,
      number,
      endpoints: { kafka: `${nodeId}:9092` },
      ...over,
    },
  },
});

describe('ClusterAdapter', () => {
  let view: ClusterView;
  let cluster: ClusterAdapter;
  let revision = 0;
  const apply = (...changes: Row[]): void => {
    revision += 1;
    const snapshot = revision === 1 ? { snapshot: true, snapshotComplete: true, nextStreamId: 100 } : {};
    const clusterId = '00112233-4455-6677-8899-aabbccddeeff';
    view.apply(
      create(WatchClusterResponseSchema, { revision: BigInt(revision), clusterId, changes, ...snapshot }),
    );
  };

  beforeEach(() => {
    revision = 0;
    view = new ClusterView();
    cluster = new ClusterAdapter(view, 'default');
  });

  test('a stream is a topic, found by name and by both of its ids', () => {
    apply(stream(7, 'orders', { config: { 'retention.ms': '1000' }, mqttFilter: 'orders/#' }));
    const topic = cluster.topicByName('orders');
    expect(topic).toMatchObject({
      streamId: 7,
      name: 'orders',
      topicId: topicId(7).toString('base64url'),
      config: { 'retention.ms': '1000' },
      defaults: { 'mqtt.filter': 'orders/#' },
      partitions: [
        { shard: 0, leaderEpoch: 3, hasLeader: true, replicaCount: 1, isrCount: 1 },
        { shard: 1, leaderEpoch: 4, hasLeader: false, replicaCount: 1, isrCount: 0 },
      ],
    });
    expect(cluster.topicById(topicId(7).toString('base64url'))).toBe(topic);
    expect(cluster.topicByStreamId(7)).toBe(topic);
    expect(cluster.topics()).toEqual([topic]);
    // Until the row is replaced, and then another.
    apply(stream(7, 'orders'));
    expect(cluster.topicByName('orders')).not.toBe(topic);
  });

  test("N16: another tenant's streams do not exist, by whatever id", () => {
    apply(stream(7, 'a.b', { tenant: 'other' }));
    expect(cluster.topicByName('a.b')).toBeUndefined();
    expect(cluster.topicById(topicId(7).toString('base64url'))).toBeUndefined();
    expect(cluster.topicByStreamId(7)).toBeUndefined();
    expect(cluster.topics()).toEqual([]);
    expect(cluster.collidingTopic('a_b')).toBeUndefined();
  });

  test('brokers are the live gateways by number, as of now', () => {
    apply(
      gateway('kafka-2', 9, { zone: 'b' }),
      gateway('kafka-1', 4),
      gateway('kafka-3', 5, { live: false }),
    );
    expect(cluster.brokers()).toEqual([
      { nodeId: 'kafka-1', incarnation: 4, number: 4, address: 'kafka-1:9092', rack: null },
      { nodeId: 'kafka-2', incarnation: 9, number: 9, address: 'kafka-2:9092', rack: 'b' },
    ]);
    apply(gateway('kafka-2', 9, { live: false }));
    expect(cluster.brokers().map(({ number }) => number)).toEqual([4]);
  });

  test('the cluster id has the form of a UUID in Kafka; who this is, is known once it is registered', () => {
    apply();
    expect(cluster.clusterId).toBe('ABEiM0RVZneImaq7zN3u_w');
    expect(() => cluster.selfNumber).toThrow(/registered/);
    cluster.registered({ node: { number: 4, nodeId: 'kafka-1' } } as Registration);
    expect([cluster.selfNumber, cluster.selfNodeId]).toEqual([4, 'kafka-1']);
  });

  describe('names that Kafka takes for the same in its metrics', () => {
    test.each([
      ['a.b', 'a_b', true],
      ['a_b', 'a.b', true],
      ['a.b_c', 'a_b.c', true],
      ['a.b', 'a.b', false],
      ['a.b', 'a-b', false],
      ['a.b', 'a..b', false],
      ['ab', 'a.b', false],
      ['a.b', 'A_b', false],
    ])('%s beside %s: %s', (existing, name, collides) => {
      apply(stream(1, existing));
      expect(cluster.collidingTopic(name)).toBe(collides ? existing : undefined);
    });

    test('a topic that is gone collides with nobody; one that took its place does', () => {
      apply(stream(1, 'a.b'));
      apply(stream(1, 'a.b', { config: { 'retention.ms': '1' } }));
      apply(deleted(1));
      expect(cluster.collidingTopic('a_b')).toBeUndefined();
      apply(stream(2, 'a.b'), stream(3, 'x.y'));
      // The name may be taken again before its last holder is forgotten.
      apply(stream(4, 'a.b'), deleted(2));
      expect(cluster.collidingTopic('a_b')).toBe('a.b');
      apply(deleted(4));
      expect(cluster.collidingTopic('a_b')).toBeUndefined();
      expect(cluster.collidingTopic('x_y')).toBe('x.y');
    });

    test('N8: no lookup goes over the topics', () => {
      apply(...Array.from({ length: 2_000 }, (_, index) => stream(index + 1, `topic.${index}`)));
      const walk = (): never => {
        throw new RangeError('goes over all topics');
      };
      Object.assign(cluster, { topics: walk });
      Object.defineProperty(view, 'streams', { get: walk });
      for (let index = 0; index < 2_000; index += 1) {
        expect(cluster.collidingTopic(`topic_${index}`)).toBe(`topic.${index}`);
        expect(cluster.collidingTopic(`other_${index}`)).toBeUndefined();
      }
    });

    test('a view that came before the adapter is known whole', () => {
      apply(stream(1, 'a.b'));
      expect(new ClusterAdapter(view, 'default').collidingTopic('a_b')).toBe('a.b');
    });
  });
});
