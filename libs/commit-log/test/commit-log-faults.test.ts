import fs from 'node:fs';
import type { BrokerError } from '@robustmq/errors';
import { CommitLog, type CommitLogOptions } from '../src/index.ts';
import { FaultyDisk } from './faulty-disk.ts';
import { forgetFileList, logFiles, scratchDirectory, text, transcript } from './scratch.ts';

const FILE_BYTES = 4 * 4096;

describe('commit log under faults', () => {
  let directory: string;
  let remove: () => void;
  let disk: FaultyDisk;
  let durable: number[];
  let failures: BrokerError[];
  beforeEach(() => {
    ({ directory, remove } = scratchDirectory());
    disk = new FaultyDisk();
    durable = [];
    failures = [];
  });
  afterEach(() => remove());

  async function open(options: CommitLogOptions = {}): Promise<CommitLog> {
    const { log } = await CommitLog.open(disk, directory, {
      fileBytes: FILE_BYTES,
      onDurable: (position) => durable.push(position),
      onFailure: (error) => failures.push(error),
      ...options,
    });
    disk.syncs = 0;
    return log;
  }

  test('a log that is gone behind a checkpoint is damage, not a new log (L2)', async () => {
    const log = await open();
    log.append([text(1, 'a')]);
    await log.sync();
    await log.close();
    fs.rmSync(directory, { recursive: true });
    await expect(open({ afterPosition: 1 })).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining(directory) as unknown,
    });
    await expect(open()).resolves.toBeDefined();
  });

  test('files whose sync runs are not recycled, although a checkpoint covers them (L3)', async () => {
    const log = await open({ spareFiles: 0 });
    disk.hold = true;
    for (let i = 0; i < 12; i++) log.append([text(1, `v${i}`)]);
    const syncing = log.sync();
    await log.recycle(log.endPosition);
    disk.hold = false;
    for (const release of disk.waiting.splice(0)) release();
    await expect(syncing).resolves.toBe(log.endPosition);
    expect(failures).toEqual([]);
    await log.close();
  });

  test('one sync serves all who wait, and a frame appended meanwhile waits for the next (L7)', async () => {
    const log = await open();
    disk.hold = true;
    log.append([text(1, 'a')]);
    const first = log.sync();
    expect(log.syncing).toBe(true);
    log.append([text(1, 'b')]);
    const followers = [log.sync(), log.sync(), log.sync()];
    expect(log.durablePosition).toBe(0);
    disk.hold = false;
    disk.waiting.shift()!();
    expect(await first).toBe(1);
    expect(await Promise.all(followers)).toEqual([2, 2, 2]);
    expect([disk.syncs, log.syncing]).toEqual([2, false]);
    expect(durable).toEqual([1, 2]);
    expect(await log.sync()).toBe(2);
    expect(disk.syncs).toBe(2);
    await log.close();
  });

  test('two syncs never run at once, whoever asks when (L1)', async () => {
    // Without a spare, whose making would wait for its release like any sync.
    const log = await open({ spareFiles: 0 });
    disk.hold = true;
    log.append([text(1, 'a')]);
    // Asks again in the very turn in which the first sync ends.
    const first = log.sync().then(() => {
      log.append([text(1, 'c')]);
      return log.sync();
    });
    log.append([text(1, 'b')]);
    const second = log.sync();
    let settled = false;
    const all = Promise.all([first, second]).finally(() => {
      settled = true;
    });
    while (!settled) {
      expect(disk.waiting.length).toBeLessThanOrEqual(1);
      disk.waiting.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await all;
    expect(await first).toBe(3);
    expect(await second).toBeGreaterThanOrEqual(2);
    disk.hold = false;
    for (const release of disk.waiting.splice(0)) release();
    await log.close();
  });

  test('a failed sync is final and says what was durable (L5)', async () => {
    const log = await open();
    log.append([text(1, 'a')]);
    await log.sync();
    log.append([text(1, 'b')]);
    disk.syncFails = true;
    const syncs = [log.sync(), log.sync()];
    const results = await Promise.allSettled(syncs);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected']);
    disk.syncFails = false;
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ code: 'storage_failed', details: { durablePosition: 1 } });
    expect(() => log.append([text(1, 'c')])).toThrow(failures[0]);
    await expect(log.sync()).rejects.toBe(failures[0]);
    expect([log.durablePosition, log.failure]).toEqual([1, failures[0]]);
    await log.close();
  });

  test('a failed write is final', async () => {
    const log = await open();
    disk.writeFails = true;
    expect(() => log.append([text(1, 'a')])).toThrow(expect.objectContaining({ code: 'storage_failed' }));
    disk.writeFails = false;
    expect(() => log.append([text(1, 'a')])).toThrow(expect.objectContaining({ code: 'storage_failed' }));
    await log.close();
  });

  test('a full disk takes what is pre-allocated, then refuses, then goes on (L6)', async () => {
    const log = await open();
    disk.full = true;
    let accepted = 0;
    const refused = (): boolean => {
      try {
        log.append([text(1, `v${accepted + 1}`)]);
        accepted++;
        return false;
      } catch (error) {
        expect(error).toMatchObject({ code: 'storage_full' });
        return true;
      }
    };
    while (!refused()) expect(accepted).toBeLessThan(20);
    expect(accepted).toBeGreaterThanOrEqual(4);
    expect([refused(), log.endPosition, log.failure]).toEqual([true, accepted, undefined]);
    disk.full = false;
    expect(refused()).toBe(false);
    await log.sync();
    const { recovery, log: again } = await CommitLog.open(disk, directory, { fileBytes: FILE_BYTES });
    expect(transcript(recovery)).toEqual(
      Array.from({ length: accepted }, (_, i) => `${i + 1} 1/0=v${i + 1}`),
    );
    await again.close();
    await log.close();
  });

  test('a disk that is full at the start still serves what it has (L6)', async () => {
    const spares: BrokerError[] = [];
    const log = await open();
    log.append([text(1, 'a')]);
    await log.close();
    for (const file of logFiles(directory).slice(1)) disk.unlink(file);
    forgetFileList(directory);
    disk.full = true;
    const { recovery, log: again } = await CommitLog.open(disk, directory, {
      fileBytes: FILE_BYTES,
      onSpareFailure: (error) => spares.push(error),
    });
    expect(transcript(recovery)[0]).toBe('1 1/0=a');
    expect(spares.map((error) => error.code)).toEqual(['storage_full']);
    await again.close();
  });

  test('files beyond the spares are given back', async () => {
    const log = await open({ spareFiles: 1 });
    for (let i = 0; i < 40; i++) log.append([text(1, 'v')]);
    await log.sync();
    const before = logFiles(directory).length;
    await log.recycle(40);
    expect(before).toBeGreaterThanOrEqual(10);
    expect(logFiles(directory).length).toBeLessThanOrEqual(3);
    expect(() => log.recycle(41)).toThrow('never appended');
    await log.close();
  });
});
