// Configuration of mqtt-gateway.

import { defineConfig, section, setting, z, clusterSettings } from '@robustmq/config';
import { FIRST_PACKET_MAX_BYTES } from '@robustmq/mqtt-codec';
import { topicFilter, topicName } from '@robustmq/mqtt-topics';
import { MAX_BATCH_BYTES } from '@robustmq/record-batch';
import { telemetrySettings } from '@robustmq/telemetry';
import { RECORD_OVERHEAD_BYTES } from './publish/record-overhead.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

const settings = z.strictObject({
  node: section({
    id: z.string().min(1).default('mqtt-1').describe('Name of this node; stable over restarts.'),
    zone: z.string().default('').describe('Zone or rack of this process.'),
  }),
  meta: section({ addresses: setting.metaAddresses() }),
  tenant: z.string().min(1).default('default').describe('Tenant of the clients of this gateway.'),
  mqtt: section({
    host: z.string().default('127.0.0.1').describe('Address to listen on for MQTT over TCP.'),
    port: setting.port().default(1883).describe('Port for MQTT over TCP.'),
  }),
  ws: section({
    enabled: z.boolean().default(true).describe('Serve MQTT over WebSocket.'),
    host: z.string().default('127.0.0.1').describe('Address to listen on for MQTT over WebSocket.'),
    port: setting.port().default(8083).describe('Port for MQTT over WebSocket.'),
    paths: z
      .array(z.string().startsWith('/'))
      .min(1)
      .default(['/mqtt', '/'])
      .describe('Paths of the WebSocket; a slash behind one makes no difference.'),
  }),
  grpc: section({
    host: setting.internalHost().describe('Address to listen on for other gateways.'),
    port: setting.port().default(1229).describe('Port for other gateways: mesh and takeover.'),
    advertised: z
      .string()
      .default('')
      .describe('host:port that other gateways connect to; empty: the address listened on.'),
  }),
  auth: section({
    anonymous: z
      .union([z.boolean(), z.literal('ignore-credentials')])
      .default(false)
      .describe(
        'Let clients in that send no username; a username is verified all the same, unless this is ' +
          'ignore-credentials: then everybody is anonymous, for devices that can’t be told to send none.',
      ),
  }),
  limits: section({
    maxConnections: z.int().min(1).default(200_000).describe('Connections at once; more are refused.'),
    maxConnectionsPerAddress: z
      .int()
      .min(0)
      .default(0)
      .describe(
        'Connections at once from one IPv4 address or one IPv6 /64; more are refused. 0: any number, for clients that ' +
          'share an address behind a proxy or NAT.',
      ),
    maxConnectsPerSecond: z.int().min(1).default(20_000).describe('Connections accepted per second.'),
    connectTimeout: setting
      .duration({ min: 100 })
      .default(10_000)
      .describe('A connection without a complete CONNECT is closed after this.'),
    maxPacketBytes: setting
      .byteSize({ min: 256, max: MAX_BATCH_BYTES - RECORD_OVERHEAD_BYTES })
      .default(MiB - RECORD_OVERHEAD_BYTES)
      .describe(
        'Largest packet of a client, announced as Maximum Packet Size. A publish is refused all the same (0x97) if its ' +
          'stream takes no batch of that size (max.message.bytes).',
      ),
    maxClientIdBytes: z
      .int()
      .min(23)
      .max(FIRST_PACKET_MAX_BYTES / 2)
      .default(1024)
      .describe(
        'Longest client id in UTF-8; credentials and will have to fit into the same packet of 64 KiB.',
      ),
    receiveMaximum: z
      .int()
      .min(1)
      .max(65_535)
      .default(1024)
      .describe('QoS 1 publishes that a client may have unacknowledged.'),
    sendWindow: z
      .int()
      .min(1)
      .max(65_535)
      .default(4096)
      .describe('QoS 1 messages sent to a client and unacknowledged, unless it allows fewer.'),
    topicAliasMaximum: z
      .int()
      .min(0)
      .max(65_535)
      .default(64)
      .describe('Topic aliases per connection, in each direction.'),
    maxInputBytes: setting
      .byteSize({ min: 4 * MiB })
      .default(256 * MiB)
      .describe(
        'Bytes that all clients together may keep by what they send: half of them with packets and WebSocket messages that ' +
          'are not complete, half with topic aliases. Beyond that clients are disconnected (0x97, WebSocket 1013).',
      ),
    keepAliveMaxS: z
      .int()
      .min(0)
      .max(65_535)
      .default(0)
      .describe('Longest keep alive in seconds for MQTT 5 clients; 0: what the client asks for.'),
    maxUserProperties: z
      .int()
      .min(0)
      .max(1024)
      .default(64)
      .describe('User properties of one packet; a client that sends more is disconnected.'),
    maxTopicFilters: z
      .int()
      .min(1)
      .max(1024)
      .default(1000)
      .describe('Topic filters of one SUBSCRIBE or UNSUBSCRIBE; a client that sends more is disconnected.'),
    maxTopicLevels: z
      .int()
      .min(1)
      .max(topicName.maxLevels)
      .default(topicName.maxLevels)
      .describe('Levels of the topic of a message; deeper ones are refused.'),
    maxPendingRequests: z
      .int()
      .min(1)
      .default(64)
      .describe('SUBSCRIBE and UNSUBSCRIBE packets of one client that are not answered yet.'),
    maxSubscriptionsPerSession: z
      .int()
      .min(1)
      .max(topicFilter.maxPerSession)
      .default(topicFilter.maxPerSession)
      .describe('Subscriptions of one session.'),
    maxFilterCharsPerSession: z
      .int()
      .min(65_535)
      .default(MiB)
      .describe('Characters of all topic filters of one session; a filter beyond them is refused.'),
    slowOutputBytes: setting
      .byteSize({ min: 64 * KiB })
      .default(256 * KiB)
      .describe('Output that may wait for a client before QoS 1 messages are left for later.'),
    maxOutputBytes: setting
      .byteSize({ min: 64 * KiB })
      .default(MiB)
      .describe('Output that may wait for a client before QoS 0 messages to it are dropped.'),
    outputTimeout: setting
      .duration({ min: 100 })
      .default(30_000)
      .describe('A client that sends on, but takes none of the output waiting for it for so long, is cut.'),
  }),
  session: section({
    expiryMaxS: z
      .int()
      .min(0)
      .max(0xffff_ffff)
      .default(604_800)
      .describe('Longest session expiry in seconds; also that of 3.x sessions without clean session.'),
    responseTopicPrefix: z
      .string()
      .default('responses')
      .describe('Start of the Response Information of clients that ask for it.'),
    maxDepartures: z
      .int()
      .min(0)
      .default(6)
      .refine((departures) => departures === 0 || departures > 3, 'is 0, or more than 3')
      .describe(
        'A QoS 1 message is skipped when its client has left so many times without a goodbye while it was ' +
          'unacknowledged, from the fourth time on while it was alone in flight; 0: never, else more than 3.',
      ),
    cursorCommitInterval: setting
      .duration({ min: 100 })
      .default(1_000)
      .describe('How often the cursors of durable sessions are stored.'),
  }),
  journal: section({
    tick: setting
      .duration({ min: 1, max: 50 })
      .default(3)
      .describe('Shortest distance of two append frames to a journal under load.'),
    appendTimeout: setting
      .duration({ min: 100 })
      .default(10_000)
      .describe('A publish that is not committed by then fails.'),
    filterTimeout: setting
      .duration({ min: 100 })
      .default(5_000)
      .describe('A subscription that the journals have not confirmed by then fails.'),
    ringBytesPerShard: setting
      .byteSize({ min: 64 * KiB })
      .default(8 * MiB)
      .describe('Recent records kept per shard for clients that are a little behind.'),
    backlogReadBytes: setting
      .byteSize({ min: 4 * KiB, max: 8 * MiB })
      .default(256 * KiB)
      .describe('Bytes of one read of what a session missed.'),
    maxBacklogReads: z.int().min(1).default(64).describe('Reads of missed messages under way at once.'),
    cachedTopics: z.int().min(1024).default(65_536).describe('Topics whose route is remembered.'),
  }),
  shutdown: section({
    deadline: setting
      .duration({ min: 100 })
      .default(10_000)
      .describe('Time to drain before the process ends anyway.'),
  }),
  ...clusterSettings(),
  ...telemetrySettings(58_083),
});

/** Packets of the largest size that there is room for in the memory for input: a frame of a WebSocket alone carries two. */
const INPUT_PACKETS = 8;

/** The definition; `load` yields the values. Limits that meet agree with each other (N13). */
export const mqttGatewayConfig = defineConfig(
  'mqtt-gateway',
  settings.superRefine(({ limits: { maxInputBytes, maxPacketBytes } }, context) => {
    if (maxInputBytes >= INPUT_PACKETS * maxPacketBytes) return;
    context.addIssue({
      code: 'custom',
      path: ['limits', 'maxInputBytes'],
      message: `has to be ${INPUT_PACKETS} times limits.maxPacketBytes (${maxPacketBytes}), or packets that are allowed could not come`,
    });
  }),
);

/** Values in force. */
export type MqttGatewayConfig = z.output<typeof settings>;
