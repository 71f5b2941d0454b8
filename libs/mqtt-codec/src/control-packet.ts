// The packet types and protocol levels of MQTT, and the decoded form of every packet but PUBLISH and its
// acknowledgements. That form is mqtt-packet's.

import type {
  IAuthPacket,
  IConnectPacket,
  IDisconnectPacket,
  ISubscribePacket,
  IUnsubscribePacket,
} from 'mqtt-packet';

/** Control Packet types (table 2-1). */
export const PACKET_TYPE = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
} as const;

/** Type of a packet that acknowledges a PUBLISH or a step of QoS 2: PUBACK, PUBREC, PUBREL, PUBCOMP. */
export type AckType = 4 | 5 | 6 | 7;

/** Protocol level in CONNECT: 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is MQTT 5.0. */
export type ProtocolVersion = 3 | 4 | 5;

/** Quality of service of a message. */
export type Qos = 0 | 1 | 2;

export type {
  IAuthPacket as AuthPacket,
  IDisconnectPacket as DisconnectPacket,
  ISubscribePacket as SubscribePacket,
  IUnsubscribePacket as UnsubscribePacket,
};

/** A CONNECT; `bridgeMode` is what mqtt-packet makes of the high bit of the protocol level. */
export type ConnectPacket = IConnectPacket & { readonly bridgeMode?: boolean };

/** What the decoder hands out whole, decoded by mqtt-packet. */
export type ControlPacket =
  ConnectPacket | ISubscribePacket | IUnsubscribePacket | IDisconnectPacket | IAuthPacket;
