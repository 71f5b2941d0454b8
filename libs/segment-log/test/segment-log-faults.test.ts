import { batchHeader } from '@robustmq/record-batch';
import fs from 'node:fs';
import { CommitLog } from '@robustmq/commit-log';
import { CheckpointStore, runCheckpoint, SegmentLog } from '../src/index.ts';
import type { SegmentLogConfig } from '../src/segment-log.ts';
import { batch, ranges, scratchDirectory } from './batches.ts';
import { FaultyDisk } from './faulty-disk.ts';

const ALL = { fromOffset: 0, upToOffset: Infinity, maxBytes: 1 << 20 };

describe('segment log under faults', () => {
  let directory: string;
  let remove: () => void;
  let disk: FaultyDisk;
  beforeEach(() => {
    ({ directory, remove } = scratchDirectory());
    disk = new FaultyDisk();
  });
  afterEach(() => remove());

  function fresh(config: SegmentLogConfig = {}): SegmentLog {
    return SegmentLog.open(disk, `${directory}/7-0`, config, undefined);
  }

  const big = (baseOffset: number): Buffer => batch(baseOffset, ['v'.repeat(40_000)]);

  test('a full disk keeps in memory what the commit log has already, and refuses more (L6)', async () => {
    const log = fresh({ segmentBytes: 200_000 });
    log.ensureWritable();
    disk.full = true;
    for (let i = 0; i < 7; i++) log.append(big(i));
    expect(() => log.ensureWritable()).toThrow(expect.objectContaining({ code: 'storage_full' }));
    await expect(log.prepareCheckpoint().sync()).rejects.toMatchObject({ code: 'storage_full' });
    expect(ranges(await log.read(ALL))).toHaveLength(7);
    disk.full = false;
    log.ensureWritable();
    log.append(big(7));
    await log.prepareCheckpoint().sync();
    expect(log.failure).toBeUndefined();
    expect(ranges(await log.read(ALL))).toHaveLength(7);
    // The segment that grew too long has ended.
    expect(ranges(await log.read({ ...ALL, fromOffset: 7 }))).toEqual(['7-7']);
  });

  test('a checkpoint that meets a full disk is tried again (L6)', async () => {
    const log = fresh();
    log.assignEpoch(4);
    const pending = log.prepareCheckpoint();
    disk.full = true;
    await expect(pending.sync()).rejects.toMatchObject({ code: 'storage_full' });
    disk.full = false;
    await log.prepareCheckpoint().sync();
    expect(log.failure).toBeUndefined();
  });

  test('a segment that can not be rolled grows on', async () => {
    const log = fresh({ segmentBytes: 1000 });
    log.append(batch(0, ['v'.repeat(900)]));
    disk.full = true;
    log.append(batch(1, ['v'.repeat(900)]));
    expect(log.describeSegments()).toHaveLength(1);
    disk.full = false;
    log.append(batch(2, ['v'.repeat(900)]));
    expect(log.describeSegments()).toHaveLength(2);
    expect(ranges(await log.read({ ...ALL, fromOffset: 1 }))).toEqual(['1-1']);
  });

  test('a failed sync is final, and nothing is recycled (L3, L5)', async () => {
    const { log: commitLog } = await CommitLog.open(disk, `${directory}/commit`, { fileBytes: 16 * 4096 });
    const store = await CheckpointStore.open(disk, directory);
    const log = fresh();
    log.append(batch(0, ['a']));
    commitLog.append([{ kind: 1, key: 7, subKey: 0, buffers: [batch(0, ['a'])] }]);
    await commitLog.sync();
    const input = { commitLog, store, shards: [{ streamId: 7, shard: 0, log }], appliedPosition: 1 };
    disk.syncFails = true;
    await expect(runCheckpoint(input)).rejects.toMatchObject({ code: 'storage_failed' });
    disk.syncFails = false;
    expect(store.latest.position).toBe(0);
    expect(() => log.append(batch(1, ['b']))).toThrow(expect.objectContaining({ code: 'storage_failed' }));
    await expect(runCheckpoint(input)).rejects.toMatchObject({ code: 'storage_failed' });
    await commitLog.close();
  });

  test('a checkpoint syncs in order and says what it holds (L3)', async () => {
    const { log: commitLog } = await CommitLog.open(disk, `${directory}/commit`, { fileBytes: 16 * 4096 });
    const store = await CheckpointStore.open(disk, directory);
    const log = fresh();
    log.append(batch(0, ['a', 'b'], 1000, 4));
    commitLog.append([]);
    const steps: string[] = [];
    const made = await runCheckpoint({
      commitLog,
      store,
      shards: [{ streamId: 7, shard: 0, log, extra: Buffer.from('x') }],
      appliedPosition: 1,
      extra: Buffer.from('y'),
      syncSnapshots: async () => void steps.push(`snapshots at ${store.latest.position}`),
      pace: async (hasSynced) => void steps.push(hasSynced ? 'pace' : 'go on'),
    });
    expect(steps).toEqual(['pace', 'snapshots at 0']);
    expect(made.shards[0]).toMatchObject({
      logEndOffset: 2,
      leaderEpochs: [{ leaderEpoch: 4, startOffset: 0 }],
    });
    expect((await CheckpointStore.open(disk, directory)).latest).toEqual(made);
    expect(fs.readFileSync(`${directory}/7-0/leader-epoch-checkpoint`, 'utf8')).toBe('0\n1\n4 0\n');
    await commitLog.close();
  });

  test('a checkpoint tells which shards there was nothing to sync of: only the others cost the disk (L6)', async () => {
    const { log: commitLog } = await CommitLog.open(disk, `${directory}/commit`, { fileBytes: 16 * 4096 });
    const store = await CheckpointStore.open(disk, directory);
    const shards = [1, 2, 3].map((streamId) => ({
      streamId,
      shard: 0,
      log: SegmentLog.open(disk, `${directory}/${streamId}-0`, {}, undefined),
    }));
    const checkpoint = async (): Promise<boolean[]> => {
      const synced: boolean[] = [];
      await runCheckpoint({
        commitLog,
        store,
        shards,
        appliedPosition: 0,
        pace: async (hasSynced) => void synced.push(hasSynced),
      });
      return synced;
    };
    expect(await checkpoint()).toEqual([true, true, true]);
    expect(await checkpoint()).toEqual([false, false, false]);
    shards[1]!.log.append(batch(0, ['a']));
    expect(await checkpoint()).toEqual([false, true, false]);
    await commitLog.close();
  });

  test('N8, L3: facts made later are stored once the commit log is durable up to them; the position and the log end stay', async () => {
    const { log: commitLog } = await CommitLog.open(disk, `${directory}/commit`, { fileBytes: 16 * 4096 });
    const store = await CheckpointStore.open(disk, directory);
    const log = fresh();
    log.append(batch(0, ['a']));
    const appliedPosition = commitLog.append([]);
    let turns = 0;
    const making = runCheckpoint({
      commitLog,
      store,
      shards: [
        {
          ...{ streamId: 7, shard: 0, log },
          makeExtra: () => {
            log.append(batch(1, ['b']));
            commitLog.append([]);
            expect(commitLog.durablePosition).toBeLessThan(commitLog.endPosition);
            return Promise.resolve(Buffer.alloc(200_000, 'x'));
          },
        },
      ],
      appliedPosition,
      turn: {
        get isSpent() {
          // Before a byte of it is stored.
          expect(commitLog.durablePosition).toBe(commitLog.endPosition);
          return true;
        },
        yield: () => (turns++, Promise.resolve()),
      },
    });
    const made = await making;
    expect(made).toMatchObject({ position: appliedPosition, shards: [{ logEndOffset: 1 }] });
    expect(made.shards[0]!.extra.equals(Buffer.alloc(200_000, 'x'))).toBe(true);
    // Once per shard, and for each piece: what stands before the facts, the facts, nothing behind them.
    expect(turns).toBe(3);
    expect((await CheckpointStore.open(disk, directory)).latest).toEqual(made);
    await commitLog.close();
  });

  test('L3: facts made later are not stored when the commit log fails', async () => {
    const { log: commitLog } = await CommitLog.open(disk, `${directory}/commit`, { fileBytes: 16 * 4096 });
    const store = await CheckpointStore.open(disk, directory);
    const log = fresh();
    const appliedPosition = commitLog.append([]);
    await commitLog.sync();
    const making = runCheckpoint({
      commitLog,
      store,
      shards: [
        {
          ...{ streamId: 7, shard: 0, log },
          makeExtra: () => {
            commitLog.append([]);
            disk.syncFails = true;
            return Promise.resolve(Buffer.from('x'));
          },
        },
      ],
      appliedPosition,
    });
    await expect(making).rejects.toMatchObject({ code: 'storage_failed' });
    expect(store.latest.position).toBe(0);
    disk.syncFails = false;
    await commitLog.close();
  });

  test('index files that are gone or wrong are built again', async () => {
    const config = { segmentBytes: 60_000 };
    const log = fresh(config);
    for (let i = 0; i < 100; i++) log.append(batch(i, ['v'.repeat(1000)], i));
    const pending = log.prepareCheckpoint();
    await pending.sync();
    log.close();
    const index = `${directory}/7-0/${'0'.repeat(20)}.index`;
    const good = fs.readFileSync(index);
    expect(good.length).toBeGreaterThan(40);
    const wrong = Buffer.from(good);
    // Still ascending, but between two batches.
    wrong.writeUInt32BE(good.readUInt32BE(12) + 1, 12);
    for (const bytes of [wrong, good.subarray(0, 9), Buffer.alloc(good.length), Buffer.alloc(0)]) {
      fs.writeFileSync(index, bytes);
      const again = SegmentLog.open(disk, `${directory}/7-0`, config, pending.record);
      again.finishRecovery();
      for (const fromOffset of [0, 9, 10, 11, 12, 55, 56, 99]) {
        expect(ranges(await again.read({ ...ALL, fromOffset, maxBytes: 10 }))).toEqual([
          `${fromOffset}-${fromOffset}`,
        ]);
      }
      again.close();
    }
  });

  test('many closed segments are read with few open files', async () => {
    const log = fresh({ segmentBytes: 3000 });
    for (let i = 0; i < 60; i++) log.append(batch(i, ['v'.repeat(1000)], i));
    await log.prepareCheckpoint().sync();
    const reads = Array.from({ length: 60 }, (_, i) => log.read({ ...ALL, fromOffset: i, maxBytes: 1 }));
    expect((await Promise.all(reads)).flatMap(ranges)).toEqual(reads.map((_, i) => `${i}-${i}`));
    log.close();
  });

  test('a segment whose sync runs keeps its file, however many others are read meanwhile (L3)', async () => {
    const log = fresh({ segmentBytes: 3000 });
    for (let i = 0; i < 40; i++) log.append(batch(i, ['v'.repeat(1000)], i));
    const pending = log.prepareCheckpoint();
    disk.hold = true;
    const synced = pending.sync();
    await log.read({ ...ALL, fromOffset: 0, maxBytes: 1 });
    for (let i = 39; i >= 0; i--) await log.read({ ...ALL, fromOffset: i, maxBytes: 1 });
    for (let i = 0; i < 40; i++) await log.read({ ...ALL, fromOffset: i, maxBytes: 1 });
    disk.release();
    await synced;
    expect(disk.closedInUse).toEqual([]);
    log.close();
  });

  test('a segment with unsynced writes keeps its file: another handle would not be told that they failed (L5)', async () => {
    const log = fresh({ segmentBytes: 3000 });
    disk.writebackFails = true;
    for (let i = 0; i < 4; i++) log.append(batch(i, ['v'.repeat(1000)], i));
    disk.writebackFails = false;
    for (let i = 4; i < 60; i++) log.append(batch(i, ['v'.repeat(1000)], i));
    for (let i = 0; i < 60; i++) await log.read({ ...ALL, fromOffset: i, maxBytes: 1 });
    await expect(log.prepareCheckpoint().sync()).rejects.toMatchObject({ code: 'storage_failed' });
    log.close();
  });

  test('the first checkpoint makes the name of the directory durable too (L3)', async () => {
    const log = fresh();
    await log.prepareCheckpoint().sync();
    expect(disk.syncedDirectories.sort()).toEqual([directory, `${directory}/7-0`]);
    log.roll();
    log.append(batch(0, ['a']));
    log.roll();
    await log.prepareCheckpoint().sync();
    expect(disk.syncedDirectories).toHaveLength(3);
    log.close();
  });

  test('a read over a truncation sees the log before or after it, never a mix', async () => {
    const log = fresh({ segmentBytes: 3000 });
    for (let i = 0; i < 9; i++) log.append(batch(i, ['v'.repeat(1000)], i));
    await log.prepareCheckpoint().sync();
    const read = log.read({ ...ALL, fromOffset: 1, maxBytes: 5000 });
    expect(log.truncationPoint(1)).toBe(1);
    log.truncateTo(1);
    log.append(batch(1, ['new'], 9, 1));
    expect(ranges(await read)).toEqual(['1-1']);
    expect(log.endOffsetForEpoch(0)).toEqual({ leaderEpoch: 0, endOffset: 1 });
  });

  test('a flipped bit in what no CRC covers is seen (I9)', async () => {
    const log = fresh();
    for (let i = 0; i < 3; i++) log.append(batch(i, ['v'.repeat(100)], i, 2));
    const pending = log.prepareCheckpoint();
    await pending.sync();
    log.close();
    const file = `${directory}/7-0/${'0'.repeat(20)}.log`;
    const good = fs.readFileSync(file);
    const second = good.length / 3;
    for (const position of [0, 3, 7, 8, 11, 12, 15, 16, 17, 23, 26, 40, 60]) {
      const bytes = Buffer.from(good);
      bytes[second + position]! ^= 1;
      fs.writeFileSync(file, bytes);
      const again = SegmentLog.open(disk, `${directory}/7-0`, {}, pending.record);
      await expect(again.read({ ...ALL, fromOffset: 1, maxBytes: 1 })).rejects.toMatchObject({
        code: 'corrupt',
      });
      again.close();
    }
  });

  test('a search by time gives no record below the log start, and survives a header that promises too much', async () => {
    const log = fresh();
    log.append(batch(0, ['a', 'b', 'c'], 1000));
    const lying = batch(3, ['d', 'e'], 2000);
    // A client may write any maximal timestamp; the CRC covers it.
    lying.writeBigInt64BE(9000n, 35);
    batchHeader.stampCrc(lying, 0);
    log.append(lying);
    log.append(batch(5, ['f'], 5000));
    expect(await log.offsetForTimestamp(4000)).toEqual({ offset: 5, timestampMs: 5000, compressed: false });
    expect(await log.offsetForTimestamp(6000)).toBeUndefined();
    expect(await log.offsetForTimestamp(0)).toEqual({ offset: 0, timestampMs: 1000, compressed: false });
    log.advanceLogStart(2);
    expect(await log.offsetForTimestamp(0)).toEqual({ offset: 2, timestampMs: 1002, compressed: false });
    log.advanceLogStart(3);
    expect(await log.offsetForTimestamp(1001)).toEqual({ offset: 3, timestampMs: 2000, compressed: false });
    expect(await log.offsetForTimestamp(1001, 3)).toBeUndefined();
  });

  test('a replica that starts again elsewhere drops everything (R5)', async () => {
    const log = fresh({ segmentBytes: 3000 });
    for (let i = 0; i < 9; i++) log.append(batch(i, ['v'.repeat(1000)], i, 3));
    log.restartAt(500);
    expect([log.physicalStartOffset, log.logStartOffset, log.logEndOffset, log.latestEpoch]).toEqual([
      500, 500, 500, -1,
    ]);
    log.append(batch(500, ['a'], 1, 4));
    expect(ranges(await log.read({ ...ALL, fromOffset: 500 }))).toEqual(['500-500']);
    expect(log.sizeBytes).toBeLessThan(200);
  });

  test('rolls on demand, takes gaps only when told to, and knows epochs before their first record', () => {
    const log = fresh({ segmentBytes: 3000 });
    log.roll();
    expect(log.describeSegments()).toHaveLength(1);
    log.append(batch(0, ['a']));
    log.roll();
    expect(log.describeSegments()).toHaveLength(2);
    expect(() => log.append(batch(5, ['b']))).toThrow('follow one another');
    log.configure({ sparse: true });
    log.append(batch(5, ['b']));
    log.assignEpoch(7);
    expect([log.logEndOffset, log.latestEpoch]).toEqual([6, 7]);
  });
});
