// CONNECT (section 3.1): what the protocol's own rules make of it, before anyone looks at credentials.

import {
  protocolError,
  REASON,
  type ConnectPacket,
  type DisconnectPacket,
  type ProtocolVersion,
} from '@robustmq/mqtt-codec';
import type { SessionPolicy } from './policy.ts';

/** What CONNECT and the policy agree on. */
export interface ConnectTerms {
  readonly version: ProtocolVersion;
  readonly clientId: string;
  /** The server chose `clientId`; CONNACK tells it in MQTT 5 [MQTT-3.2.2-16]. */
  readonly isClientIdAssigned: boolean;
  readonly cleanStart: boolean;
  /** The bridge of another broker (3.x, by the high bit of the level): it gets nothing back of what it sent. */
  readonly isBridge: boolean;
  /** Keep Alive that holds; 0: none. */
  readonly keepAliveS: number;
  /** Whether `keepAliveS` is ours and not the client's. */
  readonly isKeepAliveOurs: boolean;
  /** 0: the session ends with the connection. */
  readonly sessionExpiryIntervalS: number;
  /** Whether the client asked for a longer one. */
  readonly isSessionExpiryOurs: boolean;
  /** QoS 1 messages that may be in flight to the client. */
  readonly receiveMaximum: number;
  /** Largest packet that the client accepts [MQTT-3.1.2-24]. */
  readonly maximumPacketBytes: number;
  /** Aliases that we may set [MQTT-3.1.2-26]. */
  readonly topicAliasMaximum: number;
  readonly requestResponseInformation: boolean;
  /** False: Reason String and User Properties only on CONNACK, DISCONNECT and PUBLISH [MQTT-3.1.2-29]. */
  readonly requestProblemInformation: boolean;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
}

/** A Session Expiry Interval that means never (section 3.1.2.11.2). */
const NEVER_EXPIRES = 0xffff_ffff;

/**
 * The terms of a CONNECT, or the Reason Code (0x80 and above) of its refusal.
 * `newClientId` is asked for a name when the client leaves it to the server [MQTT-3.1.3-6].
 */
export function termsOf(
  packet: ConnectPacket,
  policy: SessionPolicy,
  newClientId: () => string,
): ConnectTerms | number {
  const version: ProtocolVersion = packet.protocolVersion ?? 4;
  const cleanStart = packet.clean === true;
  const properties = packet.properties ?? {};
  // Wills come with the next issue; refusing is better than forgetting one.
  if (packet.will !== undefined) return REASON.implementationSpecificError;
  if (properties.authenticationMethod !== undefined) return REASON.badAuthenticationMethod;
  const isClientIdAssigned = packet.clientId === '';
  if (isClientIdAssigned && (version === 3 || (version === 4 && !cleanStart))) {
    return REASON.clientIdentifierNotValid; // [MQTT-3.1.3-8]
  }
  // 3.1 knows ids of 23 characters at most; no server insists, and clients of today make longer ones.
  if (Buffer.byteLength(packet.clientId) > policy.maximumClientIdBytes)
    return REASON.clientIdentifierNotValid;
  const keepAlive = keepAliveOf(packet.keepalive ?? 0, version, policy);
  const wantedExpiryS = wantedExpiry(version, cleanStart, properties.sessionExpiryInterval, policy);
  return {
    version,
    clientId: isClientIdAssigned ? newClientId() : packet.clientId,
    isClientIdAssigned,
    cleanStart,
    isBridge: packet.bridgeMode === true,
    keepAliveS: keepAlive,
    isKeepAliveOurs: keepAlive !== (packet.keepalive ?? 0),
    sessionExpiryIntervalS: Math.min(wantedExpiryS, policy.sessionExpiryMaximumS),
    isSessionExpiryOurs: wantedExpiryS > policy.sessionExpiryMaximumS,
    receiveMaximum: Math.min(properties.receiveMaximum ?? 65_535, policy.sendWindowMaximum),
    maximumPacketBytes: properties.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
    requestResponseInformation: properties.requestResponseInformation === true,
    requestProblemInformation: properties.requestProblemInformation !== false,
    username: packet.username,
    password: packet.password,
  };
}

/** A bound on Keep Alive reaches only MQTT 5 clients: 3.x has no way to be told. */
function keepAliveOf(wantedS: number, version: ProtocolVersion, policy: SessionPolicy): number {
  const maximumS = policy.keepAliveMaximumS;
  if (version !== 5 || maximumS === 0) return wantedS;
  return wantedS === 0 ? maximumS : Math.min(wantedS, maximumS);
}

/** 3.x sessions end with the connection or never, as Clean Session says [MQTT-3.1.2-6]. */
function wantedExpiry(
  version: ProtocolVersion,
  cleanStart: boolean,
  intervalS: number | undefined,
  policy: SessionPolicy,
): number {
  if (version === 5) return intervalS ?? 0;
  return cleanStart ? 0 : Math.min(NEVER_EXPIRES, policy.sessionExpiryMaximumS);
}

/**
 * The expiry of a session behind the client's DISCONNECT.
 * @throws BrokerError malformed: a session that was to end with the connection can't be kept any more (section 3.14.2.2.2).
 */
export function expiryAfter(
  packet: DisconnectPacket,
  expiryIntervalS: number,
  policy: SessionPolicy,
): number {
  const wantedS = packet.properties?.sessionExpiryInterval;
  if (wantedS === undefined) return expiryIntervalS;
  if (wantedS > 0 && expiryIntervalS === 0)
    throw protocolError('DISCONNECT sets a Session Expiry Interval that CONNECT had at 0');
  return Math.min(wantedS, policy.sessionExpiryMaximumS);
}
