// Reason Codes for every error of ours, and what 3.x does in their place. Both tables are total: a new code does not
// compile until it has its row.

import type { BrokerError, ErrorCode } from '@robustmq/errors';
import { REASON } from '@robustmq/mqtt-codec';

type ReasonName = keyof typeof REASON;
type ReasonCode = (typeof REASON)[ReasonName];

/** Reason Codes of one error by the packet that carries it. */
export interface ErrorReasons {
  /** PUBACK, PUBREC. */
  readonly publish: ReasonCode;
  /** SUBACK, UNSUBACK. */
  readonly subscribe: ReasonCode;
  /** CONNACK. */
  readonly connect: ReasonCode;
  /** DISCONNECT. */
  readonly disconnect: ReasonCode;
}

const SPECIFIC: ErrorReasons = {
  publish: REASON.implementationSpecificError,
  subscribe: REASON.implementationSpecificError,
  connect: REASON.implementationSpecificError,
  disconnect: REASON.implementationSpecificError,
};
/** Passes by itself: the client is asked to come back. */
const UNAVAILABLE: ErrorReasons = {
  ...SPECIFIC,
  connect: REASON.serverUnavailable,
  disconnect: REASON.serverBusy,
};
const QUOTA: ErrorReasons = {
  publish: REASON.quotaExceeded,
  subscribe: REASON.quotaExceeded,
  connect: REASON.quotaExceeded,
  disconnect: REASON.quotaExceeded,
};
const DENIED: ErrorReasons = {
  publish: REASON.notAuthorized,
  subscribe: REASON.notAuthorized,
  connect: REASON.notAuthorized,
  disconnect: REASON.notAuthorized,
};
const UNSPECIFIED: ErrorReasons = {
  publish: REASON.unspecifiedError,
  subscribe: REASON.unspecifiedError,
  connect: REASON.unspecifiedError,
  disconnect: REASON.unspecifiedError,
};

/** Error code → Reason Codes. */
export const ERROR_REASONS = {
  invalid_argument: SPECIFIC,
  malformed: { ...SPECIFIC, connect: REASON.malformedPacket, disconnect: REASON.malformedPacket },
  corrupt: SPECIFIC,
  too_large: { ...QUOTA, connect: REASON.packetTooLarge, disconnect: REASON.packetTooLarge },
  unsupported: SPECIFIC,
  not_found: SPECIFIC,
  already_exists: SPECIFIC,
  conflict: SPECIFIC,
  unauthenticated: { ...DENIED, connect: REASON.badUserNameOrPassword },
  permission_denied: DENIED,
  fenced: { ...SPECIFIC, connect: REASON.serverUnavailable, disconnect: REASON.sessionTakenOver },
  out_of_range: SPECIFIC,
  out_of_order: SPECIFIC,
  duplicate: SPECIFIC,
  quota_exceeded: QUOTA,
  not_leader: UNAVAILABLE,
  not_enough_replicas: UNAVAILABLE,
  offset_not_available: UNAVAILABLE,
  stale_epoch: UNAVAILABLE,
  unknown_epoch: UNAVAILABLE,
  not_coordinator: UNAVAILABLE,
  storage_full: QUOTA,
  storage_failed: UNAVAILABLE,
  quarantined: UNAVAILABLE,
  unavailable: UNAVAILABLE,
  deadline_exceeded: UNAVAILABLE,
  cancelled: UNAVAILABLE,
  internal: UNSPECIFIED,
} as const satisfies Record<ErrorCode, ErrorReasons>;

/** The Reason Code of an error in the packet that will carry it. An error of the codec brings its own. */
export function reasonOfError(error: BrokerError, packet: keyof ErrorReasons): number {
  const own = error.details['reasonCode'];
  if (typeof own === 'number' && (packet === 'disconnect' || packet === 'connect')) return own;
  return ERROR_REASONS[error.code][packet];
}

/** What 3.x does where MQTT 5 would send a Reason Code. */
export interface V3Behaviour {
  /** Return code of CONNACK; null: the connection is closed without one. */
  readonly connack: number | null;
  /** PUBACK can't say no, so a publish is acknowledged or the connection closed [MQTT-3.3.5-2]. */
  readonly publish: 'acknowledge' | 'close';
  /** Code in SUBACK. */
  readonly suback: number;
}

const FAILURE: V3Behaviour = { connack: null, publish: 'close', suback: 0x80 };
const UNAVAILABLE_V3: V3Behaviour = { ...FAILURE, connack: 3 };
const DENIED_V3: V3Behaviour = { ...FAILURE, connack: 5 };
const TAKEN: V3Behaviour = { connack: 0, publish: 'acknowledge', suback: 0 };

/** Reason Code → 3.1 and 3.1.1, by name. */
export const V3_BEHAVIOUR = {
  success: TAKEN,
  grantedQos1: { ...TAKEN, suback: 1 },
  grantedQos2: { ...TAKEN, suback: 2 },
  disconnectWithWill: FAILURE,
  noMatchingSubscribers: TAKEN,
  noSubscriptionExisted: TAKEN,
  continueAuthentication: FAILURE,
  reAuthenticate: FAILURE,
  unspecifiedError: UNAVAILABLE_V3,
  malformedPacket: FAILURE,
  protocolError: FAILURE,
  implementationSpecificError: UNAVAILABLE_V3,
  unsupportedProtocolVersion: { ...FAILURE, connack: 1 },
  clientIdentifierNotValid: { ...FAILURE, connack: 2 },
  badUserNameOrPassword: { ...FAILURE, connack: 4 },
  // The publisher of a topic that it may not use learns nothing, as with other brokers; the message is dropped.
  notAuthorized: { ...DENIED_V3, publish: 'acknowledge' },
  serverUnavailable: UNAVAILABLE_V3,
  serverBusy: UNAVAILABLE_V3,
  banned: DENIED_V3,
  serverShuttingDown: UNAVAILABLE_V3,
  badAuthenticationMethod: DENIED_V3,
  keepAliveTimeout: FAILURE,
  sessionTakenOver: FAILURE,
  topicFilterInvalid: FAILURE,
  topicNameInvalid: UNAVAILABLE_V3,
  packetIdentifierInUse: FAILURE,
  packetIdentifierNotFound: FAILURE,
  receiveMaximumExceeded: FAILURE,
  topicAliasInvalid: FAILURE,
  packetTooLarge: UNAVAILABLE_V3,
  messageRateTooHigh: FAILURE,
  quotaExceeded: UNAVAILABLE_V3,
  administrativeAction: DENIED_V3,
  payloadFormatInvalid: UNAVAILABLE_V3,
  retainNotSupported: UNAVAILABLE_V3,
  qosNotSupported: UNAVAILABLE_V3,
  useAnotherServer: UNAVAILABLE_V3,
  serverMoved: UNAVAILABLE_V3,
  sharedSubscriptionsNotSupported: FAILURE,
  connectionRateExceeded: UNAVAILABLE_V3,
  maximumConnectTime: FAILURE,
  subscriptionIdentifiersNotSupported: FAILURE,
  wildcardSubscriptionsNotSupported: FAILURE,
} as const satisfies Record<ReasonName, V3Behaviour>;

const BY_CODE: readonly V3Behaviour[] = Array.from({ length: 256 }, (_, code) => {
  const name = (Object.keys(REASON) as ReasonName[]).find((each) => REASON[each] === code);
  return name === undefined ? FAILURE : V3_BEHAVIOUR[name];
});

/** The 3.x behaviour of a Reason Code; one that is not in the specification counts as a failure. */
export function v3BehaviourOf(reasonCode: number): V3Behaviour {
  return BY_CODE[reasonCode] ?? FAILURE;
}
