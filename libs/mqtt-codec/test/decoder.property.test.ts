// The decoder's own paths are equal to mqtt-packet over random packets, cut into random chunks.

import fc from 'fast-check';
import { generate, type Packet } from 'mqtt-packet';
import { MqttDecoder, TopicCache, type ProtocolVersion } from '../src/index.ts';
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
        const sink = new RecordingSink();
        const pausing = new Proxy(sink, {
          get(target, name: keyof RecordingSink) {
            const member = target[name];
            if (typeof member !== 'function') return member;
            return (...args: never[]) => {
              (member as (...all: never[]) => void).apply(target, args);
              decoder.pause();
            };
          },
        });
        for (const chunk of chunksOf(Buffer.concat(encoded), cuts)) decoder.push(chunk, pausing);
        for (let index = 0; index <= packets.length; index++) decoder.resume(pausing);
        expect(sink.packets).toEqual(readByLibrary(encoded, version));
      }),
      { numRuns: 100 },
    );
  });
});
