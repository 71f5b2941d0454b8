// Record batches and the packed header `mqtt`, read from the page.

import fc from 'fast-check';
import { RecordBatchBuilder, type MqttFacts } from '@robustmq/record-batch';
import { writeMqttFacts, sizeOfMqttFacts } from '@robustmq/record-batch/testing';
import { readForeignBatch, readForeignFacts } from './foreign-records.ts';

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
const text = fc.string({ unit: 'grapheme', maxLength: 60 });
const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const facts: fc.Arbitrary<MqttFacts> = fc.record({
  qos: fc.integer({ min: 0, max: 2 }),
  retain: fc.boolean(),
  payloadFormat: optional(fc.constantFrom(0 as const, 1 as const)),
  originSessionId: optional(fc.maxSafeNat()),
  expiresAtMs: optional(fc.maxSafeNat()),
  dedupe: optional(
    fc.record({ sessionId: fc.maxSafeNat(), generation: fc.maxSafeNat(), sequence: fc.maxSafeNat() }),
  ),
  contentType: optional(text),
  responseTopic: optional(text),
  correlationData: optional(bytes(200)),
});

const sent = (value: MqttFacts): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined));

test('the packed header holds what the page says', () => {
  fc.assert(
    fc.property(facts, (value) => {
      const header = Buffer.alloc(sizeOfMqttFacts(value));
      expect(writeMqttFacts(header, 0, value)).toBe(header.length);
      expect(readForeignFacts(header)).toEqual(sent(value));
    }),
  );
});

test('the example of the page is right', () => {
  const example = Buffer.from('0101010000000000000102', 'hex');
  expect(readForeignFacts(example)).toEqual({ qos: 1, retain: false, originSessionId: 258 });
  const written = Buffer.alloc(example.length);
  writeMqttFacts(written, 0, { qos: 1, retain: false, originSessionId: 258 });
  expect(written).toEqual(example);
});

test('a batch of Kafka records', () => {
  const record = fc.record({
    timestampMs: fc.integer({ min: 0, max: 2 ** 45 }),
    key: fc.option(text, { nil: null }),
    value: fc.option(bytes(300), { nil: null }),
    headers: fc.array(fc.tuple(text, text), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 30 }),
      fc.nat(2 ** 31),
      fc.nat(1000),
      (records, baseOffset, leaderEpoch) => {
        const builder = new RecordBatchBuilder();
        for (const { timestampMs, key, value, headers } of records)
          builder.append(timestampMs, key, value, headers);
        const buffer = builder.finishCopy({ baseOffset, leaderEpoch });
        const batch = readForeignBatch(buffer, 0);
        expect(batch).toMatchObject({
          baseOffset,
          leaderEpoch,
          lastOffset: baseOffset + records.length - 1,
          maxTimestampMs: Math.max(...records.map(({ timestampMs }) => timestampMs)),
          attributes: 0,
          end: buffer.length,
        });
        expect(batch.records).toEqual(
          records.map(({ timestampMs, key, value, headers }, index) => ({
            offset: baseOffset + index,
            timestampMs,
            key: key === null ? null : Buffer.from(key),
            value,
            headers: headers.map(([name, each]) => [name, Buffer.from(each)]),
          })),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test('an MQTT publish is a record: topic, payload, packed header, user properties', () => {
  const builder = new RecordBatchBuilder();
  const value: MqttFacts = { qos: 1, retain: false, contentType: 'text/plain' };
  builder.appendMqtt(5, 'a/b', Buffer.from('..payload'), 2, 9, value, [
    ['k', 'v'],
    ['mqtt', 'not the packed one'],
    ['k', 'again'],
  ]);
  const [record] = readForeignBatch(builder.finishCopy(), 0).records;
  expect(record!.key).toEqual(Buffer.from('a/b'));
  expect(record!.value).toEqual(Buffer.from('payload'));
  const [[name, packed], ...properties] = record!.headers as [
    readonly [string, Buffer],
    ...(readonly [string, Buffer])[],
  ];
  expect([name, readForeignFacts(packed)]).toEqual(['mqtt', sent(value)]);
  expect(properties.map(([each, text]) => [each, text.toString()])).toEqual([
    ['k', 'v'],
    ['mqtt', 'not the packed one'],
    ['k', 'again'],
  ]);
});
