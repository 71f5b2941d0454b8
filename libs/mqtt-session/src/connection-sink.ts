// What a connection has done for it, as a port: whoever serves the client implements it.

import { REASON, type Packet, type ProtocolVersion } from '@robustmq/mqtt-codec';
import type { ConnectTerms } from './connect/request.ts';
import type { InboundSink } from './inbound/inbound-publishes.ts';
import type { SubscribeRequest, UnsubscribeRequest } from './subscribe-request.ts';

/** Why and how a connection ended. */
export interface ConnectionEnd {
  /** Reason Code: the client's DISCONNECT, or ours. 0x80 (unspecified) when the connection just broke. */
  readonly reasonCode: number;
  /** The client sent DISCONNECT. */
  readonly isByClient: boolean;
  /** What the session's expiry is now; 0 ends it with the connection. */
  readonly sessionExpiryIntervalS: number;
}

const DEPARTURES: ReadonlySet<number> = new Set([
  REASON.unspecifiedError,
  REASON.malformedPacket,
  REASON.protocolError,
]);

/** All calls are synchronous; answers come back through the connection's own methods. */
export interface ConnectionSink extends InboundSink {
  /** A name for a client that brings none; unique. */
  newClientId(): string;
  /** Check credentials and open the session's row; then call `accept` or `refuse`. Nothing else may arrive meanwhile. */
  open(terms: ConnectTerms): void;
  /** Serve the entries whose `reasonCode` is below 0x80, then call `subscribed`. */
  subscribe(request: SubscribeRequest): void;
  /** Serve the entries, then call `unsubscribed`. */
  unsubscribe(request: UnsubscribeRequest): void;
  /** The client acknowledged a message; its identifier has left the window. */
  acknowledged(packetId: number): void;
  sendPingresp(): void;
  /**
   * CONNACK, SUBACK, UNSUBACK, DISCONNECT, to be written as `version` has it. One above the client's Maximum Packet Size is
   * not sent [MQTT-3.1.2-24].
   */
  send(packet: Packet, version: ProtocolVersion): void;
  /** The last call: send what is waiting, close the connection. */
  close(end: ConnectionEnd): void;
}

/** Whether the client ended it without a goodbye: by closing, by an error of its own, or by telling of one of ours. */
export function isDeparture({ reasonCode, isByClient }: ConnectionEnd): boolean {
  if (isByClient) return reasonCode >= REASON.unspecifiedError;
  return DEPARTURES.has(reasonCode);
}
