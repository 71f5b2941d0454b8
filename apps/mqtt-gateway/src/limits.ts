// What a gateway allows its clients beyond the protocol.

import type { SessionPolicy } from '@robustmq/mqtt-session';
import type { PacketLimits } from '@robustmq/mqtt-codec';
import type { MqttGatewayConfig } from './config.ts';

/** Bounds of what a client may do; values come from the configuration. */
export interface GatewayLimits extends SessionPolicy {
  readonly packets: PacketLimits;
  readonly maxConnections: number;
  /** Connections of one source; 0: any number. */
  readonly maxConnectionsPerAddress: number;
  readonly maxConnectsPerSecond: number;
  /** What all clients together may keep by what they send: unfinished, and as topic aliases. */
  readonly maxInputBytes: number;
  /** Output that waits for a client before QoS 1 is left for later, and before QoS 0 is dropped. */
  readonly slowOutputBytes: number;
  readonly maxOutputBytes: number;
  /** Output waiting at which a client counts as reading again: the smaller of the two. */
  readonly reliefBytes: number;
  /** A client that keeps us from reading by taking none of its output is cut after this. */
  readonly outputTimeoutMs: number;
  /** Input that may wait while reading is held; a frame of a WebSocket fits in. */
  readonly maxHeldBytes: number;
}

/** What a socket may bring on top of a frame before it knows that nobody reads. */
const IN_FLIGHT_BYTES = 1024 * 1024;

/** The largest frame of a WebSocket: room for the largest packet and some small ones. */
export function maxFrameBytes({ limits }: MqttGatewayConfig): number {
  return 2 * limits.maxPacketBytes;
}

/** The limits of clients, as configured. */
export function limitsOf(config: MqttGatewayConfig): GatewayLimits {
  const { limits, session } = config;
  return {
    receiveMaximum: limits.receiveMaximum,
    sendWindowMaximum: limits.sendWindow,
    maximumPacketBytes: limits.maxPacketBytes,
    topicAliasMaximum: limits.topicAliasMaximum,
    keepAliveMaximumS: limits.keepAliveMaxS,
    sessionExpiryMaximumS: session.expiryMaxS,
    maximumSubscriptions: limits.maxSubscriptionsPerSession,
    maximumFilterChars: limits.maxFilterCharsPerSession,
    maximumPendingRequests: limits.maxPendingRequests,
    maximumClientIdBytes: limits.maxClientIdBytes,
    connectTimeoutMs: limits.connectTimeout,
    responseTopicPrefix: session.responseTopicPrefix,
    packets: {
      maxUserProperties: limits.maxUserProperties,
      maxTopicFilters: limits.maxTopicFilters,
      maxTopicLevels: limits.maxTopicLevels,
    },
    maxConnections: limits.maxConnections,
    maxConnectionsPerAddress: limits.maxConnectionsPerAddress,
    maxConnectsPerSecond: limits.maxConnectsPerSecond,
    maxInputBytes: limits.maxInputBytes,
    slowOutputBytes: limits.slowOutputBytes,
    maxOutputBytes: limits.maxOutputBytes,
    reliefBytes: Math.min(limits.slowOutputBytes, limits.maxOutputBytes),
    outputTimeoutMs: limits.outputTimeout,
    maxHeldBytes: maxFrameBytes(config) + IN_FLIGHT_BYTES,
  };
}
