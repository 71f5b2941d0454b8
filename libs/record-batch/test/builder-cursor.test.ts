import fc from 'fast-check';
import {
  HeaderCursor,
  MqttFactsReader,
  RecordBatchBuilder,
  RecordCursor,
  validateBatch,
  type RecordHeader,
} from '../src/index.ts';
import { validateRecords } from '../src/validate.ts';
import { anyFacts } from './arbitraries.ts';

const limits = { maxBatchBytes: 1 << 20 };

interface SampleRecord {
  timestampMs: number;
  key: string | Buffer | null;
  value: Buffer | null;
  headers: RecordHeader[];
}

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const text = fc.string({ unit: 'grapheme', maxLength: 60 });
const anyRecord: fc.Arbitrary<SampleRecord> = fc.record({
  timestampMs: fc.integer({ min: 0, max: 2 ** 42 }),
  key: fc.oneof(text, bytes(80), fc.constant(null)),
  value: fc.option(bytes(400)),
  headers: fc.array(fc.tuple(text, fc.oneof(text, bytes(20), fc.constant(null))), { maxLength: 4 }),
});

function asBuffer(value: string | Uint8Array | null): Buffer | null {
  return value === null ? null : Buffer.from(value as string);
}

function read(batch: Buffer): unknown[] {
  const cursor = new RecordCursor().reset(batch, 0);
  const headers = new HeaderCursor();
  const found: unknown[] = [];
  while (cursor.next()) {
    const pairs: unknown[] = [];
    headers.reset(cursor);
    while (headers.next()) pairs.push([headers.name, headers.value]);
    found.push([cursor.offset, cursor.timestampMs, cursor.key, cursor.value, pairs]);
  }
  return found;
}

describe('RecordBatchBuilder and RecordCursor', () => {
  it('give back every record, from any start size', () => {
    fc.assert(
      fc.property(
        fc.array(anyRecord, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 0, max: 500 }),
        fc.maxSafeNat().map((offset) => Math.floor(offset / 2)),
        (records, initialBytes, baseOffset) => {
          const builder = new RecordBatchBuilder({ initialBytes });
          for (const { timestampMs, key, value, headers } of records)
            builder.append(timestampMs, key, value, headers);
          expect(builder.recordCount).toBe(records.length);
          const batch = builder.finish({ baseOffset });
          expect(batch.length).toBe(builder.sizeBytes);
          expect(validateBatch(batch, 0, batch.length, limits)).toBe(batch.length);
          validateRecords(batch, 0);
          expect(read(batch)).toEqual(
            records.map(({ timestampMs, key, value, headers }, index) => [
              baseOffset + index,
              timestampMs,
              asBuffer(key),
              value,
              headers.map(([name, content]) => [name, asBuffer(content)]),
            ]),
          );
        },
      ),
    );
  });

  it('writes exactly the bytes that Kafka writes', () => {
    const builder = new RecordBatchBuilder();
    builder.append(1000, 'k', Buffer.from('v'), [['h', 'x']]);
    builder.append(1005, null, null);
    const batch = builder.finish();
    // length 12, attributes, delta 0, offset 0, "k", "v", one header "h"="x"; length 6, attributes, delta 5, offset 1
    expect(batch.toString('hex', 61)).toBe('180000000' + '26b0276020268' + '0278' + '0c000a02010100');
  });

  it('MQTT publishes: topic, payload range, facts first, then User Properties in order', () => {
    fc.assert(
      fc.property(
        fc.oneof(text, bytes(80)),
        bytes(300),
        fc.nat({ max: 40 }),
        anyFacts,
        fc.option(fc.array(fc.tuple(fc.oneof(text, fc.constant('mqtt')), text), { maxLength: 4 })),
        (topic, payload, skipped, facts, userProperties) => {
          const start = Math.min(skipped, payload.length);
          const builder = new RecordBatchBuilder({ initialBytes: 0 });
          builder.append(5, null, null);
          builder.appendMqtt(7, topic, payload, start, payload.length, facts, userProperties);
          const batch = builder.finish();
          validateBatch(batch, 0, batch.length, limits);
          validateRecords(batch, 0);
          const cursor = new RecordCursor().reset(batch, 0);
          expect(cursor.next() && cursor.next()).toBe(true);
          expect(cursor.key).toEqual(asBuffer(topic));
          expect(cursor.value).toEqual(payload.subarray(start));
          expect(cursor.findMqttFacts()).toBe(true);
          expect(new MqttFactsReader().reset(batch, cursor.foundStart, cursor.foundEnd).toFacts()).toEqual(
            facts,
          );
          const properties = (
            read(batch) as [number, number, unknown, unknown, [string, Buffer][]][]
          )[1]![4].slice(1);
          expect(properties.map(([name, value]) => [name, value.toString()])).toEqual(userProperties ?? []);
        },
      ),
    );
  });

  it('takes payloads that are plain typed arrays', () => {
    const builder = new RecordBatchBuilder();
    const payload = new Uint8Array(100).fill(7);
    builder.appendMqtt(0, 'orders', payload, 1, 99, { qos: 1, retain: false });
    const cursor = new RecordCursor().reset(builder.finish(), 0);
    expect(cursor.next() && cursor.value).toEqual(Buffer.alloc(98, 7));
  });

  it('keeps its limit, and a refused record changes nothing', () => {
    const builder = new RecordBatchBuilder({ maxBatchBytes: 200, initialBytes: 64 });
    builder.append(1, 'a', Buffer.alloc(50));
    const before = builder.finishCopy();
    expect(() => builder.append(2, 'b', Buffer.alloc(100))).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    );
    const facts = { qos: 1, retain: false };
    expect(() => builder.appendMqtt(2, 'b', Buffer.alloc(100), 0, 100, facts)).toThrow(/limit of 200/);
    expect(builder.finishCopy()).toEqual(before);
    builder.append(2, 'b', Buffer.alloc(50));
    expect(builder.recordCount).toBe(2);
    expect(builder.sizeBytes).toBeLessThanOrEqual(200);
  });

  it('takes another limit at any time, also below what its memory has grown to', () => {
    const builder = new RecordBatchBuilder();
    builder.append(1, 'a', Buffer.alloc(9_000));
    builder.maxBatchBytes = 500;
    expect(() => builder.append(2, 'b', null)).toThrow(/limit of 500/);
    expect(builder.recordCount).toBe(1);
    builder.reset();
    builder.append(2, 'b', Buffer.alloc(300));
    expect(() => builder.append(2, 'c', Buffer.alloc(300))).toThrow(/limit of 500/);
    builder.maxBatchBytes = 40_000;
    builder.append(3, 'c', Buffer.alloc(30_000));
    expect(() => builder.append(3, 'd', Buffer.alloc(10_000))).toThrow(/limit of 40000/);
    expect(builder.recordCount).toBe(2);
  });

  it('I8: the memory of the largest batch is given back once it is not needed, in use it stays', () => {
    const builder = new RecordBatchBuilder();
    const initialBytes = builder.heldBytes;
    const fill = (sizeBytes: number): void => {
      builder.append(1, null, Buffer.alloc(sizeBytes));
      builder.finishCopy();
      builder.reset();
    };
    fill(900_000);
    const largeBytes = builder.heldBytes;
    expect(largeBytes).toBeGreaterThan(900_000);
    builder.trim();
    expect(builder.heldBytes).toBe(largeBytes);
    // As much again: nothing is given back that would be asked for at once.
    fill(600_000);
    builder.trim();
    expect(builder.heldBytes).toBe(largeBytes);
    fill(100_000);
    builder.trim();
    expect(builder.heldBytes).toBeLessThan(101_000);
    builder.trim();
    expect(builder.heldBytes).toBe(initialBytes);
    builder.trim();
    expect(builder.heldBytes).toBe(initialBytes);
  });

  it('I8: what is in the batch stays while memory is given back, and more is added behind it', () => {
    const builder = new RecordBatchBuilder({ maxBatchBytes: 1_000_000 });
    builder.append(1, null, Buffer.alloc(900_000));
    builder.reset();
    for (const value of ['a', 'b']) builder.append(7, null, Buffer.from(value));
    builder.trim();
    builder.trim();
    expect(builder.heldBytes).toBeLessThan(10_000);
    builder.append(8, null, Buffer.from('c'));
    const cursor = new RecordCursor().reset(builder.finish(), 0);
    const values: string[] = [];
    while (cursor.next()) values.push(String(cursor.value));
    expect(values).toEqual(['a', 'b', 'c']);
    expect(() => builder.append(9, null, Buffer.alloc(1_000_001))).toThrow('limit of 1000000');
    builder.append(9, null, Buffer.alloc(900_000));
    expect(builder.recordCount).toBe(4);
  });

  it('a reset builder knows nothing of the batch before', () => {
    const builder = new RecordBatchBuilder();
    expect(builder.isEmpty).toBe(true);
    builder.append(9_000, 'a', null);
    builder.reset();
    expect(builder.isEmpty).toBe(true);
    builder.append(1_000, 'b', null);
    expect(read(builder.finish())).toEqual([[0, 1000, Buffer.from('b'), null, []]]);
  });
});

describe('RecordCursor look-ups', () => {
  it('finds the first header of a name, null values included', () => {
    const builder = new RecordBatchBuilder();
    builder.append(0, null, null, [
      ['aa', 'x'],
      ['ab', null],
      ['ab', 'y'],
      ['mqtt', 'z'],
    ]);
    const cursor = new RecordCursor().reset(builder.finish(), 0);
    cursor.next();
    expect(cursor.findHeader(Buffer.from('ab'))).toBe(true);
    expect([cursor.foundStart, cursor.foundEnd]).toEqual([-1, -1]);
    expect(cursor.findHeader(Buffer.from('mqtt'))).toBe(true);
    expect(cursor.buffer.toString('utf8', cursor.foundStart, cursor.foundEnd)).toBe('z');
    expect(cursor.findHeader(Buffer.from('nope'))).toBe(false);
    // O7: only the first header can be the packed facts.
    expect(cursor.findMqttFacts()).toBe(false);
  });

  it('refuses compressed batches and batches that do not fit their buffer', () => {
    const builder = new RecordBatchBuilder();
    builder.append(0, 'a', null);
    const batch = builder.finishCopy();
    expect(() => new RecordCursor().reset(batch.subarray(0, 40), 0)).toThrow(
      expect.objectContaining({ code: 'corrupt' }),
    );
    expect(() => new RecordCursor().reset(batch.subarray(0, batch.length - 1), 0)).toThrow(/length/);
    batch[22] = 2;
    expect(() => new RecordCursor().reset(batch, 0)).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    );
  });
});
