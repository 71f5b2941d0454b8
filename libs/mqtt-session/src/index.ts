// The MQTT session as pure decisions: no socket, no clock, no other service.

export type { SessionPolicy } from './connect/policy.ts';
export { reasonOfError } from './connect/reason-table.ts';
export type { PendingAck } from './inbound/ack-queue.ts';
export type { PlacedMessage } from './outbound/place.ts';
export { NOT_OWED, Outbound, type AwaitedPlace } from './outbound/outbound.ts';
export type { OutboundLedger, OutboundState } from './outbound/outbound-ledger.ts';
export { epochReset, KeptReach, type EpochEndOffsets } from './outbound/kept-reach.ts';
export { WINDOW_FULL } from './outbound/send-window.ts';
export type { ShardLag } from './outbound/shard-reading.ts';
export { type StartOffset, startPositions, type StartVector } from './outbound/start-positions.ts';
export { OutboundTopicAliases } from './topic-aliases.ts';
export type { SubscribeRequest, UnsubscribeRequest } from './subscribe-request.ts';
export type { ConnectTerms } from './connect/request.ts';
export { MqttConnection } from './connection.ts';
export { isDeparture, type ConnectionEnd, type ConnectionSink } from './connection-sink.ts';
export { messageExpiry } from './message-expiry.ts';
export { LastWords } from './takeover/last-words.ts';
