// What clients may do is told to those who ask (KIP-430).
import { RunningGateway } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const METADATA = 3;
const DESCRIBE_GROUPS = 15;
const DESCRIBE_CLUSTER = 60;
const DESCRIBE_TOPIC_PARTITIONS = 75;
const NOT_ASKED = -(2 ** 31);
const [WRITE, DELETE, DESCRIBE] = [1 << 4, 1 << 6, 1 << 8];

let running: RunningGateway;
let client: WireClient;

async function start(allowProduceToMqtt = false): Promise<void> {
  running = await RunningGateway.start({ settings: { allowProduceToMqtt } });
  running.meta.add('t');
  running.meta.add('mqtt');
  client = await running.client();
}
afterEach(() => running.stop());

test.each([
  [false, 0],
  [true, WRITE],
])('on topics; mqtt is written only where the gateway allows it (%s)', async (allowed, write) => {
  await start(allowed);
  const described = await client.call(DESCRIBE_TOPIC_PARTITIONS, 0, {
    topics: [{ name: 'mqtt' }, { name: 't' }],
    responsePartitionLimit: 100,
  });
  const asked = await client.call(METADATA, 12, { topics: null, includeTopicAuthorizedOperations: true });
  for (const { topics } of [described, asked]) {
    const of = (name: string) => topics.find((topic) => topic.name === name)?.topicAuthorizedOperations ?? 0;
    expect(of('t') & (WRITE | DELETE | DESCRIBE)).toBe(WRITE | DELETE | DESCRIBE);
    expect(of('mqtt') & (WRITE | DELETE | DESCRIBE)).toBe(write | DESCRIBE);
  }
});

test.each([8, 9, 10])('on the cluster, by Metadata version %i', async (version) => {
  await start();
  const ask = async (includeClusterAuthorizedOperations: boolean) =>
    (await client.call(METADATA, version, { topics: [], includeClusterAuthorizedOperations }))
      .clusterAuthorizedOperations;
  expect((await ask(true)) & DESCRIBE).toBe(DESCRIBE);
  expect(await ask(false)).toBe(NOT_ASKED);
});

test('on the cluster, by DescribeCluster', async () => {
  await start();
  const ask = async (includeClusterAuthorizedOperations: boolean) =>
    (await client.call(DESCRIBE_CLUSTER, 1, { includeClusterAuthorizedOperations }))
      .clusterAuthorizedOperations;
  expect((await ask(true)) & DESCRIBE).toBe(DESCRIBE);
  expect(await ask(false)).toBe(NOT_ASKED);
});

test('on groups that exist', async () => {
  await start();
  running.store.group('g').claim = { nodeId: 'x', coordinatorEpoch: 1, live: false };
  const ask = async (includeAuthorizedOperations: boolean) =>
    (
      await client.call(DESCRIBE_GROUPS, 6, { groups: ['g', 'none'], includeAuthorizedOperations })
    ).groups.map((group) => group.authorizedOperations);
  expect(await ask(true)).toEqual([expect.any(Number), NOT_ASKED]);
  expect((await ask(true))[0]! & (DELETE | DESCRIBE)).toBe(DELETE | DESCRIBE);
  expect(await ask(false)).toEqual([NOT_ASKED, NOT_ASKED]);
});
