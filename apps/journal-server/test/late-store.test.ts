// L6, X1: a full disk keeps no journal from starting. Its topic index is opened once there is room, and what it can't say until
// then is scanned.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BrokerError } from '@robustmq/errors';
import { KeyValueBatch, openRocksDb, type KeyValueStore } from '@robustmq/kv-store';
import { systemClock, systemTimers } from '@robustmq/runtime';
import { ReadTurns } from '../src/shard/read-turns.ts';
import { openIndexStore } from '../src/views/topic-index/index-store.ts';
import { INDEX_FAMILY } from '../src/views/topic-index/rows.ts';
import { ShardIndex } from '../src/views/topic-index/shard-index.ts';
import { TopicSelection } from '../src/views/topic-index/topic-selection.ts';

const TURNS = new ReadTurns(systemClock, systemTimers);
const KEY = Buffer.from('key');
const ALL = { from: Buffer.alloc(0), limit: 10 };
const change = (): KeyValueBatch => new KeyValueBatch().put(INDEX_FAMILY, KEY, Buffer.from('value'));

let directory: string;
let isFull: boolean;
/** Openings that were tried. */
let openings: number;
let warnings: string[];
let stores: KeyValueStore[];

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'late-store-'));
  isFull = true;
  openings = 0;
  warnings = [];
  stores = [];
});
afterEach(async () => {
  for (const store of stores) await store.close();
  rmSync(directory, { recursive: true });
});

async function open(): Promise<KeyValueStore> {
  const log = { warn: (_fields: unknown, message: string) => warnings.push(message) };
  const store = await openIndexStore(path.join(directory, 'index'), log, (...wanted) => {
    openings++;
    if (isFull) throw new BrokerError('storage_full', 'no space left');
    return openRocksDb(...wanted);
  });
  stores.push(store);
  return store;
}

test('without room it opens, empty, and says so once', async () => {
  const store = await open();
  expect([
    await store.get(INDEX_FAMILY, KEY),
    await store.getMany(INDEX_FAMILY, [KEY, KEY]),
    await store.scan(INDEX_FAMILY, ALL),
  ]).toEqual([undefined, [undefined, undefined], []]);
  await store.flush(INDEX_FAMILY);
  expect(() => store.snapshot()).toThrow(expect.objectContaining({ code: 'unavailable' }));
  expect([openings, warnings]).toEqual([1, [expect.stringContaining('no room to open the topic index')]]);
});

test('each write tries to open it, and fails with what the disk says until there is room', async () => {
  const store = await open();
  for (let tries = 0; tries < 2; tries++)
    await expect(store.write(change())).rejects.toMatchObject({ code: 'storage_full' });
  isFull = false;
  await store.write(change());
  expect(openings).toBe(4);
  expect((await store.get(INDEX_FAMILY, KEY))?.toString()).toBe('value');
  expect(await store.scan(INDEX_FAMILY, ALL)).toHaveLength(1);
  expect(await store.getMany(INDEX_FAMILY, [KEY])).toEqual([Buffer.from('value')]);
  await store.snapshot().release();
});

test('N3: writes at the same time open it once', async () => {
  const store = await open();
  isFull = false;
  await Promise.all([1, 2, 3].map(() => store.write(change())));
  expect(openings).toBe(2);
});

test('what was stored before is there again, and a close while it opens lets go of it', async () => {
  isFull = false;
  const before = await open();
  await before.write(change());
  await before.flush(INDEX_FAMILY);
  await before.close();
  isFull = true;
  const store = await open();
  isFull = false;
  const writing = store.write(new KeyValueBatch().put(INDEX_FAMILY, Buffer.from('other'), Buffer.alloc(1)));
  await Promise.allSettled([writing, store.close()]);
  await expect(store.write(change())).rejects.toMatchObject({ code: 'unavailable' });
  expect(await (await open()).get(INDEX_FAMILY, KEY)).toEqual(Buffer.from('value'));
});

test.each(['conflict', 'storage_failed'] as const)(
  'any other failure ends the opening: %s (N2)',
  async (code) => {
    const failing = openIndexStore(directory, { warn: () => undefined }, () => {
      throw new BrokerError(code, 'not to be opened');
    });
    await expect(failing).rejects.toMatchObject({ code });
  },
);

test('X1: a shard without its index is scanned, and blocks that close once there is room are found', async () => {
  const topics = Array.from({ length: 200 }, (_, n) => `t/${n}`);
  const index = await ShardIndex.open(await open(), 1, 0, 0, TURNS);
  const selection = await TopicSelection.of(['t/7'], TURNS);
  index.post([], topics, 0, 200);
  index.closeBlock();
  await index.settled();
  expect(await index.find(selection, 0, 400)).toEqual({ kind: 'scan', until: 200 });
  isFull = false;
  index.post([], topics, 200, 400);
  index.closeBlock();
  await index.settled();
  expect(await index.find(selection, 0, 400)).toEqual({ kind: 'scan', until: 200 });
  expect(await index.find(selection, 200, 400)).toEqual({ kind: 'offsets', offsets: [207], complete: 400 });
  const again = await ShardIndex.open(stores[0]!, 1, 0, 400, TURNS);
  expect(await again.find(selection, 200, 400)).toEqual({ kind: 'offsets', offsets: [207], complete: 400 });
});
