// The configuration of kafka-gateway.
import { defineConfig, section, setting, z, clusterSettings } from '@robustmq/config';
import { MAX_BATCH_BYTES } from '@robustmq/record-batch';
import { telemetrySettings } from '@robustmq/telemetry';

const KiB = 1024;
const MiB = 1024 * KiB;

/** What a Produce holds beside its batch: headers, names, other partitions. */
const PRODUCE_OVERHEAD_BYTES = 16 * KiB;

const settings = z.strictObject({
  node: section({
    id: z
      .string()
      .min(1)
      .default('kafka-1')
      .describe('Name of this process in the cluster; stable over restarts.'),
    zone: z.string().default('').describe('Zone or rack of this process, shown to clients.'),
  }),
  meta: section({ addresses: setting.metaAddresses() }),
  tenant: z
    .string()
    .min(1)
    .default('default')
    .describe('Tenant whose streams the clients of this gateway see.'),
  kafka: section({
    host: z.string().default('127.0.0.1').describe('Address to listen on for Kafka clients.'),
    port: setting.port().default(9092).describe('Port to listen on for Kafka clients.'),
    advertised: z
      .string()
      .regex(/^$|^.+:\d+$/)
      .default('')
      .describe('host:port that clients are told to dial; empty: the address that each client dialled.'),
    autoCreateTopics: z
      .boolean()
      .default(true)
      .describe('Create a topic on its first use, when the client asks for it.'),
    allowProduceToMqtt: z
      .boolean()
      .default(false)
      .describe('Let Kafka clients write to topic mqtt, which MQTT clients share.'),
    maxConnections: z.int().min(1).max(100_000).default(15_000).describe('Connections at most.'),
    maxRequestBytes: setting
      .byteSize({ min: 64 * KiB, max: 256 * MiB })
      .default(16 * MiB)
      .describe('Largest Produce request.'),
    maxControlRequestBytes: setting
      .byteSize({ min: 64 * KiB, max: 64 * MiB })
      .default(4 * MiB)
      .describe('Largest request of every other kind.'),
    maxBatchBytes: setting
      .byteSize({ min: 16 * KiB, max: MAX_BATCH_BYTES })
      .default(MAX_BATCH_BYTES)
      .describe('Largest record batch that any topic may allow.'),
    requestMemory: setting
      .byteSize({ min: MiB })
      .default(256 * MiB)
      .describe('Bytes of requests that all connections hold together.'),
    answerMemory: setting
      .byteSize({ min: MiB })
      .default(128 * MiB)
      .describe(
        'Bytes of answers that all clients together leave unread and that reads under way may bring; a Fetch claims its share before it reads, or waits in line.',
      ),
    maxRequestsInFlight: z
      .int()
      .min(1)
      .max(10_000)
      .default(100)
      .describe('Unanswered requests per connection.'),
    maxUnsentBytes: setting
      .byteSize({ min: 64 * KiB })
      .default(8 * MiB)
      .describe('Answers that a connection may leave unread before its requests wait.'),
    firstRequestTimeout: setting
      .duration({ min: 100 })
      .default(30_000)
      .describe('A connection without a complete first request is closed after this.'),
    idleTimeout: setting
      .duration({ min: 1_000 })
      .default(600_000)
      .describe('A connection without requests is closed after this.'),
    stallTimeout: setting
      .duration({ min: 1_000 })
      .default(60_000)
      .describe('A client that stops in the middle of a request, or reads nothing, is closed after this.'),
  }),
  journal: section({
    tick: setting
      .duration({ min: 1, max: 50 })
      .default(1)
      .describe('Shortest distance of two append frames to a journal under load.'),
  }),
  fetch: section({
    maxBytes: setting
      .byteSize({ min: KiB, max: 64 * MiB })
      .default(16 * MiB)
      .describe('Most bytes of records in one answer; at least one batch is always returned.'),
    maxWait: setting.duration({ min: 0, max: 300_000 }).default(60_000).describe('Longest long poll.'),
    maxSessions: z.int().min(0).max(100_000).default(1_000).describe('Fetch sessions kept (KIP-227).'),
    maxSessionPartitions: z
      .int()
      .min(0)
      .max(10_000_000)
      .default(200_000)
      .describe('Partitions that all fetch sessions hold together.'),
  }),
  groups: section({
    minSessionTimeout: setting
      .duration({ min: 1 })
      .default(6_000)
      .describe('Shortest session timeout that a member may ask for.'),
    maxSessionTimeout: setting
      .duration({ min: 1 })
      .default(1_800_000)
      .describe('Longest session timeout that a member may ask for.'),
    initialRebalanceDelay: setting
      .duration({ max: 60_000 })
      .default(200)
      .describe('How long the first rebalance of an empty group waits for more members.'),
    // Each step of a rebalance takes all of them within one turn of the loop (N8).
    maxMembers: z.int().min(1).max(2_000).default(1_000).describe('Members of one group.'),
    maxGroups: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(100_000)
      .describe('Groups that one gateway coordinates.'),
    maxOffsetMetadataBytes: setting
      .byteSize({ max: 64 * KiB })
      .default(4 * KiB)
      .describe('Longest metadata of a committed offset, in characters, as in Kafka.'),
  }),
  drain: section({
    timeout: setting
      .duration({ max: 300_000 })
      .default(10_000)
      .describe('How long running requests may finish at a stop.'),
  }),
  ...clusterSettings(),
  ...telemetrySettings(58_084),
});

/** Every setting with its default, limits and description; limits that meet agree with each other (N13). */
export const kafkaGatewayConfig = defineConfig(
  'kafka-gateway',
  settings.superRefine(({ kafka, groups }, context) => {
    const problem = (path: string[], message: string): void =>
      context.addIssue({ code: 'custom', path, message });
    if (kafka.maxRequestBytes < kafka.maxBatchBytes + PRODUCE_OVERHEAD_BYTES) {
      problem(
        ['kafka', 'maxRequestBytes'],
        `has to be ${PRODUCE_OVERHEAD_BYTES} bytes more than kafka.maxBatchBytes (${kafka.maxBatchBytes}), or batches that are allowed could not come`,
      );
    }
    for (const limit of ['maxRequestBytes', 'maxControlRequestBytes'] as const) {
      if (kafka.requestMemory < kafka[limit]) {
        problem(
          ['kafka', 'requestMemory'],
          `is below kafka.${limit} (${kafka[limit]}): a request that is allowed would never have come`,
        );
      }
    }
    if (groups.minSessionTimeout > groups.maxSessionTimeout) {
      problem(['groups', 'minSessionTimeout'], 'is above groups.maxSessionTimeout: no member could join');
    }
  }),
);

/** The values in force. */
export type KafkaGatewayConfig = z.output<typeof kafkaGatewayConfig.schema>;
