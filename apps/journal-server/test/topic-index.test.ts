// The topic index against a plain list of records: whatever is indexed, closed, lost or deleted, a read by index or scan
// finds every matching record (rules X1, X2).

import fc from 'fast-check';
import { KeyValueBatch, type KeyValueStore } from '@robustmq/kv-store';
import { MemoryStore } from '@robustmq/kv-store/testing';
import { matchesFilter } from '@robustmq/mqtt-topics/testing';
import { systemClock, systemTimers } from '@robustmq/runtime';
import { ReadTurns } from '../src/shard/read-turns.ts';
import { TopicSelection } from '../src/views/topic-index/topic-selection.ts';
import {
  completeKey,
  completeRange,
  dictionaryKey,
  dictionaryTopics,
  decodePostings,
  encodeDictionary,
  encodePostings,
  INDEX_FAMILY,
  postingsKey,
} from '../src/views/topic-index/rows.ts';
import { TopicIndex } from '../src/views/topic-index/topic-index.ts';
import { BLOCK_OFFSETS, ShardIndex, type IndexRules } from '../src/views/topic-index/shard-index.ts';

const TURNS = new ReadTurns(systemClock, systemTimers);

function newStore(): KeyValueStore {
  return new MemoryStore([INDEX_FAMILY]);
}

/** Fills an index with batches of a model log; answers the topic of every offset. */
function fill(index: ShardIndex, topics: readonly string[], batchSize: number): void {
  for (let at = 0; at < topics.length; at += batchSize) {
    const batch = topics.slice(at, at + batchSize);
    const base = index.nextOffset;
    index.post([], batch, base, base + batch.length);
  }
}

/** All offsets that a reader finds: those of the index after a re-match, scanned ranges record by record. */
async function readAll(
  index: ShardIndex,
  log: readonly string[],
  filters: readonly string[],
  rules?: IndexRules,
): Promise<{ found: number[]; scanned: number }> {
  const selection = await TopicSelection.of(filters, TURNS);
  const found: number[] = [];
  let scanned = 0;
  const matches = (offset: number): boolean => filters.some((filter) => matchesFilter(filter, log[offset]!));
  for (let from = 0; from < log.length;) {
    const answer = await index.find(selection, from, log.length, rules);
    if (answer.kind === 'offsets') {
      found.push(...answer.offsets.filter(matches));
      expect(answer.complete).toBeGreaterThan(from);
      from = answer.complete;
    } else {
      expect(answer.until).toBeGreaterThan(from);
      for (let offset = from; offset < answer.until; offset++) if (matches(offset)) found.push(offset);
      scanned += answer.until - from;
      from = answer.until;
    }
  }
  return { found, scanned };
}

function expected(log: readonly string[], filters: readonly string[]): number[] {
  return log.flatMap((topic, offset) =>
    filters.some((filter) => matchesFilter(filter, topic)) ? [offset] : [],
  );
}

const TOPICS = Array.from({ length: 40 }, (_, n) => `site/${n % 8}/sensor/${n}`);

describe('reads through the index equal a scan (X1)', () => {
  test('for any log, block boundaries and filters', async () => {
    const topic = fc.constantFrom(...TOPICS, 'a', '$odd/x', 'ünïcode/t');
    const filter = fc.constantFrom(
      '#',
      'site/+/sensor/3',
      'site/3/#',
      'a',
      'nothing/here',
      '$odd/#',
      'ünïcode/+',
      ...TOPICS.slice(0, 3),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(topic, { minLength: 1, maxLength: 300 }),
        fc.array(filter, { minLength: 1, maxLength: 4 }),
        fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 4 }),
        fc.integer({ min: 1, max: 20 }),
        async (log, filters, closeAt, batchSize) => {
          const store = newStore();
          const index = await ShardIndex.open(store, 1, 0, 0, TURNS);
          for (let at = 0; at < log.length; at += batchSize) {
            const batch = log.slice(at, at + batchSize);
            index.post([], batch, at, at + batch.length);
            if (closeAt.some((place) => place >= at && place < at + batchSize)) index.closeBlock();
          }
          expect((await readAll(index, log, filters)).found).toEqual(expected(log, filters));
          await index.settled();
          expect((await readAll(index, log, filters)).found).toEqual(expected(log, filters));
          const again = await ShardIndex.open(store, 1, 0, log.length, TURNS);
          expect((await readAll(again, log, filters)).found).toEqual(expected(log, filters));
        },
      ),
      { numRuns: 150 },
    );
  });

  test('a topic in few places of a long log is found without a scan', async () => {
    const log = Array.from({ length: 3 * BLOCK_OFFSETS }, (_, n) =>
      n % 50_000 === 7 ? 'rare/topic' : `t/${n % 100}`,
    );
    const index = await ShardIndex.open(newStore(), 1, 0, 0, TURNS);
    fill(index, log, 500);
    await index.settled();
    const { found, scanned } = await readAll(index, log, ['rare/+', 'never/seen']);
    expect(found).toEqual([7, 50_007, 100_007, 150_007]);
    expect(scanned).toBe(0);
  });

  test('a filter that selects much of a block scans it (X2)', async () => {
    const log = Array.from({ length: 2000 }, (_, n) => `t/${n % 4}`);
    const index = await ShardIndex.open(newStore(), 1, 0, 0, TURNS);
    fill(index, log, 100);
    index.closeBlock();
    await index.settled();
    expect(await readAll(index, log, ['t/1'])).toEqual({ found: expected(log, ['t/1']), scanned: 2000 });
  });

  test("opaque batches are everyone's", async () => {
    const index = await ShardIndex.open(newStore(), 1, 0, 0, TURNS);
    index.post([], ['x', 'y'], 0, 2);
    index.post([], 'opaque', 2, 12);
    index.post([], ['x'], 12, 13);
    for (const closed of [false, true]) {
      if (closed) index.closeBlock();
      await index.settled();
      const answer = await index.find(await TopicSelection.of(['y'], TURNS), 0, 13);
      expect(answer).toEqual({ kind: 'offsets', offsets: [1, 2], complete: 13 });
    }
  });
});

describe('a block without its complete row (X1)', () => {
  async function damaged(): Promise<{ index: ShardIndex; log: string[] }> {
    const store = newStore();
    const log = Array.from({ length: 300 }, (_, n) => (n % 100 === 0 ? 'wanted' : `other/${n}`));
    const index = await ShardIndex.open(store, 1, 0, 0, TURNS);
    for (let at = 0; at < 300; at += 100) {
      fill(index, log.slice(at, at + 100), 10);
      index.closeBlock();
    }
    await index.settled();
    const rows = await store.scan(INDEX_FAMILY, { ...completeRange(1, 0), limit: 10 });
    expect(rows).toHaveLength(3);
    const { KeyValueBatch } = await import('@robustmq/kv-store');
    await store.write(new KeyValueBatch().delete(INDEX_FAMILY, rows[1]!.key));
    return { index: await ShardIndex.open(store, 1, 0, 300, TURNS), log };
  }

  test('is scanned', async () => {
    const { index, log } = await damaged();
    expect(await readAll(index, log, ['wanted'])).toEqual({ found: [0, 100, 200], scanned: 100 });
  });

  test('the planted bug that trusts it loses records', async () => {
    const { index, log } = await damaged();
    const { found } = await readAll(index, log, ['wanted'], { trustIncomplete: true });
    expect(found).not.toEqual([0, 100, 200]);
  });
});

describe('a log that lost its end or beginning', () => {
  test('blocks beyond HW are dropped', async () => {
    const store = newStore();
    const index = await ShardIndex.open(store, 1, 0, 0, TURNS);
    fill(
      index,
      Array.from({ length: 100 }, () => 'old'),
      10,
    );
    index.closeBlock();
    await index.settled();
    const log = Array.from({ length: 60 }, () => 'new');
    const again = await ShardIndex.open(store, 1, 0, 60, TURNS);
    expect(again.nextOffset).toBe(0);
    expect((await readAll(again, log, ['new'])).found).toHaveLength(60);
    expect(await store.scan(INDEX_FAMILY, { from: Buffer.from([0]), limit: 10 })).toEqual([]);
  });

  test('deleting below the log start leaves no row of the blocks before it', async () => {
    const store = newStore();
    const index = await ShardIndex.open(store, 1, 0, 0, TURNS);
    for (let block = 0; block < 3; block++) {
      fill(
        index,
        Array.from({ length: 10 }, (_, n) => `t${n}`),
        5,
      );
      index.closeBlock();
    }
    await index.settled();
    await index.deleteBelow(20);
    const left = await store.scan(INDEX_FAMILY, { from: Buffer.from([0]), limit: 100 });
    // Ten topics, a dictionary, a complete row.
    expect(left).toHaveLength(12);
    expect(await index.find(await TopicSelection.of(['t1'], TURNS), 20, 30)).toEqual({
      kind: 'offsets',
      offsets: [21],
      complete: 30,
    });
    await index.drop();
    expect(await store.scan(INDEX_FAMILY, { from: Buffer.from([0]), limit: 100 })).toEqual([]);
  });

  test('shards do not see each other', async () => {
    const store = newStore();
    const one = await ShardIndex.open(store, 1, 0, 0, TURNS);
    const other = await ShardIndex.open(store, 1, 1, 0, TURNS);
    fill(one, ['x'], 1);
    fill(other, ['x', 'x'], 2);
    one.closeBlock();
    other.closeBlock();
    await Promise.all([one.settled(), other.settled()]);
    await one.drop();
    const again = await ShardIndex.open(store, 1, 1, 2, TURNS);
    expect(await again.find(await TopicSelection.of(['x'], TURNS), 0, 2)).toEqual({
      kind: 'offsets',
      offsets: [0, 1],
      complete: 2,
    });
  });
});

test('rows survive encoding; damaged ones are told', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(1_000_000), { maxLength: 200 }), (offsets) => {
      const sorted = offsets.map((offset) => offset + 1000).sort((left, right) => left - right);
      expect(decodePostings(1000, encodePostings(1000, sorted))).toEqual(sorted);
    }),
  );
  const topics = ['a', 'ünï/code', 'x'.repeat(300)];
  expect([...dictionaryTopics(encodeDictionary(topics))]).toEqual(topics);
  expect(() => decodePostings(0, Buffer.from([5, 1]))).toThrow('damaged');
  expect(() => [...dictionaryTopics(Buffer.from([9, 65]))]).toThrow('damaged');
});

test('all rows of a deleted stream go, those of shards that nobody opened included, and no others (N2)', async () => {
  const store = new MemoryStore([INDEX_FAMILY]);
  const rowsOf = (streamId: number, shard: number): Buffer[] => [
    completeKey(streamId, shard, 5),
    dictionaryKey(streamId, shard, 5),
    postingsKey(streamId, shard, 5, 'a/b'),
  ];
  const batch = new KeyValueBatch();
  const places = [
    [6, 65_535],
    [7, 0],
    [7, 65_535],
    [8, 0],
    [263, 0],
  ] as const;
  for (const [streamId, shard] of places)
    for (const key of rowsOf(streamId, shard)) batch.put(INDEX_FAMILY, key, Buffer.alloc(1));
  await store.write(batch);
  await new TopicIndex(store, { warn: () => undefined }, TURNS).feed.forget([7]);
  const left = await store.scan(INDEX_FAMILY, { from: Buffer.alloc(0), limit: 100 });
  const kept = places
    .filter(([streamId]) => streamId !== 7)
    .flatMap(([streamId, shard]) => rowsOf(streamId, shard));
  expect(left.map(({ key }) => key.toString('hex')).sort()).toEqual(
    kept.map((key) => key.toString('hex')).sort(),
  );
});
