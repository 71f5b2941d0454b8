// The decoder's own paths are equal to mqtt-packet over random packets, cut into random chunks.

import fc from 'fast-check';
import { generate, type Packet } from 'mqtt-packet';
import {
  MqttDecoder,
  TopicCache,
  type AckType,
  type ControlPacket,
  type ProtocolVersion,
  type PublishView,
} from '../src/index.ts';
import { clientPacket, connectPacket } from './arbitrary-packets.ts';
import { readByLibrary, RecordingSink } from './recording-sink.ts';

/** Cuts `bytes` at the given fractions. */
function chunksOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const positions = cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b);
  const chunks: Buffer[] = [];
  let start = 0;
  for (const position of [...positions, bytes.length]) {
    // A copy that is overwritten later shows whether anything still points into the socket's memory.
    chunks.push(Buffer.from(bytes.subarray(start, position)));
    start = position;
  }
  return chunks;
}

/** Pauses its decoder after every packet. */
class PausingSink extends RecordingSink {
  readonly #decoder: MqttDecoder;
  constructor(decoder: MqttDecoder) {
    super();
    this.#decoder = decoder;
  }
  override publish(view: PublishView): void {
    super.publish(view);
    this.#decoder.pause();
  }
  override ack(type: AckType, packetId: number, reasonCode: number): void {
    super.ack(type, packetId, reasonCode);
    this.#decoder.pause();
  }
  override pingreq(): void {
    super.pingreq();
    this.#decoder.pause();
  }
  override packet(packet: ControlPacket): void {
    super.packet(packet);
    this.#decoder.pause();
  }
}

const cutPoints = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

describe.each([3, 4, 5] as ProtocolVersion[])('protocol level %d', (version) => {
  const stream = fc.record({
    connect: connectPacket(version),
    packets: fc.array(clientPacket(version), { maxLength: 12 }),
    cuts: cutPoints,
  });

  test('reads what mqtt-packet reads, however the bytes are cut', () => {
    const topics = new TopicCache();
    fc.assert(
      fc.property(stream, ({ connect, packets, cuts }) => {
        const encoded = [connect, ...packets].map((packet: Packet) =>
          generate(packet, { protocolVersion: version }),
        );
        const decoder = new MqttDecoder({ topics });
        const sink = new RecordingSink();
        for (const chunk of chunksOf(Buffer.concat(encoded), cuts)) {
          decoder.push(chunk, sink);
          chunk.fill(0xff);
        }
        expect(sink.packets).toEqual(readByLibrary(encoded, version));
      }),
      { numRuns: 400 },
    );
  });

  test('reads the same when it is paused after every packet', () => {
    fc.assert(
      fc.property(stream, ({ connect, packets, cuts }) => {
        const encoded = [connect, ...packets].map((packet: Packet) =>
          generate(packet, { protocolVersion: version }),
        );
        const decoder = new MqttDecoder({ topics: new TopicCache() });
        const sink = new PausingSink(decoder);
        for (const chunk of chunksOf(Buffer.concat(encoded), cuts)) decoder.push(chunk, sink);
        for (let index = 0; index <= packets.length; index++) decoder.resume(sink);
        expect(sink.packets).toEqual(readByLibrary(encoded, version));
      }),
      { numRuns: 100 },
    );
  });
});
