// A real client library against the gateway over fakes: what a unit test of a handler would not think of.
import { CompressionTypes, Kafka, logLevel, type Producer } from 'kafkajs';
import { RunningGateway } from './fakes/running-gateway.ts';

describe('kafkajs', () => {
  let running: RunningGateway;
  let kafka: Kafka;
  const cleanups: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    running = await RunningGateway.start();
    kafka = new Kafka({
      clientId: 'kafkajs',
      brokers: [`127.0.0.1:${running.port}`],
      logLevel: logLevel.NOTHING,
    });
  });

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();

    await running.stop();
  });

  async function producer(options: Parameters<Kafka['producer']>[0] = {}): Promise<Producer> {
    const made = kafka.producer(options);
    await made.connect();
    cleanups.push(() => made.disconnect());
    return made;
  }

  test('produces and consumes in a group, from the beginning', async () => {
    const admin = kafka.admin();
    await admin.connect();
    cleanups.push(() => admin.disconnect());
    await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 2 }] });
    const sender = await producer();
    await sender.send({
      topic: 'orders',
      messages: Array.from({ length: 20 }, (_, i) => ({ key: `k${i}`, value: `v${i}` })),
    });
    const consumer = kafka.consumer({ groupId: 'g', maxWaitTimeInMs: 100 });
    await consumer.connect();
    cleanups.push(() => consumer.disconnect());
    await consumer.subscribe({ topic: 'orders', fromBeginning: true });
    const values = new Set<string>();
    await new Promise<void>((resolve) => {
      void consumer.run({
        autoCommit: false,
        eachMessage: async ({ message }) => {
          values.add(String(message.value));
          if (values.size === 20) resolve();
          return Promise.resolve();
        },
      });
    });
    await consumer.commitOffsets([{ topic: 'orders', partition: 0, offset: '7' }]);
    expect(await admin.fetchOffsets({ groupId: 'g', topics: ['orders'] })).toEqual([
      {
        topic: 'orders',
        partitions: expect.arrayContaining([expect.objectContaining({ partition: 0, offset: '7' })]),
      },
    ]);
    const described = await admin.describeGroups(['g']);
    expect(described.groups[0]).toMatchObject({ state: 'Stable', protocolType: 'consumer' });
    expect(running.store.puts).toContain('g Stable');
  });

  test('an idempotent producer, gzip and auto-create', async () => {
    const sender = await producer({ idempotent: true, maxInFlightRequests: 1 });
    for (let round = 0; round < 3; round += 1) {
      await sender.send({
        topic: 'fresh',
        compression: CompressionTypes.GZIP,
        messages: [{ value: 'a' }, { value: 'b' }],
      });
    }
    const topic = running.meta.topicByName('fresh');
    expect(running.journal.shard(topic?.streamId ?? 0, 0).endOffset).toBe(6);
    expect(running.meta.created[0]).toMatchObject({ name: 'fresh', autoCreated: true });
  });

  test('admin calls: configs, partitions, offsets, deletion', async () => {
    const admin = kafka.admin();
    await admin.connect();
    cleanups.push(() => admin.disconnect());
    await admin.createTopics({
      topics: [{ topic: 't', configEntries: [{ name: 'retention.ms', value: '1000' }] }],
    });
    const configs = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: 't', configNames: ['retention.ms'] }],
    });
    expect(configs.resources[0]?.configEntries).toEqual([
      expect.objectContaining({ configName: 'retention.ms', configValue: '1000' }),
    ]);
    // kafkajs knows only AlterConfigs, which replaces all.
    const configEntries = [{ name: 'segment.ms', value: '2000' }];
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: 't', configEntries }] });
    expect(running.meta.topicByName('t')?.config).toEqual({ 'segment.ms': '2000' });
    await admin.createPartitions({ topicPartitions: [{ topic: 't', count: 3 }] });
    expect(await admin.fetchTopicOffsets('t')).toHaveLength(3);
    expect(await admin.describeCluster()).toMatchObject({ clusterId: 'fake-cluster', controller: 1 });
    await admin.deleteTopics({ topics: ['t'] });
    expect(await admin.listTopics()).toEqual([]);
  });
});
