// Commit log, segments with their indexes, leader epochs and checkpoint of a real directory, read from the pages.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32c } from '@robustmq/bytes';
import { CommitLog, NodeDisk } from '@robustmq/commit-log';
import { RecordBatchBuilder } from '@robustmq/record-batch';
import { CheckpointStore, runCheckpoint, SegmentLog } from '@robustmq/segment-log';
import { encodeTransactions } from '@robustmq/segment-log/testing';
import { Bytes, readForeignBatch, type ForeignBatch } from './foreign-records.ts';
import { field, layoutOf, widthOf, type Layout } from './page.ts';

const STREAM_ID = 9;
const SHARD = 2;
const TOPIC_ID = '0d5e6c1a-5f2b-4c6e-9a57-0f0b6a3c2d11';
const BATCHES = 60;
const RECORDS = 3;
const EPOCHS = [
  { leaderEpoch: 4, startOffset: 0 },
  { leaderEpoch: 7, startOffset: 90 },
];

let directory: string;
let shardDirectory: string;

/** Writes a directory as a journal does: every batch as a section of a frame and into the segments, then a checkpoint. */
beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'formats-'));
  shardDirectory = path.join(directory, 'shard');
  const disk = new NodeDisk();
  const store = await CheckpointStore.open(disk, directory);
  const { log: commitLog } = await CommitLog.open(disk, path.join(directory, 'commit-log'), {
    afterPosition: store.latest.position,
    fileBytes: 1024 * 1024,
  });
  const segments = SegmentLog.open(disk, shardDirectory, { segmentBytes: 20_000 }, undefined);
  for (let index = 0; index < BATCHES; index++) {
    const baseOffset = index * RECORDS;
    const builder = new RecordBatchBuilder();
    // Time goes back now and then, as it does with clients' clocks.
    for (let record = 0; record < RECORDS; record++)
      builder.append(1_000_000 + ((index * 7) % 50) * 100 + record, 'topic', Buffer.alloc(300, index));
    const leaderEpoch = baseOffset < 90 ? 4 : 7;
    const bytes = builder.finishCopy({ baseOffset, leaderEpoch });
    commitLog.append([{ kind: 1, key: STREAM_ID, subKey: SHARD, buffers: [bytes] }]);
    segments.append(bytes);
  }
  await commitLog.sync();
  const shard = {
    streamId: STREAM_ID,
    shard: SHARD,
    topicId: TOPIC_ID,
    log: segments,
    extra: Buffer.from('about the shard'),
  };
  const appliedPosition = commitLog.endPosition;
  await runCheckpoint({ commitLog, store, appliedPosition, shards: [shard], extra: Buffer.from('all') });
  segments.close();
  await commitLog.close();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const namesIn = (folder: string, ending: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .sort();

function batchesOf(name: string): { position: number; batch: ForeignBatch }[] {
  const bytes = readFileSync(path.join(shardDirectory, name));
  const batches: { position: number; batch: ForeignBatch }[] = [];
  for (let position = 0; position < bytes.length;) {
    const batch = readForeignBatch(bytes, position);
    batches.push({ position, batch });
    position = batch.end;
  }
  return batches;
}

test('segments hold every record in order, under names of 20 digits', () => {
  const names = namesIn(shardDirectory, '.log');
  expect(names.length).toBeGreaterThan(2);
  let next = 0;
  for (const name of names) {
    const batches = batchesOf(name);
    expect(name).toBe(`${String(next).padStart(20, '0')}.log`);
    for (const { batch } of batches) {
      expect([batch.baseOffset, batch.leaderEpoch]).toEqual([next, next < 90 ? 4 : 7]);
      next = batch.lastOffset + 1;
    }
  }
  expect(next).toBe(BATCHES * RECORDS);
});

const entriesOf = (layout: Layout, name: string): number[][] => {
  const file = readFileSync(path.join(shardDirectory, name));
  const header = layoutOf('segments', 0);
  const magic = name.endsWith('.index') ? 'RMOI' : 'RMTI';
  expect([file.toString('latin1', 0, 4), field(header, 'version', file)]).toEqual([magic, 1]);
  const bytes = file.subarray(widthOf(header));
  const width = widthOf(layout);
  expect(bytes.length % width).toBe(0);
  return Array.from({ length: bytes.length / width }, (_, index) =>
    [...layout.keys()].map((each) => field(layout, each, bytes, index * width)),
  );
};

test('an index entry is there for the first batch 4,096 bytes behind the batch of the last one', () => {
  const layout = layoutOf('segments', 1);
  expect(widthOf(layout)).toBe(8);
  for (const name of namesIn(shardDirectory, '.log').slice(0, -1)) {
    const baseOffset = Number(name.slice(0, 20));
    const expected: number[][] = [];
    let last = 0;
    for (const { position, batch } of batchesOf(name)) {
      if (position - last < 4096) continue;
      expected.push([batch.lastOffset - baseOffset, position]);
      last = position;
    }
    expect(expected.length).toBeGreaterThan(1);
    expect(entriesOf(layout, name.replace('.log', '.index'))).toEqual(expected);
  }
});

test('a time entry tells the highest timestamp up to an offset', () => {
  const layout = layoutOf('segments', 2);
  expect(widthOf(layout)).toBe(12);
  for (const name of namesIn(shardDirectory, '.log').slice(0, -1)) {
    const baseOffset = Number(name.slice(0, 20));
    const batches = batchesOf(name);
    const entries = entriesOf(layout, name.replace('.log', '.timeindex'));
    expect(entries.length).toBeGreaterThan(0);
    let lastMs = -1;
    for (const [timestampMs, relativeOffset] of entries as [number, number][]) {
      const before = batches.filter(({ batch }) => batch.lastOffset <= baseOffset + relativeOffset);
      expect(timestampMs).toBe(Math.max(...before.map(({ batch }) => batch.maxTimestampMs)));
      expect(timestampMs).toBeGreaterThan(lastMs);
      lastMs = timestampMs;
    }
  }
});

test('aborted transactions have the entries of the page', () => {
  const layout = layoutOf('segments', 3);
  const bytes = encodeTransactions([{ producerId: 5, firstOffset: 6, lastOffset: 7, lastStableOffset: 8 }]);
  expect(bytes.length).toBe(widthOf(layout));
  expect([...layout.keys()].map((name) => field(layout, name, bytes))).toEqual([0, 5, 6, 7, 8]);
});

test('leader epochs are lines of text', () => {
  const text = readFileSync(path.join(shardDirectory, 'leader-epoch-checkpoint'), 'utf8');
  const [version, count, ...lines] = text.trimEnd().split('\n');
  expect([version, count]).toEqual(['0', String(lines.length)]);
  expect(lines.map((line) => line.split(' ').map(Number))).toEqual(
    EPOCHS.map(({ leaderEpoch, startOffset }) => [leaderEpoch, startOffset]),
  );
});

test('both copies of the checkpoint say where the log is', () => {
  const header = layoutOf('segments', 4);
  expect(widthOf(header)).toBe(24);
  for (const slot of ['checkpoint-0', 'checkpoint-1']) {
    const bytes = readFileSync(path.join(directory, slot));
    expect(bytes.toString('latin1', 0, 4)).toBe('RMCP');
    expect(field(header, 'version', bytes)).toBe(2);
    const end = 24 + field(header, 'length', bytes);
    const covered = Buffer.concat([bytes.subarray(0, header.get('CRC')!.at), bytes.subarray(24, end)]);
    expect(field(header, 'CRC', bytes)).toBe(crc32c(covered, 0, covered.length));
    const payload = new Bytes(bytes.subarray(24, end));
    const int32 = (): number => payload.take(4).readInt32BE();
    const blob = (): string => payload.take(int32()).toString();
    expect([payload.int64(), blob(), int32()]).toEqual([BATCHES, 'all', 1]);
    expect([int32(), int32(), blob(), payload.int64(), payload.int64()]).toEqual([
      STREAM_ID,
      SHARD,
      TOPIC_ID,
      0,
      BATCHES * RECORDS,
    ]);
    const names = namesIn(shardDirectory, '.log');
    const segments = Array.from({ length: int32() }, () => [
      payload.int64(),
      payload.int64(),
      payload.int64(),
    ]);
    expect(segments).toEqual(
      names.map((name) => {
        const batches = batchesOf(name);
        return [
          Number(name.slice(0, 20)),
          batches.at(-1)!.batch.end,
          Math.max(...batches.map(({ batch }) => batch.maxTimestampMs)),
        ];
      }),
    );
    const epochs = Array.from({ length: int32() }, () => ({
      leaderEpoch: int32(),
      startOffset: payload.int64(),
    }));
    expect([epochs, blob(), payload.isAtEnd]).toEqual([EPOCHS, 'about the shard', true]);
  }
});

test('the list of the commit log names its files, and says how long they are', () => {
  const folder = path.join(directory, 'commit-log');
  const slots = namesIn(folder, '.commit').map((name) => Number(name.slice(17, 23)));
  const { facts } = JSON.parse(readFileSync(path.join(folder, 'files.json'), 'utf8')) as { facts: unknown };
  const syncedBytes = namesIn(folder, '.commit').map((name) => statSync(path.join(folder, name)).size);
  expect(facts).toEqual({ version: 2, slots, syncedBytes });
});

test('the frames of the commit log hold every batch', () => {
  const header = layoutOf('commit-log', 0);
  const entry = layoutOf('commit-log', 1);
  expect([widthOf(header), widthOf(entry)]).toEqual([64, 20]);
  const folder = path.join(directory, 'commit-log');
  const baseOffsets = new Map<number, number>();
  for (const name of namesIn(folder, '.commit')) {
    const bytes = readFileSync(path.join(folder, name));
    const [, identity] = /^([0-9a-f]{16})-\d{6}\.commit$/.exec(name)!;
    for (let start = 0; start + 64 <= bytes.length; start += 4096) {
      const get = (each: string): number => field(header, each, bytes, start);
      if (bytes.toString('latin1', start, start + 4) !== 'RMCL') continue;
      if (get('header CRC') !== crc32c(bytes, start, start + header.get('header CRC')!.at)) continue;
      expect(bytes.toString('hex', start + header.get('identity')!.at, start + 16)).toBe(identity);
      expect([get('version'), get('reserved'), get('block')]).toEqual([1, 0, start / 4096]);
      const count = get('section count');
      expect(get('table CRC')).toBe(crc32c(bytes, start + 64, start + 64 + 20 * count));
      let at = start + 64 + 20 * count;
      for (let section = 0; section < count; section++) {
        const part = (each: string): number => field(entry, each, bytes, start + 64 + 20 * section);
        expect([part('kind'), part('key'), part('sub-key')]).toEqual([1, STREAM_ID, SHARD]);
        expect(part('CRC')).toBe(crc32c(bytes, at, at + part('length')));
        baseOffsets.set(get('sequence'), readForeignBatch(bytes, at).baseOffset);
        at += part('length');
      }
      expect(at).toBe(start + get('length'));
    }
  }
  const inOrder = [...baseOffsets].sort(([a], [b]) => a - b).map(([, baseOffset]) => baseOffset);
  expect(inOrder).toEqual(Array.from({ length: BATCHES }, (_, index) => index * RECORDS));
});
