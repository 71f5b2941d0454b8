// A configuration with every kind of setting, for the tests of this package.

import { defineConfig, section, setting, z } from '../src/index.ts';

export const sample = defineConfig(
  'mqtt-gateway',
  z.strictObject({
    listeners: section({
      tcp: section({
        host: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
        port: setting.port().default(1883).describe('Port for MQTT over TCP.').meta({ zh: 'MQTT 端口。' }),
        enabled: z.boolean().default(true).describe('Whether to listen at all.'),
      }),
    }),
    maxPacketBytes: setting
      .byteSize({ min: 128, max: 2 ** 28 })
      .default(1024 * 1024)
      .describe('Largest packet | taken.'),
    sessionExpiry: setting
      .duration({ max: 86_400_000 })
      .default(7_200_000)
      .describe('Longest session expiry.'),
    tenants: z.array(z.string()).default([]).describe('Tenants served.'),
    weights: z.array(z.int()).default([1]).describe('Weights.'),
    labels: z.record(z.string(), z.string()).default({}).describe('Labels.'),
    durability: z.enum(['fsync', 'memory']).default('fsync').describe('When to acknowledge.'),
    metaAddress: z.string().describe('Address of meta-service.'),
    password: setting.secret().optional().describe('Password of the bridge.'),
    ratio: z.number().min(0).max(1).default(0.01).describe('Sampled share.'),
  }),
);
