// What a log may take of its process: files that are open (I8), and the event loop while indexes are made (N8).

import fs from 'node:fs';
import { NodeDisk, type DiskFile } from '@robustmq/commit-log';
import { OpenFiles, type OpenSegment } from '../src/open-files.ts';
import type { SegmentLogCheckpoint } from '../src/log-checkpoint.ts';
import { SegmentLog } from '../src/segment-log.ts';
import { batch, ranges, scratchDirectory } from './batches.ts';

/** Counts what is read on the event loop, and files that are open. */
class CountingDisk extends NodeDisk {
  readBytes = 0;
  created = 0;
  opened = 0;
  mostOpened = 0;

  override open(path: string): DiskFile {
    return this.#counted(super.open(path));
  }

  override create(path: string): DiskFile {
    this.created++;
    return this.#counted(super.create(path));
  }

  #counted(file: DiskFile): DiskFile {
    this.opened++;
    this.mostOpened = Math.max(this.mostOpened, this.opened);
    let isOpen = true;
    const read = file.read.bind(file);
    const close = file.close.bind(file);
    file.read = (target, position) => {
      const count = read(target, position);
      this.readBytes += count;
      return count;
    };
    file.close = () => {
      if (isOpen) this.opened--;
      isOpen = false;
      close();
    };
    return file;
  }
}

let directory: string;
let remove: () => void;
let disk: CountingDisk;

beforeEach(() => {
  ({ directory, remove } = scratchDirectory());
  disk = new CountingDisk();
});

afterEach(() => remove());

const path = (): string => `${directory}/7-0`;
const logFile = (baseOffset: number, suffix = 'log'): string =>
  `${path()}/${String(baseOffset).padStart(20, '0')}.${suffix}`;

/** A log of equal batches, whole on the disk; its checkpoint. */
async function written(
  batches: number,
  valueBytes: number,
  segmentBytes: number,
): Promise<SegmentLogCheckpoint> {
  const log = SegmentLog.open(disk, path(), { segmentBytes }, undefined);
  for (let i = 0; i < batches; i++) log.append(batch(i, ['v'.repeat(valueBytes)]));
  const pending = log.prepareCheckpoint();
  await pending.sync();
  log.close();
  return pending.record;
}

function reopened(checkpoint: SegmentLogCheckpoint): SegmentLog {
  const log = SegmentLog.open(disk, path(), { segmentBytes: 8 << 20 }, checkpoint);
  log.finishRecovery();
  return log;
}

/** Reads all of the log, as a consumer would. */
async function readAll(log: SegmentLog): Promise<number> {
  let fromOffset = 0;
  while (fromOffset < log.logEndOffset) {
    const found = await log.read({ fromOffset, upToOffset: Infinity, maxBytes: 1 << 20 });
    fromOffset = Number(ranges(found).at(-1)!.split('-')[1]) + 1;
  }
  return fromOffset;
}

test('preparing a checkpoint leaves the disk alone: thousands of shards are prepared in one turn (N8)', async () => {
  const log = SegmentLog.open(disk, path(), { segmentBytes: 30_000 }, undefined);
  log.assignEpoch(4);
  for (let i = 0; i < 20; i++) log.append(batch(i, ['v'.repeat(2_000)], 1000, 4));
  const onDisk = (): number =>
    fs.readdirSync(path()).reduce((sum, name) => sum + fs.statSync(`${path()}/${name}`).size, 0);
  const before = { created: disk.created, opened: disk.opened, bytes: onDisk() };
  const pending = log.prepareCheckpoint();
  expect({ created: disk.created, opened: disk.opened, bytes: onDisk() }).toEqual(before);
  await pending.sync();
  expect(fs.readFileSync(`${path()}/leader-epoch-checkpoint`, 'utf8')).toBe('0\n1\n4 0\n');
  log.close();
});

test('what is appended after a checkpoint was prepared is cut when the log is opened by it (L3)', async () => {
  const log = SegmentLog.open(disk, path(), {}, undefined);
  for (let i = 0; i < 5; i++) log.append(batch(i, ['v']));
  const pending = log.prepareCheckpoint();
  for (let i = 5; i < 9; i++) log.append(batch(i, ['later']));
  await pending.sync();
  // The sync wrote all that memory held: more than the record says, which the commit log repeats.
  expect(fs.statSync(logFile(0)).size).toBeGreaterThan(pending.record.segments[0]!.lengthBytes);
  log.close();
  const again = reopened(pending.record);
  expect(again.logEndOffset).toBe(5);
  for (let i = 5; i < 9; i++) again.append(batch(i, ['later']));
  expect(ranges(await again.read({ fromOffset: 0, upToOffset: Infinity, maxBytes: 1 << 20 }))).toHaveLength(
    9,
  );
  again.close();
});

test('a full disk between preparing and syncing is told as such, and the checkpoint can be made again (L6)', async () => {
  const log = SegmentLog.open(disk, path(), {}, undefined);
  log.append(batch(0, ['v']));
  const pending = log.prepareCheckpoint();
  const write = jest.spyOn(fs, 'writeSync').mockImplementation(() => {
    throw Object.assign(new Error('full'), { code: 'ENOSPC' });
  });
  await expect(pending.sync()).rejects.toMatchObject({ code: 'storage_full' });
  write.mockRestore();
  expect(log.failure).toBeUndefined();
  await log.prepareCheckpoint().sync();
  expect(fs.statSync(logFile(0)).size).toBe(log.sizeBytes);
  log.close();
});

const MiB = 1 << 20;

test.each([
  ['gone', () => fs.rmSync(logFile(0, 'index'))],
  ['torn in a way that looks right', () => fs.truncateSync(logFile(0, 'index'), 16)],
])('indexes that are %s are made anew off the event loop (N8)', async (_, spoil) => {
  const checkpoint = await written(1000, 20_000, 8 * MiB);
  spoil();
  const log = reopened(checkpoint);
  disk.readBytes = 0;
  expect(await readAll(log)).toBe(1000);
  expect(disk.readBytes).toBeLessThan(MiB);
  log.close();
});

test('a damaged batch costs the event loop no walk over its segment (N8)', async () => {
  const checkpoint = await written(1000, 20_000, 8 * MiB);
  const bytes = fs.readFileSync(logFile(0));
  bytes[5 * MiB]! ^= 1;
  fs.writeFileSync(logFile(0), bytes);
  const log = reopened(checkpoint);
  disk.readBytes = 0;
  await expect(readAll(log)).rejects.toMatchObject({ code: 'corrupt' });
  expect(disk.readBytes).toBeLessThan(MiB);
  log.close();
});

test('a search by time makes its indexes off the event loop as well (N8)', async () => {
  const checkpoint = await written(1000, 20_000, 8 * MiB);
  for (const { baseOffset } of checkpoint.segments)
    fs.rmSync(logFile(baseOffset, 'timeindex'), { force: true });
  for (const { baseOffset } of checkpoint.segments) fs.rmSync(logFile(baseOffset, 'index'), { force: true });
  const log = reopened(checkpoint);
  disk.readBytes = 0;
  expect(await log.offsetForTimestamp(1000, 500)).toEqual({
    offset: 0,
    timestampMs: 1000,
    compressed: false,
  });
  expect(disk.readBytes).toBeLessThan(MiB);
  log.close();
});

test('readings that share the making of indexes, and appends meanwhile, miss nothing', async () => {
  const checkpoint = await written(1000, 20_000, 8 * MiB);
  for (const { baseOffset } of checkpoint.segments) fs.rmSync(logFile(baseOffset, 'index'), { force: true });
  const log = reopened(checkpoint);
  const readings = Array.from({ length: 4 }, () => readAll(log));
  for (let i = 1000; i < 1100; i++) {
    log.append(batch(i, ['v'.repeat(20_000)]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const end of await Promise.all(readings)) expect(end).toBeGreaterThanOrEqual(1000);
  expect(await readAll(log)).toBe(1100);
  expect(ranges(await log.read({ fromOffset: 1050, upToOffset: 1051, maxBytes: 1 }))).toEqual(['1050-1050']);
  log.close();
});

test('a log is opened with a handful of files, however many segments it has (I8)', async () => {
  const checkpoint = await written(300, 2_000, 1_000);
  expect(checkpoint.segments).toHaveLength(300);
  disk.opened = disk.mostOpened = 0;
  const log = reopened(checkpoint);
  expect(disk.mostOpened).toBeLessThan(10);
  expect(await readAll(log)).toBe(300);
  expect(disk.mostOpened).toBeLessThan(20);
  log.close();
});

describe('open files', () => {
  class Fake implements OpenSegment {
    warm = true;
    readonly mustStay: boolean;

    constructor(mustStay = false) {
      this.mustStay = mustStay;
    }

    cool(): void {
      if (!this.mustStay) this.warm = false;
    }
  }

  test('beyond the limit the one used longest ago is let go of (I8)', () => {
    const files = new OpenFiles(2);
    const [first, second, third] = [new Fake(), new Fake(), new Fake()];
    files.touch(first);
    files.touch(second);
    files.touch(first);
    files.touch(third);
    expect([first.warm, second.warm, third.warm]).toEqual([true, false, true]);
  });

  test('more dirty ones than the limit are told, so that a checkpoint comes (I8)', () => {
    const files = new OpenFiles(2);
    const dirty = Array.from({ length: 3 }, () => new Fake(true));
    for (const each of dirty.slice(0, 2)) files.touch(each);
    expect(files.isOver).toBe(false);
    files.touch(dirty[2]!);
    expect(files.isOver).toBe(true);
    files.closed(dirty[0]!);
    expect(files.isOver).toBe(false);
  });

  test('those that must stay are passed over, at a bounded cost', () => {
    const files = new OpenFiles(1);
    const dirty = Array.from({ length: 100 }, () => new Fake(true));
    for (const each of dirty) files.touch(each);
    const clean = new Fake();
    files.touch(clean);
    for (let i = 0; i < 20; i++) files.touch(dirty[0]!);
    expect([clean.warm, dirty.every(({ warm }) => warm)]).toEqual([false, true]);
  });
});

test('a segment without timestamps has the time of its last write, for retention (L4)', async () => {
  const log = SegmentLog.open(disk, path(), { segmentBytes: 100 }, undefined);
  log.append(batch(0, ['v'.repeat(100)], -1));
  log.append(batch(1, ['v'.repeat(100)], 5_000));
  await log.prepareCheckpoint().sync();
  fs.utimesSync(logFile(0), 1_000, 1_000);
  expect(log.retainedSegments().map(({ timeMs }) => timeMs)).toEqual([1_000_000, 5_000]);
  log.close();
});
