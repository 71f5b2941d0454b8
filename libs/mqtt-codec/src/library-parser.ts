// Control packets by mqtt-packet, one whole packet at a time that was checked before.

import { assert } from '@robustmq/errors';
import { parser, type Parser } from 'mqtt-packet';
import type { ControlPacket, ProtocolVersion } from './control-packet.ts';
import { malformedPacket } from './decode-error.ts';

/** It replaces its settings by each CONNECT that it reads. */
type LibraryParser = Parser & { settings: { readonly protocolVersion: ProtocolVersion } };

/** A parser of the library. It is made of streams and emitters, which cost more than the packet: one serves many packets. */
class PacketParser {
  readonly #parser: LibraryParser;
  readonly #settings: { readonly protocolVersion: ProtocolVersion };
  #decoded: ControlPacket | undefined;
  #failure: Error | undefined;

  constructor(protocolVersion: ProtocolVersion) {
    this.#settings = { protocolVersion };
    this.#parser = parser(this.#settings) as LibraryParser;
    this.#parser.on('packet', (found) => (this.#decoded = found as ControlPacket));
    this.#parser.on('error', (error: Error) => (this.#failure = error));
  }

  /** @throws BrokerError malformed; the parser is not to be used again */
  decode(packet: Buffer): ControlPacket {
    this.#parser.parse(packet);
    if (this.#failure !== undefined) throw malformedPacket(`packet is refused: ${this.#failure.message}`);
    const decoded = this.#decoded;
    assert(decoded !== undefined, 'a whole packet decodes to a packet');
    // Nothing of a client is kept, and nothing of its CONNECT holds for the packets of others.
    this.#decoded = undefined;
    this.#parser.settings = this.#settings;
    return decoded;
  }
}

/** By version, while none is in use; one that has failed may have kept a part of what it read, and does not come back. */
const idle = new Map<ProtocolVersion, PacketParser>();

/**
 * Decodes the packet whose fields lie in `buffer[start, end)`; it gets memory of its own.
 * @throws BrokerError malformed
 */
export function decodeByLibrary(
  first: number,
  buffer: Buffer,
  start: number,
  end: number,
  version: ProtocolVersion,
): ControlPacket {
  const packets = idle.get(version) ?? new PacketParser(version);
  idle.delete(version);
  const decoded = packets.decode(wholePacket(first, buffer, start, end));
  idle.set(version, packets);
  return decoded;
}

/** A copy behind a fixed header of its own. */
function wholePacket(first: number, buffer: Buffer, start: number, end: number): Buffer {
  const size = end - start;
  const packet = Buffer.allocUnsafe(size + 5);
  let at = 0;
  packet[at++] = first;
  let rest = size;
  while (rest >= 0x80) {
    packet[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  packet[at++] = rest;
  buffer.copy(packet, at, start, end);
  return packet.subarray(0, at + size);
}
