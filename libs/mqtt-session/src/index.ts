// The MQTT session as pure decisions: no socket, no clock, no other service.

export { DEFAULT_SESSION_POLICY, type SessionPolicy } from './policy.ts';
export {
  ERROR_REASONS,
  reasonOfError,
  V3_BEHAVIOUR,
  v3BehaviourOf,
  type ErrorReasons,
  type V3Behaviour,
} from './reason-table.ts';
export { AckQueue, PendingAck, type WriteAck } from './ack-queue.ts';
export { SendWindow } from './outbound/send-window.ts';
export type { Place, PlacedMessage } from './outbound/place.ts';
export {
  NOT_OWED,
  Outbound,
  WINDOW_FULL,
  type AwaitedPlace,
  type ResumedPlace,
  type Resumption,
} from './outbound/outbound.ts';
export type { Cursor } from './outbound/moved-cursors.ts';
export type { ShardLag } from './outbound/shard-reading.ts';
export {
  firstOffsetToRead,
  startOf,
  startsOfNew,
  type StartOffset,
  type StartVector,
} from './outbound/start-positions.ts';
export { InboundTopicAliases, OutboundTopicAliases } from './topic-aliases.ts';
export { EXPIRED, expiresAtMs, NEVER, remainingExpiryS } from './message-expiry.ts';
export {
  subscribeRequestOf,
  unsubscribeRequestOf,
  type HeldSubscriptions,
  type SubscribeEntry,
  type SubscribeRequest,
  type SubscriptionOptions,
  type UnsubscribeEntry,
  type UnsubscribeRequest,
} from './subscribe-request.ts';
export { termsOf, type ConnectTerms } from './connect-request.ts';
export { acceptingConnack, refusingConnack } from './connack.ts';
export { MqttSession, type SessionEnd, type SessionSink } from './session.ts';
