// The API's shapes: one zod schema each gives validation, types and OpenAPI.
import { PROBLEM_NAMES } from '@robustmq/telemetry';
import { z } from 'zod';

export const nodeBody = z.object({
  nodeId: z.string(),
  kind: z.enum([
    'meta-service',
    'journal-server',
    'mqtt-gateway',
    'kafka-gateway',
    'admin-api',
    'rule-engine',
    'unknown',
  ]),
  incarnation: z.number().int(),
  live: z.boolean().describe('Whether its lease holds'),
  endpoints: z.record(z.string(), z.string()).readonly(),
  version: z.string(),
  registeredAtMs: z.number().int(),
});

const shardBody = z.object({
  shard: z.number().int(),
  leader: z.string().nullable(),
  leaderEpoch: z.number().int(),
  replicas: z.array(z.string()).readonly(),
  isr: z.array(z.string()).readonly(),
});

export const streamBody = z.object({
  streamId: z.number().int(),
  tenant: z.string(),
  name: z.string(),
  topicId: z.string().describe('Kafka topic id, base64url'),
  mqttFilter: z.string().nullable().describe('MQTT topics that this stream owns'),
  ownershipActive: z.boolean().describe('Every live mqtt-gateway routes by this stream'),
  internal: z.boolean(),
  config: z.record(z.string(), z.string()).readonly(),
  shards: z.array(shardBody).readonly(),
  createdAtMs: z.number().int(),
});

export const newStreamBody = z.strictObject({
  name: z.string().min(1).max(249),
  tenant: z.string().min(1).max(64).default('default'),
  shards: z.number().int().min(0).max(10_000).default(0).describe('0: the cluster default'),
  config: z
    .record(z.string(), z.string().max(65_535))
    .default({})
    .describe('Topic configs, such as mqtt.filter or retention.ms'),
});

export const userBody = z.object({ tenant: z.string(), name: z.string(), superuser: z.boolean() });

export const putUserBody = z.strictObject({
  password: z.string().min(8).max(1024),
  superuser: z.boolean().default(false),
});

export const sessionBody = z.object({
  tenant: z.string(),
  clientId: z.string(),
  connected: z.boolean(),
  gateway: z.string(),
  epoch: z.number().int(),
  expiryIntervalS: z.number().int(),
  subscriptions: z.array(z.object({ filter: z.string(), qos: z.number().int() })).readonly(),
});

export const droppedSessionBody = sessionBody.pick({ tenant: true, clientId: true, gateway: true }).extend({
  connected: z
    .boolean()
    .describe('A client was connected with it; its gateway has been told to end the connection'),
});

export const sessionOwnerBody = z.strictObject({
  user: z.string().min(1).max(128).nullable().describe('null: whoever opens it first'),
});

export const groupBody = z.object({
  groupId: z.string(),
  state: z.string(),
  protocolType: z.string(),
  coordinator: z.string().nullable(),
});

export const tenantQuery = z.object({ tenant: z.string().min(1).max(64).default('default') });

export const pageQuery = tenantQuery.extend({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.string().max(65_535).default('').describe('The last key of the page before'),
});

export const serviceHealth = z.object({
  live: z.number().int(),
  known: z.number().int(),
});

export const healthBody = z.object({
  status: z.enum(['healthy', 'degraded', 'unavailable']),
  problems: z.array(z.object({ name: z.enum(PROBLEM_NAMES), detail: z.string() })).readonly(),
});

export const featureLevelsBody = z.object({
  used: z.number().int().describe('No command, field or format above it is written'),
  known: z.number().int().describe('What this release could use'),
});

export const raiseFeatureLevelBody = z.strictObject({
  level: z.number().int().min(1).max(1_000_000).optional().describe('Default: what this release knows'),
});

export const overviewBody = z.object({
  clusterId: z.string(),
  revision: z.number().int(),
  featureLevel: featureLevelsBody,
  health: healthBody,
  services: z.record(z.string(), serviceHealth),
  streams: z.number().int(),
  shards: z.object({
    total: z.number().int(),
    withoutLeader: z.number().int(),
    underReplicated: z.number().int(),
  }),
  users: z.number().int(),
});
