// The configuration of meta-service.
import { defineConfig, section, setting, z, clusterSettings } from '@robustmq/config';
import { telemetrySettings } from '@robustmq/telemetry';

const MiB = 1024 * 1024;

/** Every setting with its default, limits and description. */
export const metaServiceConfig = defineConfig(
  'meta-service',
  z.strictObject({
    node: section({
      id: z
        .string()
        .min(1)
        .default('meta-1')
        .describe('Name of this process in the cluster; stable over restarts.'),
      zone: z.string().default('').describe('Zone or rack of this process.'),
    }),
    data: section({
      dir: z.string().min(1).default('data/meta').describe('Folder of the log and the applied state.'),
    }),
    grpc: section({
      host: setting.internalHost().describe('Address to listen on for the other services.'),
      port: setting.port().default(1228).describe('Port to listen on for the other services.'),
    }),
    groups: section({
      data: z.int().min(1).max(64).default(4).describe('Data groups; fixed when the data folder is created.'),
    }),
    ...clusterSettings(),
    ...telemetrySettings(58_081),
    commitLog: section({
      fileBytes: setting
        .byteSize({ min: MiB, max: 1024 * MiB })
        .default(16 * MiB)
        .describe('Size of a pre-allocated file of the log.'),
    }),
    disk: section({
      refuseBelowFree: setting
        .byteSize()
        .default(256 * MiB)
        .describe('Commands that grow are refused while less is free on the disk, beside what the log needs'),
      warnBelowFree: setting
        .byteSize()
        .default(1024 * MiB)
        .describe('A warning is logged while less is free on the disk'),
    }),
    lease: section({
      duration: setting
        .duration({ min: 500, max: 60_000 })
        .default(1_500)
        .describe('A process that does not renew for this long is considered gone.'),
      renewInterval: setting
        .duration({ min: 50, max: 20_000 })
        .default(400)
        .describe('How often processes renew.'),
    }),
    mqtt: section({
      shards: z
        .int()
        .min(1)
        .max(256)
        .default(1)
        .describe('Shards of the built-in stream mqtt, fixed when it is created.'),
    }),
    offsets: section({
      retention: setting
        .duration({ min: 60_000 })
        .default(604_800_000)
        .describe('How long a consumer group without members keeps its offsets (KIP-211).'),
    }),
    sessions: section({
      owner: z
        .enum(['principal', 'client-id'])
        .default('principal')
        .describe(
          'Who may open an MQTT session: only the user who made it, or whoever connects with its client id. A session that an anonymous client made passes to the first user.',
        ),
    }),
    quotas: section({
      tenant: section({
        streams: z.int().min(1).max(20_000).default(10_000).describe('Most streams of a tenant.'),
        shards: z
          .int()
          .min(1)
          .max(100_000)
          .default(10_000)
          .describe('Most shards of all streams of a tenant.'),
        creationBurst: z
          .int()
          .min(1_000)
          .max(100_000)
          .default(2_000)
          .describe('Shards that a tenant may make at once.'),
        creationsPerSecond: z
          .int()
          .min(1)
          .max(100_000)
          .default(100)
          .describe('Shards that a tenant may make per second beyond that.'),
      }),
    }),
    streams: section({
      default: section({
        partitions: z
          .int()
          .min(1)
          .max(1_000)
          .default(1)
          .describe('Shards of a stream that asks for no number.'),
        mqtt: section({
          filter: z
            .enum(['none', 'name'])
            .default('none')
            .describe('Whether a new stream owns the MQTT topic of its own name.'),
        }),
      }),
    }),
  }),
);

/** Values of {@link metaServiceConfig}. */
export type MetaServiceConfig = z.output<typeof metaServiceConfig.schema>;
