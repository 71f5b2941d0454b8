// CONNACK (section 3.2).

import type { BrokerError } from '@robustmq/errors';
import {
  CONNACK_REASONS,
  encodePacket,
  REASON,
  type Packet,
  type ProtocolVersion,
} from '@robustmq/mqtt-codec';
import type { ConnectTerms } from './request.ts';
import type { SessionPolicy } from './policy.ts';
import { reasonOfError, v3BehaviourOf } from './reason-table.ts';

/** The CONNACK of an accepted client. MQTT 5 is told what this server does not do yet: QoS 2, retained, shared. */
export function acceptingConnack(
  terms: ConnectTerms,
  policy: SessionPolicy,
  sessionPresent: boolean,
  userProperties?: Readonly<Record<string, string | string[]>>,
): Packet {
  if (terms.version !== 5) {
    // Bit 0 is reserved in 3.1.
    return { cmd: 'connack', returnCode: 0, sessionPresent: sessionPresent && terms.version === 4 };
  }
  const responseInformation =
    terms.requestResponseInformation && policy.responseTopicPrefix !== undefined
      ? `${policy.responseTopicPrefix}/${terms.clientId}`
      : undefined;
  return {
    cmd: 'connack',
    reasonCode: REASON.success,
    sessionPresent,
    properties: {
      maximumQoS: 1,
      retainAvailable: false,
      sharedSubscriptionAvailable: false,
      receiveMaximum: policy.receiveMaximum,
      maximumPacketSize: policy.maximumPacketBytes,
      topicAliasMaximum: policy.topicAliasMaximum,
      ...(terms.isSessionExpiryOurs ? { sessionExpiryInterval: terms.sessionExpiryIntervalS } : {}),
      ...(terms.isClientIdAssigned ? { assignedClientIdentifier: terms.clientId } : {}),
      ...(terms.isKeepAliveOurs ? { serverKeepAlive: terms.keepAliveS } : {}),
      ...(responseInformation === undefined ? {} : { responseInformation }),
      ...(userProperties === undefined ? {} : { userProperties: { ...userProperties } }),
    },
  };
}

/** No CONNACK that accepts is longer, unless the client asked for Response Information. */
const CONNACK_MAX_BYTES = 256;

/** Whether the client's Maximum Packet Size allows the CONNACK that accepts it: it could not be sent [MQTT-3.1.2-24]. */
export function canBeAccepted(terms: ConnectTerms, policy: SessionPolicy): boolean {
  const { maximumPacketBytes, version } = terms;
  if (maximumPacketBytes >= CONNACK_MAX_BYTES && !terms.requestResponseInformation) return true;
  return encodePacket(acceptingConnack(terms, policy, true), version, maximumPacketBytes) !== null;
}

/**
 * The CONNACK of a refused client, or null where 3.x has no return code for the reason: the connection then closes
 * without one. Session Present is 0 [MQTT-3.2.2-6]. A reason that only DISCONNECT may carry, as a takeover while the
 * session was being opened, becomes Server unavailable: the client may try again.
 */
export function refusingConnack(version: number, reasonCode: number, reasonString?: string): Packet | null {
  if (version !== 5) {
    const returnCode = v3BehaviourOf(reasonCode).connack;
    return returnCode === null ? null : { cmd: 'connack', returnCode, sessionPresent: false };
  }
  return {
    cmd: 'connack',
    reasonCode: CONNACK_REASONS.has(reasonCode) ? reasonCode : REASON.serverUnavailable,
    sessionPresent: false,
    ...(reasonString === undefined ? {} : { properties: { reasonString } }),
  };
}

/** A CONNACK, and the version to write it in. */
export interface VersionedConnack {
  readonly packet: Packet;
  readonly version: ProtocolVersion;
}

/** What a client is told whose first packet could not be read: nothing where it is not known to be a CONNECT of ours. */
export function connackOfError(error: BrokerError): VersionedConnack | null {
  const level = error.details['protocolLevel'];
  if (error.code === 'unsupported' && typeof level === 'number') {
    // Clients before MQTT 5, and bridges that set the high bit, know only the short form [MQTT-3.1.2-2].
    return refusal(level >= 5 && level < 0x80 ? 5 : 4, REASON.unsupportedProtocolVersion);
  }
  // A CONNECT that is malformed; without the level it was none (section 4.13.1).
  return level === 5 ? refusal(5, reasonOfError(error, 'connect')) : null;
}

function refusal(version: ProtocolVersion, reasonCode: number): VersionedConnack | null {
  const packet = refusingConnack(version, reasonCode);
  return packet === null ? null : { packet, version };
}
