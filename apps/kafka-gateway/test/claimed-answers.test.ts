// I8: whoever asks in a few bytes for much claims memory for the answer before it is made, and is refused while there is none in a
// way that clients ask again.
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { AnswerMemory } from '../src/answer-memory.ts';
import { RunningGateway } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const METADATA = 3;
const LIST_GROUPS = 16;
const CREATE_TOPICS = 19;
const DESCRIBE_CONFIGS = 32;
/** So many topics that what is said of each is no small answer. */
const TOPICS = 200;
const KIB = 1024;

let running: RunningGateway;
let client: WireClient;
let claimed: number[];
beforeEach(async () => {
  running = await RunningGateway.start();
  for (let n = 0; n < TOPICS; n += 1) running.meta.add(`t${n}`, 20);
  client = await running.client();
  claimed = [];
});
afterEach(async () => {
  jest.restoreAllMocks();
  await running.stop();
});

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `t${n}`);
const asked = (count: number) => ({
  resources: names(count).map((resourceName) => ({ resourceType: 2, resourceName, configurationKeys: null })),
});
const created = (count: number) => ({
  validateOnly: true,
  timeoutMs: 1_000,
  topics: names(count).map((name) => ({
    name: `new-${name}`,
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  })),
});

/** What each API answers about: error names. */
const ASKS: Readonly<Record<string, (count: number) => Promise<number[]>>> = {
  DescribeConfigs: async (count) => {
    const { results } = await client.call(DESCRIBE_CONFIGS, 4, asked(count));
    return results.map(({ errorCode }) => errorCode);
  },
  'Metadata of some topics': async (count) => {
    const topics = names(count).map((name) => ({ name }));
    return (await client.call(METADATA, 9, { topics })).topics.map(({ errorCode }) => errorCode);
  },
  'Metadata of all topics': async () =>
    (await client.call(METADATA, 9, { topics: null })).topics.map(({ errorCode }) => errorCode),
  CreateTopics: async (count) =>
    (await client.call(CREATE_TOPICS, 5, created(count))).topics.map(({ errorCode }) => errorCode),
  ListGroups: async () => [(await client.call(LIST_GROUPS, 4, {})).errorCode],
};

const REFUSED: Readonly<Record<string, string>> = {
  DescribeConfigs: 'REQUEST_TIMED_OUT',
  'Metadata of some topics': 'LEADER_NOT_AVAILABLE',
  'Metadata of all topics': 'LEADER_NOT_AVAILABLE',
  CreateTopics: 'REQUEST_TIMED_OUT',
  ListGroups: 'COORDINATOR_LOAD_IN_PROGRESS',
};

describe.each(Object.keys(ASKS))('%s', (name) => {
  const ask = async (count: number): Promise<Set<string>> =>
    new Set((await ASKS[name]!(count)).map(kafkaErrorName));

  test('I8: claims what the answer takes, and gives it back', async () => {
    const claim = jest.spyOn(AnswerMemory.prototype, 'claim');
    expect(await ask(TOPICS)).toEqual(new Set(['NONE']));
    claimed = claim.mock.calls.map(([sizeBytes]) => sizeBytes);
    expect(claimed).toHaveLength(1);
    expect(claimed[0]).toBeGreaterThan(64 * KIB);
    expect(running.gateway.claimedAnswerBytes).toBe(0);
  });

  test('I8: is refused for every item while there is no room, so that the client asks again', async () => {
    jest.spyOn(AnswerMemory.prototype, 'claim').mockResolvedValue(false);
    expect(await ask(TOPICS)).toEqual(new Set([REFUSED[name]]));
  });
});

test.each(['DescribeConfigs', 'Metadata of some topics', 'CreateTopics'])(
  'I8: %s of a few topics waits for nobody',
  async (name) => {
    jest.spyOn(AnswerMemory.prototype, 'claim').mockResolvedValue(false);
    expect((await ASKS[name]!(3)).map(kafkaErrorName)).toEqual(['NONE', 'NONE', 'NONE']);
  },
);

test('I8: topics that are not there, and configurations that are not asked for, claim nothing', async () => {
  const claim = jest.spyOn(AnswerMemory.prototype, 'claim');
  const nobody = names(2_000).map((name) => ({
    ...{ resourceType: 2, resourceName: `no-${name}`, configurationKeys: null },
  }));
  const { results } = await client.call(DESCRIBE_CONFIGS, 4, { resources: nobody });
  expect(new Set(results.map(({ errorCode }) => kafkaErrorName(errorCode)))).toEqual(
    new Set(['UNKNOWN_TOPIC_OR_PARTITION']),
  );
  const one = names(TOPICS).map((resourceName) => ({
    ...{ resourceType: 2, resourceName, configurationKeys: ['retention.ms'] },
  }));
  expect((await client.call(DESCRIBE_CONFIGS, 4, { resources: one })).results).toHaveLength(TOPICS);
  expect(claim).not.toHaveBeenCalled();
});
