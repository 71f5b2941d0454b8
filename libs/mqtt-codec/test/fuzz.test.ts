// Hostile input: whatever the bytes, the decoder reads packets or ends in a typed error, in time and in bounded memory.

import fc from 'fast-check';
import { generate } from 'mqtt-packet';
import { MqttDecoder, TopicCache, type ProtocolVersion } from '../src/index.ts';
import { clientPacket, connectPacket } from './arbitrary-packets.ts';
import { RecordingSink } from './recording-sink.ts';
import { connectedDecoder, errorOf } from './wire.ts';

const CODES = new Set(['malformed', 'too_large', 'unsupported']);
const versions = [3, 4, 5] as ProtocolVersion[];
const topics = new TopicCache();

/** Feeds `input` in chunks; the codes of what it ended in must be among {@link CODES}. */
function feed(decoder: MqttDecoder, input: Uint8Array, chunkBytes: number): RecordingSink {
  const sink = new RecordingSink();
  for (let start = 0; start < input.length; start += chunkBytes) {
    const error = errorOf(decoder, Buffer.from(input.subarray(start, start + chunkBytes)), sink);
    if (error === null) continue;
    expect(CODES).toContain(error.code);
    expect(typeof error.details['reasonCode']).toBe('number');
    break;
  }
  return sink;
}

const chunkBytes = fc.integer({ min: 1, max: 64 });

test('random bytes, before CONNECT', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), chunkBytes, (input, size) => {
      feed(new MqttDecoder({ topics }), input, size);
    }),
    { numRuns: 3000 },
  );
});

test.each(versions)('random bytes behind CONNECT, level %d', (version) => {
  // A likely first byte, so that more than the header is tried.
  const input = fc.array(
    fc.tuple(
      fc.constantFrom(0x30, 0x32, 0x40, 0x62, 0x82, 0xa2, 0xc0, 0xe0, 0xf0),
      fc.uint8Array({ maxLength: 60 }),
    ),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(input, chunkBytes, (packets, size) => {
      const bytes = Buffer.concat(packets.flatMap(([first, body]) => [Buffer.of(first, body.length), body]));
      feed(connectedDecoder(version), bytes, size);
    }),
    { numRuns: 3000 },
  );
});

test.each(versions)('mutated and truncated packets, level %d', (version) => {
  const mutation = fc.record({
    packets: fc.array(clientPacket(version), { minLength: 1, maxLength: 4 }),
    changes: fc.array(
      fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.integer({ min: 0, max: 255 })),
      { maxLength: 4 },
    ),
    keep: fc.double({ min: 0, max: 1, noNaN: true }),
    size: chunkBytes,
  });
  fc.assert(
    fc.property(mutation, ({ packets, changes, keep, size }) => {
      const bytes = Buffer.concat(packets.map((packet) => generate(packet, { protocolVersion: version })));
      for (const [where, value] of changes) bytes[Math.floor(where * bytes.length)] = value;
      feed(connectedDecoder(version), bytes.subarray(0, Math.ceil(keep * bytes.length)), size);
    }),
    { numRuns: 2000 },
  );
});

test.each(versions)('mutated CONNECT, level %d', (version) => {
  fc.assert(
    fc.property(
      connectPacket(version),
      fc.nat(2000),
      fc.nat(255),
      chunkBytes,
      (packet, where, value, size) => {
        const bytes = generate(packet);
        bytes[where % bytes.length] = value;
        const sink = feed(new MqttDecoder({ topics }), bytes, size);
        expect(sink.packets.length).toBeLessThanOrEqual(bytes.length);
      },
    ),
    { numRuns: 2000 },
  );
});

test('hostile lengths: any four bytes of Remaining Length', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0x30, max: 0x33 }),
      fc.uint8Array({ minLength: 1, maxLength: 5 }),
      (first, length) => {
        const decoder = connectedDecoder(4, 4096);
        feed(decoder, Buffer.concat([Buffer.of(first), length]), 1);
      },
    ),
    { numRuns: 2000 },
  );
});
