// The configuration of admin-api.
import { defineConfig, section, setting, z, clusterSettings } from '@robustmq/config';
import { telemetrySettings } from '@robustmq/telemetry';

/** Every setting with its default, limits and description. */
export const adminApiConfig = defineConfig(
  'admin-api',
  z.strictObject({
    node: section({
      id: z
        .string()
        .min(1)
        .default('admin-1')
        .describe('Name of this process in the cluster; stable over restarts.'),
      zone: z.string().default('').describe('Zone or rack of this process.'),
    }),
    meta: section({ addresses: setting.metaAddresses() }),
    http: section({
      host: z.string().default('127.0.0.1').describe('Address to listen on for the HTTP API.'),
      port: setting.port().default(58_080).describe('Port of the HTTP API.'),
      maxBodyBytes: setting
        .byteSize({ min: 1024 })
        .default(1024 * 1024)
        .describe('Largest request body.'),
      requestTimeout: setting
        .duration({ min: 100 })
        .default(30_000)
        .describe('A request that has not arrived by then is refused.'),
    }),
    ...clusterSettings(),
    ...telemetrySettings(58_085),
  }),
);

/** Values of {@link adminApiConfig}. */
export type AdminApiConfig = z.output<typeof adminApiConfig.schema>;
