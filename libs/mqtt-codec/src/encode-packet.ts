// Every packet to a client but PUBLISH and acknowledgements, by mqtt-packet.

import { generate, writeToStream, type Packet } from 'mqtt-packet';
import type { ProtocolVersion } from './control-packet.ts';

// Off: 65,536 small buffers, made with the first packet and kept for good (7 MB), for what is written once per connection.
writeToStream.cacheNumbers = false;

/** The whole PINGRESP, the same for everyone. */
export const PINGRESP: Buffer = Buffer.from([0xd0, 0x00]);

interface OptionalProperties {
  readonly properties?: { readonly reasonString?: string; readonly userProperties?: unknown };
}

/**
 * The wire form of `packet`. Above `maxPacketBytes` (the client's Maximum Packet Size) it goes without Reason String and
 * User Properties [MQTT-3.2.2-19] [MQTT-3.2.2-20]; null when it is still too large and so must not be sent [MQTT-3.1.2-24].
 */
export function encodePacket(
  packet: Packet,
  version: ProtocolVersion,
  maxPacketBytes = Number.POSITIVE_INFINITY,
): Buffer | null {
  const whole = generate(packet, { protocolVersion: version });
  if (whole.length <= maxPacketBytes) return whole;
  const { properties } = packet as OptionalProperties;
  if (properties === undefined) return null;
  const { reasonString: _reason, userProperties: _user, ...needed } = properties;
  const smaller = generate({ ...packet, properties: needed } as Packet, { protocolVersion: version });
  return smaller.length <= maxPacketBytes ? smaller : null;
}
