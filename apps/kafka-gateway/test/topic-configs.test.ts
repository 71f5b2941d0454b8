// Configurations of topics: described, altered one by one (44) and replaced as a whole (33).
import { BrokerError } from '@robustmq/errors';
import { KAFKA_ERRORS } from '@robustmq/kafka-codec';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { TOPIC_CONFIG } from '../src/topic-config.ts';
import { RunningGateway } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const DESCRIBE_CONFIGS = 32;
const REPLACE_CONFIGS = 33;
const ALTER_CONFIGS = 44;
const TOPIC = 2;
const BROKER = 4;

let running: RunningGateway;
let client: WireClient;

async function start(): Promise<void> {
  ({ running, client } = await RunningGateway.withClient());
}
afterEach(() => running.stop());

describe('configurations of topics', () => {
  describe('tools that compare what is there with their plan', () => {
    const asked = (
      name: string,
      configOperation: number,
      value: string | null,
      resourceType = TOPIC,
      resourceName = 't',
    ) =>
      client
        .call(ALTER_CONFIGS, 1, {
          resources: [{ resourceType, resourceName, configs: [{ name, configOperation, value }] }],
          validateOnly: false,
        })
        .then(({ responses }) => kafkaErrorName(responses[0]?.errorCode ?? -99));

    test('a filter that follows from a setting of the cluster is no setting of the topic, and the same again is none', async () => {
      await start();
      const topic = running.meta.add('t');
      running.meta.all.set('t', { ...topic, defaults: { 'mqtt.filter': 't' } });
      const { results } = await client.call(DESCRIBE_CONFIGS, 4, {
        resources: [{ resourceType: TOPIC, resourceName: 't', configurationKeys: null }],
      });
      const set = results[0]?.configs.filter(({ configSource }) => configSource === 1);
      expect(set).toEqual([]);
      expect(results[0]?.configs.find(({ name }) => name === 'mqtt.filter')?.value).toBe('t');
      expect(await asked('mqtt.filter', 0, 't')).toBe('NONE');
      expect(await asked('mqtt.filter', 1, null)).toBe('NONE');
      expect(await asked('mqtt.filter', 0, 'other')).toBe('INVALID_CONFIG');
      expect(running.meta.topicByName('t')?.config).toEqual({});
    });

    test.each([
      ['preallocate', 'false', 'true'],
      ['unclean.leader.election.enable', 'false', 'true'],
      ['flush.messages', '9223372036854775807', '1'],
      ['leader.replication.throttled.replicas', '', '0:1'],
      ['compression.zstd.level', '3', '9'],
    ])(
      '%s: what Kafka does anyway is taken and not stored, anything else refused',
      async (name, usual, other) => {
        await start();
        running.meta.add('t');
        expect(await asked(name, 0, usual)).toBe('NONE');
        expect(await asked(name, 1, null)).toBe('NONE');
        expect(await asked(name, 0, other)).toBe('INVALID_CONFIG');
        const create = async (value: string): Promise<string> => {
          const topics = [
            {
              name: `with-${value}`,
              numPartitions: 1,
              replicationFactor: 1,
              assignments: [],
              configs: [{ name, value }],
            },
          ];
          const { topics: made } = await client.call(19, 5, { topics, timeoutMs: 1, validateOnly: true });
          return kafkaErrorName(made[0]?.errorCode ?? -99);
        };
        if (usual !== '') expect(await create(usual)).not.toBe('INVALID_CONFIG');
        expect(running.meta.created.map(({ config }) => config)).toEqual(usual === '' ? [] : [{}]);
        expect(await create(other)).not.toBe('NONE');
        expect(running.meta.topicByName('t')?.config).toEqual({});
      },
    );

    test('the throttles of a reassignment are cleared on brokers, where none was ever set', async () => {
      await start();
      expect(await asked('leader.replication.throttled.rate', 1, null, BROKER, '1')).toBe('NONE');
      expect(await asked('leader.replication.throttled.rate', 0, '1', BROKER, '1')).toBe('INVALID_REQUEST');
      expect(await asked('log.retention.ms', 1, null, BROKER, '1')).toBe('INVALID_REQUEST');
    });
  });

  test('configurations are set, removed and described with their source', async () => {
    await start();
    running.meta.add('t');
    const alter = async (
      name: string,
      configOperation: number,
      value: string | null,
      resourceType = TOPIC,
      resourceName = 't',
    ) => {
      const resources = [{ resourceType, resourceName, configs: [{ name, configOperation, value }] }];
      return kafkaErrorName(
        (await client.call(ALTER_CONFIGS, 1, { resources, validateOnly: false })).responses[0]?.errorCode ??
          0,
      );
    };
    expect(await alter('retention.ms', 0, '77')).toBe('NONE');
    expect(running.meta.topicByName('t')?.config).toEqual({ 'retention.ms': '77' });
    expect(await alter('retention.ms', 1, null)).toBe('NONE');
    expect(running.meta.topicByName('t')?.config).toEqual({});
    expect(await alter('retention.ms', 0, ' 78\n')).toBe('NONE');
    expect(running.meta.topicByName('t')?.config).toEqual({ 'retention.ms': '78' });
    expect(await alter('retention.ms', 1, null)).toBe('NONE');
    expect(await alter('retention.ms', 0, 'x')).toBe('INVALID_CONFIG');
    expect(await alter('flush.ms', 0, '1')).toBe('INVALID_CONFIG');
    expect(await alter('flush.ms', 1, null)).toBe('NONE');
    expect(await alter('no.such.name', 1, null)).toBe('INVALID_CONFIG');
    expect(await alter('mqtt.filter', 0, 'a')).toBe('INVALID_CONFIG');
    expect(await alter('mqtt.filter', 1, null)).toBe('NONE');
    expect(await alter('cleanup.policy', 2, 'compact')).toBe('INVALID_CONFIG');
    expect(await alter('cleanup.policy', 3, 'delete')).toBe('INVALID_CONFIG');
    expect(await alter('retention.ms', 2, '1')).toBe('INVALID_CONFIG');
    expect(await alter('cleanup.policy', 2, null)).toBe('INVALID_REQUEST');
    expect(running.meta.topicByName('t')?.config).toEqual({});
    expect(await alter('cleanup.policy', 2, 'delete')).toBe('NONE');
    expect(await alter('cleanup.policy', 3, 'compact')).toBe('NONE');
    expect(running.meta.topicByName('t')?.config).toEqual({ 'cleanup.policy': 'delete' });
    expect(await alter('cleanup.policy', 1, null)).toBe('NONE');
    expect(await alter('retention.ms', 0, null)).toBe('INVALID_REQUEST');
    expect(await alter('retention.ms', 0, '1', BROKER, '1')).toBe('INVALID_REQUEST');
    expect(await alter('retention.ms', 0, '1', TOPIC, 'nope')).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await alter('retention.ms', 0, '1', TOPIC, 'a/b')).toBe('INVALID_TOPIC_EXCEPTION');
    expect(await alter('retention.ms', 0, '1', TOPIC, '')).toBe('INVALID_REQUEST');
    running.meta.commandError = new BrokerError('deadline_exceeded', '');
    expect(await alter('retention.ms', 0, '1')).toBe('REQUEST_TIMED_OUT');
    const twice = [
      {
        resourceType: TOPIC,
        resourceName: 't',
        configs: [1, 2].map(() => ({ name: 'segment.ms', configOperation: 0, value: '9' })),
      },
    ];
    expect(
      (await client.call(ALTER_CONFIGS, 0, { resources: twice, validateOnly: true })).responses[0]?.errorCode,
    ).toBe(KAFKA_ERRORS.INVALID_REQUEST);
  });

  test('a resource altered twice in one request is refused once', async () => {
    await start();
    running.meta.add('t');
    const configs = [{ name: 'segment.ms', configOperation: 0, value: '9' }];
    const resources = [1, 2].map(() => ({ resourceType: TOPIC, resourceName: 't', configs }));
    const { responses } = await client.call(ALTER_CONFIGS, 1, { resources, validateOnly: false });
    expect(responses).toMatchObject([{ errorCode: KAFKA_ERRORS.INVALID_REQUEST }]);
    expect(running.meta.topicByName('t')?.config).toEqual({});
  });

  describe.each([0, 1, 2])('AlterConfigs version %i replaces what was set', (version) => {
    const replace = async (
      configs: Record<string, string | null>,
      options: {
        readonly validateOnly?: boolean;
        readonly resourceType?: number;
        readonly resourceName?: string;
      } = {},
    ) => {
      const { validateOnly = false, resourceType = TOPIC, resourceName = 't' } = options;
      const settings = Object.entries(configs).map(([name, value]) => ({ name, value }));
      const resources = [{ resourceType, resourceName, configs: settings }];
      const { responses } = await client.call(REPLACE_CONFIGS, version, { resources, validateOnly });
      return kafkaErrorName(responses[0]?.errorCode ?? 0);
    };
    const now = () => running.meta.topicByName('t')?.config;

    test('what is not named goes back to its default, what is fixed stays', async () => {
      await start();
      running.meta.add('t', 1, { 'retention.ms': '77', 'segment.ms': '5', 'mqtt.filter': 'a/#' });
      expect(await replace({ 'retention.ms': '78' }, { validateOnly: true })).toBe('NONE');
      expect(now()).toEqual({ 'retention.ms': '77', 'segment.ms': '5', 'mqtt.filter': 'a/#' });
      expect(await replace({ 'retention.ms': ' 78 ', 'mqtt.filter': 'a/#' })).toBe('NONE');
      expect(now()).toEqual({ 'retention.ms': '78', 'mqtt.filter': 'a/#' });
    });

    test('what cannot be is refused by name', async () => {
      await start();
      running.meta.add('t', 1, { 'mqtt.filter': 'a/#' });
      expect(await replace({ 'mqtt.filter': 'b/#' })).toBe('INVALID_CONFIG');
      expect(await replace({ 'flush.ms': '1' })).toBe('INVALID_CONFIG');
      expect(await replace({ 'retention.ms': null })).toBe('INVALID_REQUEST');
      expect(await replace({}, { resourceType: BROKER, resourceName: '1' })).toBe('INVALID_REQUEST');
      expect(await replace({}, { resourceName: 'nope' })).toBe('UNKNOWN_TOPIC_OR_PARTITION');
      expect(now()).toEqual({ 'mqtt.filter': 'a/#' });
    });
  });

  test.each([1, 2, 3, 4])('DescribeConfigs version %i', async (version) => {
    await start();
    running.meta.add('t', 1, { 'retention.ms': '77' });
    const describe = async (resourceType: number, resourceName: string, configurationKeys: string[] | null) =>
      (
        await client.call(DESCRIBE_CONFIGS, version, {
          resources: [{ resourceType, resourceName, configurationKeys }],
          includeSynonyms: true,
          includeDocumentation: version >= 3,
        })
      ).results[0];
    const one = await describe(TOPIC, 't', ['retention.ms']);
    expect(one?.configs).toMatchObject([
      { name: 'retention.ms', value: '77', configSource: 1, synonyms: [{ source: 1 }, { source: 5 }] },
    ]);
    expect((await describe(TOPIC, 't', null))?.configs).toHaveLength(TOPIC_CONFIG.size);
    expect((await describe(TOPIC, 't', []))?.configs).toHaveLength(TOPIC_CONFIG.size);
    expect((await describe(BROKER, '1', null))?.configs.length).toBeGreaterThan(3);
    expect((await describe(BROKER, '9', null))?.errorCode).toBe(KAFKA_ERRORS.INVALID_REQUEST);
    expect((await describe(TOPIC, 'nope', null))?.errorCode).toBe(KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION);
    expect((await describe(TOPIC, '!', null))?.errorCode).toBe(KAFKA_ERRORS.INVALID_TOPIC_EXCEPTION);
    expect((await describe(8, '1', null))?.errorCode).toBe(KAFKA_ERRORS.INVALID_REQUEST);
  });

  test('N12: num.partitions is what meta-service makes of a topic without a number, or is not told', async () => {
    await start();
    const ask = async () => {
      const resources = [{ resourceType: BROKER, resourceName: '1', configurationKeys: ['num.partitions'] }];
      const [result] = (await client.call(DESCRIBE_CONFIGS, 4, { resources })).results;
      return result!.configs.map(({ value, configSource }) => [value, configSource]);
    };
    // Then the settings of meta-service decide, which are not known here.
    expect(await ask()).toEqual([]);
    running.meta.dynamicConfig.set('streams.default.partitions', '12');
    const DYNAMIC_DEFAULT_BROKER = 3;
    expect(await ask()).toEqual([['12', DYNAMIC_DEFAULT_BROKER]]);
  });

  test('a resource described many times is answered once (I8)', async () => {
    await start();
    running.meta.add('t');
    const resources = Array.from({ length: 10_000 }, () => ({
      resourceType: TOPIC,
      resourceName: 't',
      configurationKeys: null,
    }));
    expect((await client.call(DESCRIBE_CONFIGS, 4, { resources })).results).toHaveLength(1);
  });
});
