// MQTT 3.1, 3.1.1 and 5.0 on the wire. mqtt-packet is the codec of record; what is frequent has a path of its own that the
// tests prove equal to it.

export { CONNACK_REASONS, REASON } from './reason-code.ts';
export {
  PACKET_TYPE,
  type AckType,
  type ConnectPacket,
  type ControlPacket,
  type DisconnectPacket,
  type ProtocolVersion,
  type SubscribePacket,
  type UnsubscribePacket,
} from './control-packet.ts';
export { protocolError } from './decode-error.ts';
export { isMqttString } from './utf8.ts';
export { TopicCache } from './topic-cache.ts';
export { ABSENT, PublishView } from './publish-view.ts';
export { type PacketLimits } from './packet-limits.ts';
export { FIRST_PACKET_MAX_BYTES, MqttDecoder, type DecoderSink } from './decoder.ts';
export { acknowledgement } from './ack-packet.ts';
export { OutboundPublish } from './encode-publish.ts';
export { encodeForwardedProperties } from './forwarded-properties.ts';
export { userProperty } from './user-property.ts';
export { encodePacket, PINGRESP } from './encode-packet.ts';
export type { Packet } from 'mqtt-packet';
