import fs from 'node:fs';
import { NodeDisk } from '@robustmq/commit-log';
import { SegmentLog } from '../src/index.ts';
import type { SegmentLogConfig } from '../src/segment-log.ts';
import { batch, ranges, scratchDirectory } from './batches.ts';

const disk = new NodeDisk();
const ALL = { fromOffset: 0, upToOffset: Infinity, maxBytes: 1 << 20 };

describe('segment log', () => {
  let directory: string;
  let remove: () => void;
  beforeEach(() => ({ directory, remove } = scratchDirectory()));
  afterEach(() => remove());

  function fresh(config: SegmentLogConfig = {}): SegmentLog {
    return SegmentLog.open(disk, directory, config, undefined);
  }

  async function checkpoint(log: SegmentLog) {
    const pending = log.prepareCheckpoint();
    await pending.sync();
    log.checkpointed(pending.record);
    return pending.record;
  }

  test('readers see what was appended at once, from memory and file', async () => {
    const log = fresh();
    log.append(Buffer.concat([batch(0, ['a', 'b']), batch(2, ['c'])]));
    expect(ranges(await log.read(ALL))).toEqual(['0-1', '2-2']);
    log.append(batch(3, ['x'.repeat(100_000)]));
    log.append(batch(4, ['d']));
    expect(ranges(await log.read({ ...ALL, fromOffset: 1 }))).toEqual(['0-1', '2-2', '3-3', '4-4']);
    expect(log.logEndOffset).toBe(5);
  });

  test.each([
    [{ fromOffset: 1, upToOffset: 99, maxBytes: 1 }, ['0-1']],
    [{ fromOffset: 2, upToOffset: 3, maxBytes: 1 << 20 }, ['2-2']],
    [{ fromOffset: 0, upToOffset: 1, maxBytes: 1 << 20 }, []],
    [{ fromOffset: 5, upToOffset: 99, maxBytes: 1 << 20 }, []],
  ])('a read of %o gives whole batches', async (range, expected) => {
    const log = fresh();
    log.append(Buffer.concat([batch(0, ['a', 'b']), batch(2, ['c']), batch(3, ['d', 'e'])]));
    expect(ranges(await log.read(range))).toEqual(expected);
    log.append(batch(5, ['x'.repeat(70_000)]));
    expect(ranges(await log.read(range))).toEqual(range.fromOffset === 5 ? ['5-5'] : expected);
  });

  test('offsets out of the log are refused', async () => {
    const log = SegmentLog.open(disk, directory, {}, undefined, 10);
    await expect(log.read({ ...ALL, fromOffset: 9 })).rejects.toMatchObject({ code: 'out_of_range' });
    await expect(log.read({ ...ALL, fromOffset: 11 })).rejects.toMatchObject({ code: 'out_of_range' });
    expect(await log.read({ ...ALL, fromOffset: 10 })).toHaveLength(0);
  });

  test('rolls by size and by time, and reads over all segments', async () => {
    const log = fresh({ segmentBytes: 500, segmentMs: 1000 });
    for (let i = 0; i < 20; i++) log.append(batch(i, ['v'.repeat(100)], i * 10));
    const bySize = log.describeSegments().length;
    expect(bySize).toBeGreaterThan(4);
    log.append(batch(20, ['late'], 5000));
    expect(log.describeSegments()).toHaveLength(bySize + 1);
    let next = 0;
    while (next < log.logEndOffset) {
      const found = ranges(await log.read({ ...ALL, fromOffset: next, maxBytes: 400 }));
      expect(found[0]).toBe(`${next}-${next}`);
      next += found.length;
    }
    expect(next).toBe(21);
  });

  test('recovery cuts to the checkpoint and continues (L3)', async () => {
    const log = fresh({ segmentBytes: 1000 });
    for (let i = 0; i < 12; i++) log.append(batch(i, ['v'.repeat(100)], i, i < 6 ? 0 : 3));
    const record = await checkpoint(log);
    for (let i = 12; i < 30; i++) log.append(batch(i, ['w'.repeat(100)], i, 3));
    log.prepareCheckpoint();
    const again = SegmentLog.open(disk, directory, {}, record);
    again.finishRecovery();
    expect([again.logEndOffset, again.latestEpoch]).toEqual([12, 3]);
    expect(again.leaderEpochs).toEqual([
      { leaderEpoch: 0, startOffset: 0 },
      { leaderEpoch: 3, startOffset: 6 },
    ]);
    expect(fs.readdirSync(directory).filter((name) => name.endsWith('.log'))).toHaveLength(
      record.segments.length,
    );
    again.append(batch(12, ['new'], 99, 4));
    expect(ranges(await again.read({ ...ALL, fromOffset: 11 }))).toEqual(['11-11', '12-12']);
  });

  test('a truncation under checkpointed data is replayed, not taken for damage (R4, L3)', async () => {
    const log = fresh({ segmentBytes: 600 });
    for (let i = 0; i < 12; i++) log.append(batch(i, ['v'.repeat(100)], i));
    const record = await checkpoint(log);
    expect(log.truncateTo(2)).toBe(2);
    for (let i = 2; i < 5; i++) log.append(batch(i, ['other'], i, 1));
    log.close();
    const unaware = SegmentLog.open(disk, directory, {}, record);
    expect(() => unaware.finishRecovery()).toThrow(expect.objectContaining({ code: 'corrupt' }));
    const again = SegmentLog.open(disk, directory, {}, record);
    expect(again.truncateTo(2)).toBe(2);
    again.finishRecovery();
    for (let i = 2; i < 5; i++) again.append(batch(i, ['other'], i, 1));
    expect(ranges(await again.read(ALL))).toEqual(['0-0', '1-1', '2-2', '3-3', '4-4']);
  });

  test('a damaged batch is never returned (I9)', async () => {
    const log = fresh();
    for (let i = 0; i < 3; i++) log.append(batch(i, ['v'.repeat(100)], i));
    const record = await checkpoint(log);
    const file = `${directory}/${'0'.repeat(20)}.log`;
    const bytes = fs.readFileSync(file);
    bytes[bytes.length - 5]! ^= 1;
    fs.writeFileSync(file, bytes);
    const again = SegmentLog.open(disk, directory, {}, record);
    again.finishRecovery();
    expect(ranges(await again.read({ ...ALL, upToOffset: 2 }))).toEqual(['0-0', '1-1']);
    await expect(again.read({ ...ALL, fromOffset: 1 })).rejects.toMatchObject({ code: 'corrupt' });
  });

  test('finds offsets by time, over segments', async () => {
    const log = fresh({ segmentBytes: 800 });
    for (let i = 0; i < 20; i++) log.append(batch(2 * i, ['a', 'b'], 100 * i));
    expect(await log.offsetForTimestamp(0)).toEqual({ offset: 0, timestampMs: 0, compressed: false });
    expect(await log.offsetForTimestamp(701)).toEqual({ offset: 15, timestampMs: 701, compressed: false });
    expect(await log.offsetForTimestamp(702)).toEqual({ offset: 16, timestampMs: 800, compressed: false });
    expect(await log.offsetForTimestamp(1902)).toBeUndefined();
  });

  test('deletes whole segments below the checkpointed log start only (L4)', async () => {
    const log = fresh({ segmentBytes: 500 });
    for (let i = 0; i < 12; i++) log.append(batch(i, ['v'.repeat(100)], i));
    const boundary = log.describeSegments()[2]!.baseOffset;
    await checkpoint(log);
    log.advanceLogStart(boundary + 1);
    expect(await log.deleteSegments()).toBe(0);
    await checkpoint(log);
    expect(await log.deleteSegments()).toBe(2);
    expect(log.physicalStartOffset).toBe(boundary);
    expect(fs.readdirSync(directory).some((name) => name.endsWith('.deleted'))).toBe(false);
    const record = await checkpoint(log);
    SegmentLog.open(disk, directory, {}, record).finishRecovery();
  });
});
