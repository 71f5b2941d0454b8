// Configuration of journal-server.

import { defineConfig, section, setting, z, clusterSettings } from '@robustmq/config';
import { telemetrySettings } from '@robustmq/telemetry';

const schema = z.strictObject({
  node: section({
    id: z.string().min(1).default('journal-1').describe('Name of this node; stable over restarts'),
    zone: z.string().default('').describe('Failure zone, for placing replicas'),
  }),
  data: section({
    dir: z.string().min(1).default('./data/journal-1').describe('Folder of the commit log and the segments'),
  }),
  grpc: section({
    host: setting.internalHost().describe('Address to listen on for gateways'),
    port: setting.port().default(1778).describe('Port for gateways'),
    advertised: z
      .string()
      .default('')
      .describe('host:port that others connect to; empty: the address listened on'),
  }),
  meta: section({ addresses: setting.metaAddresses() }),
  ...clusterSettings(),
  ...telemetrySettings(58_082),
  commitLog: section({
    fileBytes: setting
      .byteSize({ min: 1024 * 1024 })
      .default(64 * 1024 * 1024)
      .describe('Size of a pre-allocated file'),
    checkpointBytes: setting
      .byteSize({ min: 1024 * 1024 })
      .default(128 * 1024 * 1024)
      .describe('Appended bytes after which the segments are synced and the commit log recycled'),
  }),
  disk: section({
    refuseBelowFree: setting
      .byteSize()
      .default(512 * 1024 * 1024)
      .describe('Appends are refused while less is free on the disk, beside what the commit log needs'),
    warnBelowFree: setting
      .byteSize()
      .default(2 * 1024 * 1024 * 1024)
      .describe('A warning is logged while less is free on the disk'),
  }),
  limits: section({
    answerBytes: setting
      .byteSize({ min: 16 * 1024 * 1024 })
      .default(256 * 1024 * 1024)
      .describe(
        'Memory for answers to fetches and backlog reads that have not left; no gateway gets more than a quarter',
      ),
  }),
  shutdown: section({
    deadline: setting
      .duration({ min: 100 })
      .default(10_000)
      .describe('Time to drain before the process ends anyway'),
  }),
});

/** The definition; `load` yields the values. */
export const journalConfig = defineConfig('journal-server', schema);

/** Values in force. */
export type JournalConfig = z.output<typeof schema>;
