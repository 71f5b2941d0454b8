// A gateway over fakes, and batches to feed it.
import type { GroupConfig } from '@robustmq/kafka-group';
import { DEFAULT_GROUP_CONFIG } from '@robustmq/kafka-group/testing';
import { KafkaGateway, type KafkaGatewayOptions } from '../../src/gateway.ts';
import { FakeJournal } from './fake-journal.ts';
import { FakeGroupStore, FakeMeta } from './fake-meta.ts';
import { WireClient } from './wire-client.ts';

export interface LogLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

/** Overrides of the test's gateway. */
export interface TestOptions {
  readonly settings?: Partial<KafkaGatewayOptions['settings']>;
  readonly limits?: Partial<KafkaGatewayOptions['limits']>;
  readonly groups?: Partial<GroupConfig>;
  readonly maxGroups?: number;
  readonly requestMemoryBytes?: number;
  readonly answerMemoryBytes?: number;
}

export class RunningGateway {
  readonly meta = new FakeMeta();
  readonly journal = new FakeJournal();
  readonly store = new FakeGroupStore();
  readonly lines: LogLine[] = [];
  /** Whether a line per request is wanted. */
  readonly debug = { isOn: false };
  readonly gateway: KafkaGateway;
  readonly #clients: WireClient[] = [];
  port = 0;

  constructor(options: TestOptions = {}) {
    const note = (level: string) => (fields: object, message: string) =>
      this.lines.push({ level, fields, message });
    this.gateway = new KafkaGateway({
      nodeId: this.meta.selfNodeId,
      settings: {
        tenant: 'default',
        advertisedAddress: undefined,
        autoCreateTopics: true,
        allowProduceToMqtt: false,
        maxBatchBytes: 8 * 1024 * 1024,
        maxFetchBytes: 16 * 1024 * 1024,
        maxFetchWaitMs: 30_000,
        maxOffsetMetadataBytes: 4096,
        ...options.settings,
      },
      limits: {
        maxProduceFrameBytes: 16 * 1024 * 1024,
        maxControlFrameBytes: 1024 * 1024,
        maxRequestsInFlight: 64,
        maxUnsentBytes: 1024 * 1024,
        firstRequestTimeoutMs: 10_000,
        idleTimeoutMs: 60_000,
        stallTimeoutMs: 10_000,
        pressureTimeoutMs: 60_000,
        ...options.limits,
      },
      listener: { host: '127.0.0.1', port: 0, maxConnections: 20_000 },
      groups: {
        ...DEFAULT_GROUP_CONFIG,
        minSessionTimeoutMs: 100,
        initialRebalanceDelayMs: 0,
        ...options.groups,
      },
      maxGroups: options.maxGroups ?? 1000,
      maxFetchSessions: 100,
      maxFetchSessionPartitions: 10_000,
      requestMemoryBytes: options.requestMemoryBytes ?? 64 * 1024 * 1024,
      answerMemoryBytes: options.answerMemoryBytes ?? 64 * 1024 * 1024,
      cluster: this.meta,
      topics: this.meta,
      journal: this.journal,
      groupStore: this.store,
      debug: this.debug,
      log: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
    });
  }

  static async start(options: TestOptions = {}): Promise<RunningGateway> {
    const running = new RunningGateway(options);
    running.port = (await running.gateway.bind()).port;
    running.gateway.open();
    return running;
  }

  /** Starts it, and connects a first client. */
  static async withClient(
    options: TestOptions = {},
  ): Promise<{ running: RunningGateway; client: WireClient }> {
    const running = await RunningGateway.start(options);
    return { running, client: await running.client() };
  }

  async client(): Promise<WireClient> {
    const client = await WireClient.connect(this.port);
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.gateway.stop(AbortSignal.abort());
    // Whatever went wrong unexpectedly is a failure of the test that caused it.
    expect(this.lines.filter(({ level }) => level === 'error')).toEqual([]);
  }
}
