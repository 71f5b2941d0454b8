// Topic index rows, producer snapshots and sections, read from docs/en/formats alone: hash, varints and keys are this file's
// own, so a slip in the library can't hide itself.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { ProducerQuota, producerSnapshot, ProducerState } from '@robustmq/producer-state';
import type { Section } from '@robustmq/commit-log';
import { MemoryStore } from '@robustmq/kv-store/testing';
import {
  offsetSection,
  recordsSection,
  SECTION_LOG_START,
  SECTION_RECORDS,
  SECTION_TRUNCATION,
  sectionBody,
} from '../src/write/sections.ts';
import { systemClock, systemTimers } from '@robustmq/runtime';
import { ReadTurns } from '../src/shard/read-turns.ts';
import { ShardIndex } from '../src/views/topic-index/shard-index.ts';

const pageOf = (language: string, name: string): string =>
  readFileSync(path.join(__dirname, '../../../docs', language, 'formats', `${name}.md`), 'utf8');

const TURNS = new ReadTurns(systemClock, systemTimers);
const MASK = 0xffff_ffffn;

/** The topic hash as the page writes it down, in whole numbers. */
function foreignHash(topic: string): Buffer {
  const bytes = Buffer.from(topic, 'utf8');
  const rotl = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (32n - by))) & MASK;
  const mix = (value: bigint): bigint => {
    let x = value ^ (value >> 16n);
    x = (x * 0x85ebca6bn) & MASK;
    x ^= x >> 13n;
    x = (x * 0xc2b2ae35n) & MASK;
    return x ^ (x >> 16n);
  };
  let low = 0x243f6a88n;
  let high = 0x85a308d3n;
  for (const byte of bytes) {
    low = ((low ^ BigInt(byte)) * 0x9e3779b1n) & MASK;
    high = ((rotl(high, 13n) ^ BigInt(byte)) * 0x85ebca77n) & MASK;
  }
  low = mix(low ^ BigInt(bytes.length) ^ rotl(high, 16n));
  high = mix(high ^ low);
  const hash = Buffer.alloc(8);
  hash.writeBigUInt64BE((high << 32n) | low);
  return hash;
}

/** Reads uvarints and bytes. */
class Cursor {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.at === this.#bytes.length;
  }

  take(sizeBytes: number): Buffer {
    this.at += sizeBytes;
    return this.#bytes.subarray(this.at - sizeBytes, this.at);
  }

  uvarint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.take(1)[0]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  /** _offsets_: count, then the differences. */
  offsets(first: number): number[] {
    let offset = first;
    return Array.from({ length: this.uvarint() }, () => (offset += this.uvarint()));
  }
}

describe('topic hash', () => {
  test.each(['en', 'zh'])('the examples of the page (%s) are right', (language) => {
    const rows = [
      ...pageOf(language, 'topic-index').matchAll(/^\| (\S+) +\| `([0-9a-f]{8}) ([0-9a-f]{8})` \|/gm),
    ];
    expect(rows).toHaveLength(4);
    for (const [, topic, high, low] of rows) {
      const text = topic!.startsWith('`') ? topic!.slice(1, -1) : '';
      expect([text, foreignHash(text).toString('hex')]).toEqual([text, `${high}${low}`]);
    }
  });
});

describe('rows of the topic index', () => {
  const STREAM_ID = 0x01020304;
  const SHARD = 5;

  /** Everything in the store, by the table of the page. */
  async function readRows(store: MemoryStore) {
    const complete = new Map<number, { version: number; next: number; records: number; opaque: number }>();
    const opaque = new Map<number, number[]>();
    const postings = new Map<string, number[]>();
    const dictionaries = new Map<number, string[]>();
    const rows = await store.scan('topic-index', {
      from: Buffer.from([0]),
      until: Buffer.from([0xff]),
      limit: 1e6,
    });
    for (const { key, value } of rows) {
      expect([key.readUInt32BE(1), key.readUInt32BE(5)]).toEqual([STREAM_ID, SHARD]);
      const first = Number(key.readBigUInt64BE(9));
      const cursor = new Cursor(value);
      if (key[0] === 1) {
        expect(key.length).toBe(17);
        const version = cursor.take(1)[0]!;
        const next = Number(cursor.take(8).readBigInt64BE());
        const int32 = (): number => cursor.take(4).readInt32BE();
        complete.set(first, { version, next, records: int32(), opaque: int32() });
      } else if (key[17] === 1) {
        expect([key[0], key.length]).toEqual([2, 26]);
        postings.set(`${first} ${key.toString('hex', 18)}`, cursor.offsets(first));
      } else if (key[17] === 3) {
        expect([key[0], key.length]).toEqual([2, 18]);
        opaque.set(first, cursor.offsets(first));
      } else {
        expect([key[0], key[17], key.length]).toEqual([2, 2, 18]);
        const topics: string[] = [];
        while (!cursor.isAtEnd) topics.push(cursor.take(cursor.uvarint()).toString('utf8'));
        dictionaries.set(first, topics.sort());
      }
      expect(cursor.isAtEnd).toBe(true);
    }
    return { complete, postings, dictionaries, opaque };
  }

  test('hold the postings of every topic of a block', async () => {
    const topic = fc.constantFrom('a', 'sensors/1/temp', 'ünïcode/主题', 'x'.repeat(200));
    const batch = fc.oneof(fc.array(topic, { minLength: 1, maxLength: 5 }), fc.constant('opaque' as const));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(batch, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 }),
        async (blocks) => {
          const store = new MemoryStore(['topic-index']);
          const index = await ShardIndex.open(store, STREAM_ID, SHARD, 0, TURNS);
          const complete = new Map<number, object>();
          const postings = new Map<string, number[]>();
          const dictionaries = new Map<number, string[]>();
          const opaqueOf = new Map<number, number[]>();
          let offset = 0;
          for (const batches of blocks) {
            const first = offset;
            const opaque: number[] = [];
            const topics = new Set<string>();
            let records = 0;
            for (const topicsOfBatch of batches) {
              const count = topicsOfBatch === 'opaque' ? 3 : topicsOfBatch.length;
              index.post([], topicsOfBatch, offset, offset + count);
              if (topicsOfBatch === 'opaque') opaque.push(offset);
              else
                for (const [position, each] of topicsOfBatch.entries()) {
                  const key = `${first} ${foreignHash(each).toString('hex')}`;
                  postings.set(key, [...(postings.get(key) ?? []), offset + position]);
                  topics.add(each);
                  records++;
                }
              offset += count;
            }
            index.closeBlock();
            complete.set(first, { version: 1, next: offset, records, opaque: opaque.length });
            if (opaque.length > 0) opaqueOf.set(first, opaque);
            dictionaries.set(first, [...topics].sort());
          }
          await index.settled();
          expect(await readRows(store)).toEqual({ complete, postings, dictionaries, opaque: opaqueOf });
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('a producer snapshot is what the page says', () => {
  const state = new ProducerState({ isGateway: () => false, quota: new ProducerQuota(10) });
  for (let index = 0; index < 7; index++) {
    const batch = {
      producerId: 77,
      producerEpoch: 3,
      baseSequence: index * 10,
      lastSequence: index * 10 + 9,
    };
    state.appended(batch, index * 10, index * 10 + 9, 1_000 + index);
  }
  state.appended(
    { producerId: 77, producerEpoch: 3, baseSequence: 70, lastSequence: 70, isTransactional: true },
    70,
    70,
    0,
  );
  state.transactions.appended(5, 60);
  state.decided(5, 'abort', 65);
  state.published({ sessionId: 2 ** 52, generation: 4, sequence: 9 }, 8, 66, 900);
  const cursor = new Cursor(producerSnapshot.encode(state, 70, 1_500));
  const int64 = (): number => Number(cursor.take(8).readBigInt64BE());
  const int32 = (): number => cursor.take(4).readInt32BE();
  expect([cursor.take(1)[0], int64(), int32()]).toEqual([2, 70, 1]);
  expect([int64(), cursor.take(2).readInt16BE(), int64()]).toEqual([77, 3, 494]);
  const batches = Array.from({ length: cursor.take(1)[0]! }, () => [int32(), int32(), int64(), int64()]);
  // The last five of the eight, without the one from the end of the snapshot on.
  expect(batches).toEqual([3, 4, 5, 6].map((n) => [n * 10, n * 10 + 9, n * 10, n * 10 + 9]));
  expect([int32(), int64(), int64()]).toEqual([1, 77, 70]);
  expect([int32(), int64(), int64(), int64(), cursor.take(1)[0]]).toEqual([1, 5, 60, 65, 1]);
  expect([int32(), int64(), int64(), int64(), int64()]).toEqual([1, 2 ** 52, 4, 8, 600]);
  expect([int32(), int64(), int64()]).toEqual([1, 9, 66]);
  expect(cursor.isAtEnd).toBe(true);
});

test.each(['en', 'zh'])('kinds of sections are those of the page (%s)', (language) => {
  const kinds = [...pageOf(language, 'journal-directory').matchAll(/^\| (\d) \S/gm)].map(([, kind]) =>
    Number(kind),
  );
  expect(kinds).toEqual([SECTION_RECORDS, SECTION_TRUNCATION, SECTION_LOG_START]);
});

test('a section begins with version 1; what follows is batches, or an offset', () => {
  const key = { streamId: 7, shard: 3 };
  const bytesOf = ({ buffers }: Section): string => Buffer.concat(buffers).toString('hex');
  const records = recordsSection(key, Buffer.from('batches'));
  expect(records).toMatchObject({ kind: 1, key: 7, subKey: 3 });
  expect(bytesOf(records)).toBe(`01${Buffer.from('batches').toString('hex')}`);
  const truncation = offsetSection(SECTION_TRUNCATION, key, 2 ** 40 + 5);
  expect(truncation).toMatchObject({ kind: 2, key: 7, subKey: 3 });
  expect(bytesOf(truncation)).toBe('010000010000000005');
});

test.each([
  ['of a later version', 1, '02'],
  ['of a kind that is not known', 4, '01'],
  ['without a version', 1, ''],
])('sections %s are refused in words: passed over, their records would be lost (N17)', (_, kind, hex) => {
  const section = { kind, key: 1, subKey: 0, damaged: false, bytes: Buffer.from(hex, 'hex') };
  expect(() => sectionBody(section)).toThrow(
    expect.objectContaining({
      code: 'unsupported',
      message: expect.stringContaining(`kind ${kind}`) as unknown,
    }),
  );
});
