// PUBACK, PUBREC, PUBREL, PUBCOMP (sections 3.4 to 3.7), both ways.

import { PACKET_TYPE, type AckType, type ProtocolVersion } from './control-packet.ts';
import { malformedPacket, protocolError } from './decode-error.ts';
import { PUBACK_REASONS, PUBREL_REASONS } from './reason-code.ts';
import { checkAckProperties } from './strict-check.ts';

/** The wire form of an acknowledgement. */
export const acknowledgement = {
  /** Bytes of the longest acknowledgement that `encode` writes. */
  maxBytes: 5,

  /**
   * Reads an acknowledgement whose variable header is `buffer[start, end)`: the Packet Identifier in the low 16 bits, the
   * Reason Code above them. Reason String and User Properties are checked and dropped.
   * @throws BrokerError malformed.
   */
  read(
    type: AckType,
    buffer: Buffer,
    start: number,
    end: number,
    version: ProtocolVersion,
    maxUserProperties: number,
  ): number {
    const size = end - start;
    if (size < 2 || (size > 2 && version !== 5)) throw malformedPacket('acknowledgement has a wrong length');
    const packetId = (buffer[start]! << 8) | buffer[start + 1]!;
    if (packetId === 0) throw protocolError('packet identifier is zero [MQTT-2.2.1-3]');
    if (size === 2) return packetId;
    const reasonCode = buffer[start + 2]!;
    const reasons = type <= PACKET_TYPE.pubrec ? PUBACK_REASONS : PUBREL_REASONS;
    if (!reasons.has(reasonCode)) throw protocolError(`acknowledgement with reason code ${reasonCode}`);
    if (size > 3) checkAckProperties(buffer, start + 3, end, maxUserProperties);
    return (reasonCode << 16) | packetId;
  },

  /** Writes an acknowledgement at `position` (room for `maxBytes`); returns the position behind it. 3.x has no reason codes. */
  encode(
    target: Uint8Array,
    position: number,
    type: AckType,
    packetId: number,
    reasonCode: number,
    version: ProtocolVersion,
  ): number {
    const hasReason = version === 5 && reasonCode !== 0;
    let at = position;
    target[at++] = (type << 4) | (type === PACKET_TYPE.pubrel ? 2 : 0);
    target[at++] = hasReason ? 3 : 2;
    target[at++] = packetId >>> 8;
    target[at++] = packetId;
    if (hasReason) target[at++] = reasonCode;
    return at;
  },
} as const;
