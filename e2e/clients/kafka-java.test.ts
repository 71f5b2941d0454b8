// Apache Kafka 4.3.1: its console tools as people type them, and its Java client.
import path from 'node:path';

import { waitUntil } from '@robustmq/testkit/cluster';

import { type Brokers, startBrokers } from '../cluster/brokers.ts';
import { kafkaClassPath } from '../install/needs.ts';
import { Program, runProgram } from './program.ts';

let brokers: Brokers;
beforeAll(async () => {
  brokers = await startBrokers();
});
afterAll(() => brokers.remove());

const TOOLS = {
  topics: 'org.apache.kafka.tools.TopicCommand',
  configs: 'kafka.admin.ConfigCommand',
  producer: 'org.apache.kafka.tools.ConsoleProducer',
  consumer: 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  groups: 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  offsets: 'org.apache.kafka.tools.GetOffsetShell',
} as const;
const TIMEOUT_MS = 55_000;

function java(main: string, args: readonly string[]): string[] {
  return ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', kafkaClassPath(), main, ...args];
}

async function tool(name: keyof typeof TOOLS, args: readonly string[], input?: string): Promise<string[]> {
  const options = { timeoutMs: TIMEOUT_MS, ...(input === undefined ? {} : { input }) };
  const { stdout } = await runProgram(
    'java',
    java(TOOLS[name], ['--bootstrap-server', brokers.kafka, ...args]),
    options,
  );
  return stdout.split('\n').slice(0, -1);
}

test('kafka-topics creates, lists, describes, grows and deletes', async () => {
  await tool('topics', [
    '--create',
    '--topic',
    'tools-topic',
    '--partitions',
    '2',
    '--config',
    'retention.ms=60000',
  ]);
  expect(await tool('topics', ['--list'])).toContain('tools-topic');
  const described = (await tool('topics', ['--describe', '--topic', 'tools-topic'])).join('\n');
  expect(described).toMatch(/PartitionCount: 2\s+ReplicationFactor: 1\s+Configs: .*retention\.ms=60000/);
  await tool('topics', ['--alter', '--topic', 'tools-topic', '--partitions', '3']);
  await tool('topics', ['--delete', '--topic', 'tools-topic']);
  await waitUntil(
    'the topic is gone',
    20_000,
    async () => !(await tool('topics', ['--list'])).includes('tools-topic'),
  );
});

test('kafka-configs alters and describes', async () => {
  await tool('topics', ['--create', '--topic', 'tools-configs']);
  await tool('configs', [
    '--alter',
    '--entity-type',
    'topics',
    '--entity-name',
    'tools-configs',
    '--add-config',
    'retention.ms=90000',
  ]);
  const described = await tool('configs', [
    '--describe',
    '--entity-type',
    'topics',
    '--entity-name',
    'tools-configs',
  ]);
  expect(described.join('\n')).toContain('retention.ms=90000');
});

test('console producer, console consumer, groups and offsets', async () => {
  const lines = Array.from({ length: 100 }, (_, n) => `line ${n}`);
  await tool('producer', ['--topic', 'tools-console'], `${lines.join('\n')}\n`);
  const consume = [
    '--topic',
    'tools-console',
    '--from-beginning',
    '--group',
    'tools-group',
    '--max-messages',
    '100',
    '--timeout-ms',
    '30000',
  ];
  expect(await tool('consumer', consume)).toEqual(lines);
  expect(await tool('offsets', ['--topic', 'tools-console'])).toEqual(['tools-console:0:100']);
  const described = (await tool('groups', ['--describe', '--group', 'tools-group'])).join('\n');
  expect(described).toMatch(/tools-group\s+tools-console\s+0\s+100\s+100\s+0/);
  await tool('groups', [
    '--reset-offsets',
    '--group',
    'tools-group',
    '--topic',
    'tools-console',
    '--to-offset',
    '98',
    '--execute',
  ]);
  const rest = [
    '--topic',
    'tools-console',
    '--group',
    'tools-group',
    '--max-messages',
    '2',
    '--timeout-ms',
    '30000',
  ];
  expect(await tool('consumer', rest)).toEqual(['line 98', 'line 99']);
  await tool('groups', ['--delete', '--group', 'tools-group']);
});

test('topics that others are refused for', async () => {
  for (const topic of ['refused-topic', 'refused_topic.2'])
    await tool('topics', ['--create', '--topic', topic, '--partitions', '2']);
});

/** What the tools print with these arguments on Apache Kafka 4.3.1, as far as it is no wording of the broker. */
test.each<[string, keyof typeof TOOLS, string, number, RegExp]>([
  ['a topic that exists', 'topics', '--create --topic refused-topic', 1, /TopicExistsException/],
  ['a colliding name', 'topics', '--create --topic refused.topic_2', 1, /InvalidTopicException/],
  ['no legal name', 'topics', '--create --topic refused/topic', 1, /InvalidTopicException/],
  [
    'more replicas than brokers',
    'topics',
    '--create --topic refused-3 --replication-factor 3',
    1,
    /InvalidReplicationFactorException/,
  ],
  [
    'an unknown configuration',
    'topics',
    '--create --topic refused-4 --config no.such=1',
    1,
    /InvalidConfigurationException: Unknown topic config name: no\.such/,
  ],
  [
    'fewer partitions',
    'topics',
    '--alter --topic refused-topic --partitions 1',
    1,
    /InvalidPartitionsException/,
  ],
  ['a group that is not there', 'groups', '--describe --group refused-group', 0, /GroupIdNotFoundException/],
  ['the deletion of such a group', 'groups', '--delete --group refused-group', 0, /GroupIdNotFoundException/],
])(
  'the tools say of %s what they say on Apache Kafka',
  async (_what, name, args, exitCode, said) => {
    const all = ['--bootstrap-server', brokers.kafka, ...args.split(' ')];
    const { code, stdout, stderr } = await new Program('java', java(TOOLS[name], all), '').result(TIMEOUT_MS);
    expect(`${stdout}${stderr}`).toMatch(said);
    expect(code).toBe(exitCode);
  },
  TIMEOUT_MS,
);

test.each([
  ['ClientScenarios', ['codecs', 'topics', 'groups', 'times', 'headers']],
  [
    'AdminScenarios',
    [
      'createTopics',
      'describeTopics',
      'configs',
      'partitions',
      'records',
      'groups',
      'members',
      'deleteTopics',
    ],
  ],
])(
  'the Java client: %s',
  async (file, scenarios) => {
    const program = new Program(
      'java',
      java(path.join(__dirname, 'java', `${file}.java`), [brokers.kafka]),
      '',
    );
    const { code, stdout, stderr } = await program.result(TIMEOUT_MS * 2);
    expect({ code, stdout, problems: code === 0 ? '' : stderr }).toEqual({
      code: 0,
      stdout: scenarios.map((name) => `ok ${name}\n`).join(''),
      problems: '',
    });
  },
  TIMEOUT_MS * 2,
);
