// What a checkpoint must sync, and when a file may be closed (L3, L5): whatever changed since the last one, files and names.

import fs from 'node:fs';
import type { SegmentLogCheckpoint } from '../src/log-checkpoint.ts';
import { SegmentLog } from '../src/segment-log.ts';
import { batch, ranges, scratchDirectory } from './batches.ts';
import { FaultyDisk } from './faulty-disk.ts';

const ALL = { fromOffset: 0, upToOffset: Infinity, maxBytes: 1 << 20 };
const CONFIG = { segmentBytes: 3000 };

let directory: string;
let remove: () => void;
let disk: FaultyDisk;
let log: SegmentLog;

beforeEach(() => {
  ({ directory, remove } = scratchDirectory());
  disk = new FaultyDisk();
  log = SegmentLog.open(disk, path(), CONFIG, undefined);
});

afterEach(() => {
  log.close();
  remove();
});

const path = (): string => `${directory}/7-0`;
const fileOf = (baseOffset: number): string => `${path()}/${String(baseOffset).padStart(20, '0')}.log`;

/** Appends batches of 1 KB: two to a segment. */
function append(from: number, to: number, leaderEpoch = 0): void {
  for (let i = from; i < to; i++) log.append(batch(i, ['v'.repeat(1000)], i, leaderEpoch));
}

/** Makes a checkpoint; answers what it synced. */
async function checkpoint(): Promise<{ readonly files: string[]; readonly directories: string[] }> {
  const before = { files: disk.syncedFiles.length, directories: disk.syncedDirectories.length };
  const pending = log.prepareCheckpoint();
  await pending.sync();
  log.checkpointed(pending.record);
  return {
    files: disk.syncedFiles.slice(before.files),
    directories: disk.syncedDirectories.slice(before.directories),
  };
}

test('L3: a log that nothing happened to is not synced again', async () => {
  append(0, 5);
  expect((await checkpoint()).files).toHaveLength(3);
  expect(await checkpoint()).toEqual({ files: [], directories: [] });
});

test('L3, L5: what is written while a sync runs is for the next one', async () => {
  log.append(batch(0, ['first']));
  disk.hold = true;
  const running = checkpoint();
  expect(disk.waiting).toHaveLength(1);
  // So much that it reaches the file at once, too late for the sync that may have been through it already.
  log.configure({});
  log.append(batch(1, ['v'.repeat(100_000)]));
  expect(fs.statSync(fileOf(0)).size).toBeGreaterThan(100_000);
  disk.release();
  await running;
  expect((await checkpoint()).files).toEqual([fileOf(0)]);
});

test('L3: a truncation is synced, also when nothing is appended behind it', async () => {
  append(0, 2);
  await checkpoint();
  log.truncateTo(1);
  // The names too: the indexes of what was cut are removed, and an old one must not come back.
  expect(await checkpoint()).toEqual({ files: [fileOf(0)], directories: [path()] });
});

test('L3, R4: the names of segments that a truncation dropped are synced', async () => {
  append(0, 6);
  await checkpoint();
  log.truncateTo(3);
  expect(await checkpoint()).toEqual({ files: [fileOf(2)], directories: [path()] });
  expect(fs.existsSync(fileOf(4))).toBe(false);
});

test('L3, L4: the names of segments that retention took are synced', async () => {
  append(0, 6);
  log.advanceLogStart(4);
  await checkpoint();
  expect(await log.deleteSegments()).toBe(2);
  expect(await checkpoint()).toEqual({ files: [], directories: [path()] });
});

test('L3, R5: a log that starts again elsewhere has the names of before synced away', async () => {
  append(0, 6);
  await checkpoint();
  log.restartAt(100);
  expect(await checkpoint()).toEqual({ files: [fileOf(100)], directories: [path()] });
});

test('L3: what recovery cut off is synced by the next checkpoint', async () => {
  append(0, 1);
  const record: SegmentLogCheckpoint = log.prepareCheckpoint().record;
  append(1, 2);
  await checkpoint();
  log.close();
  log = SegmentLog.open(disk, path(), CONFIG, record);
  log.finishRecovery();
  expect(fs.statSync(fileOf(0)).size).toBe(record.segments[0]!.lengthBytes);
  expect((await checkpoint()).files).toEqual([fileOf(0)]);
});

test('L5: a segment that goes while it is read keeps its file until the read is over, and no longer', async () => {
  append(0, 6);
  log.advanceLogStart(4);
  await checkpoint();
  disk.holdReads = true;
  const read = log.read({ ...ALL, maxBytes: 1 }).catch((error: unknown) => error);
  expect(disk.waiting).toHaveLength(0);
  while (disk.waiting.length === 0) await new Promise(setImmediate);
  expect(await log.deleteSegments()).toBe(2);
  expect([disk.closedInUse, disk.closed.includes(fileOf(0))]).toEqual([[], false]);
  disk.release();
  expect(await read).toMatchObject({ code: 'out_of_range' });
  expect([disk.closedInUse, disk.closed.includes(fileOf(0))]).toEqual([[], true]);
  expect(ranges(await log.read({ ...ALL, fromOffset: 4 }))).toEqual(['4-4', '5-5']);
});
