import fc from 'fast-check';
import { BrokerError } from '@robustmq/errors';
import { API_MESSAGES, KafkaReader, KafkaWriter } from '../src/index.ts';
import { readRequestHeader, writeRequestHeader } from '../src/generated/request-header.ts';
import { readResponseHeader, writeResponseHeader } from '../src/generated/response-header.ts';
import { MESSAGES, messageOf } from './random-message.ts';

type Read = (reader: KafkaReader, version: number) => unknown;
type Write = (writer: KafkaWriter, version: number, value: never) => void;

function codecOf(name: string): { read: Read; write: Write } {
  if (name === 'RequestHeader') return { read: readRequestHeader, write: writeRequestHeader };
  if (name === 'ResponseHeader') return { read: readResponseHeader, write: writeResponseHeader };
  for (const api of Object.values(API_MESSAGES)) {
    if (name === `${api.name}Request`) return { read: api.readRequest, write: api.writeRequest };
    if (name === `${api.name}Response`) return { read: api.readResponse, write: api.writeResponse };
  }
  throw new RangeError(name);
}

function encode(write: Write, version: number, value: unknown): Buffer {
  const writer = new KafkaWriter(16);
  write(writer, version, value as never);
  const bytes = writer.finish();
  expect(bytes.length).toBe(writer.sizeBytes);
  return bytes;
}

const cases = MESSAGES.flatMap((message) => {
  const versions: { message: (typeof MESSAGES)[number]; version: number; label: string }[] = [];
  for (let version = message.validVersions.min; version <= message.validVersions.max; version += 1) {
    versions.push({ message, version, label: `${message.name} v${version}` });
  }
  return versions;
});

describe('every message in every version', () => {
  test.each(cases)('$label round-trips', ({ message, version }) => {
    const { read, write } = codecOf(message.name);
    fc.assert(
      fc.property(messageOf(message, version), (value) => {
        const bytes = encode(write, version, value);
        const reader = new KafkaReader(bytes);
        const back = read(reader, version);
        expect(reader.remaining).toBe(0);
        expect(back).toMatchObject(value);
        // What was read can be written again, to the same bytes.
        expect(encode(write, version, back).equals(bytes)).toBe(true);
      }),
      { numRuns: 15 },
    );
  });
});

describe('hostile bytes', () => {
  const malformed = (run: () => unknown): void => {
    try {
      run();
    } catch (error) {
      expect(error).toBeInstanceOf(BrokerError);
      expect((error as BrokerError).code).toBe('malformed');
    }
  };

  test.each(cases)(
    '$label: mutated, truncated and random input is malformed or read, never worse (I8)',
    ({ message, version }) => {
      const { read, write } = codecOf(message.name);
      fc.assert(
        fc.property(
          messageOf(message, version),
          fc.nat(),
          fc.nat(255),
          fc.uint8Array({ maxLength: 60 }),
          (value, at, byte, noise) => {
            const bytes = encode(write, version, value);
            malformed(() => read(new KafkaReader(bytes.subarray(0, at % (bytes.length + 1))), version));
            if (bytes.length > 0) bytes[at % bytes.length] = byte;
            malformed(() => read(new KafkaReader(bytes), version));
            malformed(() => read(new KafkaReader(Buffer.from(noise)), version));
          },
        ),
        { numRuns: 15 },
      );
    },
  );

  test('an array count that cannot fit is refused before anything is allocated', () => {
    const bytes = Buffer.from([0x7f, 0xff, 0xff, 0xff, 1, 2, 3]);
    const read = jest.fn();
    expect(() => new KafkaReader(bytes).array(false, 4, read)).toThrow(/does not fit/);
    expect(read).not.toHaveBeenCalled();
    const compact = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]);
    expect(() => new KafkaReader(compact).array(true, 1, read)).toThrow(/does not fit/);
    expect(() => new KafkaReader(compact).tagCount()).toThrow(/do not fit/);
  });

  test.each([
    ['null string', (reader: KafkaReader) => reader.string(true)],
    ['null bytes', (reader: KafkaReader) => reader.bytes(true)],
    ['null array', (reader: KafkaReader) => reader.array(true, 1, () => 0)],
  ])('%s where none is allowed is malformed', (_name, read) => {
    expect(() => read(new KafkaReader(Buffer.from([0])))).toThrow(/where none/);
  });
});
