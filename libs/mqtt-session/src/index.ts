// The MQTT session as pure decisions: no socket, no clock, no other service.

export type { SessionPolicy } from './connect/policy.ts';
export { reasonOfError } from './connect/reason-table.ts';
export { PendingAck } from './inbound/ack-queue.ts';
export type { PlacedMessage } from './outbound/place.ts';
export { NOT_OWED, Outbound, WINDOW_FULL, type AwaitedPlace } from './outbound/outbound.ts';
export type { ShardLag } from './outbound/shard-reading.ts';
export {
  firstOffsetToRead,
  startOf,
  startsOfNew,
  type StartOffset,
  type StartVector,
} from './outbound/start-positions.ts';
export { OutboundTopicAliases } from './topic-aliases.ts';
export type { SubscribeEntry, SubscribeRequest, UnsubscribeRequest } from './subscribe-request.ts';
export type { ConnectTerms } from './connect/request.ts';
export { MqttConnection, type ConnectionEnd, type ConnectionSink } from './connection.ts';
export { EXPIRED, remainingExpiryS } from './message-expiry.ts';
