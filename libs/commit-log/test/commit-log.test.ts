import fs from 'node:fs';
import { CommitLog, NodeDisk, type CommitLogOptions } from '../src/index.ts';
import type { OpenedCommitLog } from '../src/commit-log.ts';
import { flipBit, forgetFileList, logFiles, scratchDirectory, text, transcript } from './scratch.ts';

const disk = new NodeDisk();
const BLOCK = 4096;
const FILE_BYTES = 16 * BLOCK;

describe('commit log on a real disk', () => {
  let directory: string;
  let remove: () => void;
  const opened: CommitLog[] = [];
  beforeEach(() => ({ directory, remove } = scratchDirectory()));
  afterEach(async () => {
    for (const log of opened.splice(0)) await log.close();
    remove();
  });

  async function open(options: CommitLogOptions = {}): Promise<OpenedCommitLog> {
    const result = await CommitLog.open(disk, directory, { fileBytes: FILE_BYTES, ...options });
    opened.push(result.log);
    return result;
  }

  test('an empty directory gives an empty log', async () => {
    const { log, recovery } = await open();
    expect(transcript(recovery)).toEqual([]);
    expect([log.endPosition, log.durablePosition, recovery.lastSequence]).toEqual([0, 0, 0]);
  });

  test('what was synced is recovered in order (L1, I1)', async () => {
    const { log } = await open();
    expect(log.append([text(1, 'a', 3), text(2, '')])).toBe(1);
    expect(
      log.append([{ kind: 9, key: 0xffffffff, subKey: 7, buffers: [Buffer.from('b'), Buffer.from('c')] }]),
    ).toBe(2);
    expect(await log.sync()).toBe(2);
    const { recovery } = await open();
    expect(transcript(recovery)).toEqual(['1 1/3=a 2/0=', '2 4294967295/7=bc']);
    expect(recovery).toMatchObject({ tornTail: false, damagedSections: [], unreadableFrames: [] });
  });

  test('frames after the checkpoint only', async () => {
    const { log } = await open();
    for (const value of ['a', 'b', 'c']) log.append([text(1, value)]);
    await log.sync();
    const { recovery, log: again } = await open({ afterPosition: 2 });
    expect(transcript(recovery)).toEqual(['3 1/0=c']);
    // Number 4 is the mark that says 3 is durable: nothing else did.
    expect([recovery.lastSequence, again.endPosition]).toEqual([3, 4]);
    expect(again.append([text(1, 'd')])).toBe(5);
  });

  test('a large append becomes several frames, a section is never divided', async () => {
    const { log } = await open({ maxFrameBytes: 2 * BLOCK });
    const big = 'x'.repeat(BLOCK);
    expect(log.append([text(1, big), text(2, big), text(3, 'y')])).toBe(2);
    expect(() => log.append([text(4, 'z'), text(1, 'x'.repeat(2 * BLOCK))])).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    );
    expect(log.endPosition).toBe(2);
    await log.sync();
    expect(transcript((await open()).recovery)).toEqual([`1 1/0=${big}`, `2 2/0=${big} 3/0=y`]);
  });

  test('rolls over files, recycles what the checkpoint covers and never replays stale frames (L1, L3)', async () => {
    const { log } = await open({ spareFiles: 1 });
    for (let i = 1; i <= 40; i++) log.append([text(1, `v${i}`)]);
    await log.sync();
    await log.recycle(40);
    for (let i = 41; i <= 43; i++) log.append([text(1, `v${i}`)]);
    await log.sync();
    expect(log.totalBytes).toBeLessThanOrEqual(3 * FILE_BYTES);
    await log.close();
    const { recovery } = await open({ afterPosition: 40 });
    expect(transcript(recovery)).toEqual(['41 1/0=v41', '42 1/0=v42', '43 1/0=v43', '44']);
  });

  test('an unreadable frame that nothing says was durable is the end of the log (L2)', async () => {
    const { log } = await open();
    log.append([text(1, 'a')]);
    log.append([text(1, 'b'.repeat(5000))]);
    log.append([text(1, 'c')]);
    await log.sync();
    flipBit(logFiles(directory)[0]!, BLOCK + 4500);
    const { recovery, log: again } = await open();
    expect(transcript(recovery)).toEqual(['1 1/0=a']);
    expect(recovery).toMatchObject({ tornTail: true, damagedSections: [], unreadableFrames: [] });
    // Its header is taken off: a later log must never find it behind its own end.
    const dead = fs.readFileSync(logFiles(directory)[0]!).subarray(3 * BLOCK, 3 * BLOCK + 64);
    expect(dead.equals(Buffer.alloc(64))).toBe(true);
    // The numbers of the lost frames are given again, in a new generation that makes the old frame 3 dead.
    expect(again.append([text(1, 'B')])).toBe(3);
    await again.sync();
    expect(transcript((await open()).recovery)).toEqual(['1 1/0=a', '2', '3 1/0=B']);
  });

  test('a damaged section of a durable frame is reported, the others are kept (L2)', async () => {
    const { log } = await open();
    log.append([text(1, 'aaaa', 5), text(2, 'bbbb')]);
    await log.sync();
    log.append([text(1, 'c')]);
    await log.sync();
    flipBit(logFiles(directory)[0]!, 64 + 2 * 20 + 1);
    const { recovery, log: again } = await open();
    expect(transcript(recovery)).toEqual(['1 1/5=? 2/0=bbbb', '2 1/0=c']);
    expect(recovery.damagedSections).toEqual([{ sequence: 1, kind: 1, key: 1, subKey: 5 }]);
    expect(recovery.unreadableFrames).toEqual([]);
    expect(again.endPosition).toBe(3);
    // Opening it twice does not bury the witness of the damage.
    expect((await open()).recovery.damagedSections).toHaveLength(1);
  });

  test.each([
    ['header', 20],
    ['section table', 64 + 5],
  ])('a damaged %s of durable frames quarantines all (L2)', async (_name, position) => {
    const { log } = await open();
    for (const value of ['a', 'b', 'c', 'd']) {
      log.append([text(1, value)]);
      await log.sync();
    }
    flipBit(logFiles(directory)[0]!, BLOCK + position);
    flipBit(logFiles(directory)[0]!, 2 * BLOCK + position);
    const { recovery } = await open();
    expect(transcript(recovery)).toEqual(['1 1/0=a', '2 unreadable', '3 unreadable', '4 1/0=d']);
    expect(recovery.unreadableFrames).toEqual([{ first: 2, last: 3 }]);
  });

  test('a clean close leaves a mark that makes damage to the last frame visible (L2)', async () => {
    const { log } = await open();
    log.append([text(1, 'last')]);
    await log.close();
    flipBit(logFiles(directory)[0]!, 64 + 20);
    const { recovery } = await open();
    expect(recovery.damagedSections).toHaveLength(1);
    expect(transcript(recovery)).toEqual(['1 1/0=?', '2']);
  });

  test('an idle log gets one mark, so that damage to its last frame is seen (L2)', async () => {
    const { log } = await open();
    await log.markIfIdle();
    expect(log.endPosition).toBe(0);
    log.append([text(1, 'last')]);
    await log.markIfIdle();
    expect(log.endPosition).toBe(1);
    await log.sync();
    await log.markIfIdle();
    await log.markIfIdle();
    expect([log.endPosition, log.durablePosition]).toEqual([2, 2]);
    flipBit(logFiles(directory)[0]!, 64 + 20);
    expect((await open()).recovery.damagedSections).toHaveLength(1);
  });

  test('a lost file is damage when a later one says it was durable (L2)', async () => {
    const { log } = await open();
    for (let i = 1; i <= 20; i++) {
      log.append([text(1, `v${i}`)]);
      await log.sync();
    }
    await log.close();
    fs.unlinkSync(logFiles(directory)[0]!);
    // Given up by the operator: what is left tells what is lost.
    forgetFileList(directory);
    const { recovery } = await open();
    expect(recovery.unreadableFrames).toEqual([{ first: 1, last: 16 }]);
    expect(recovery.lastSequence).toBe(21);
  });

  test('a payload that looks like a frame is not one', async () => {
    const { log } = await open();
    log.append([text(1, 'a')]);
    await log.sync();
    const stolen = fs.readFileSync(logFiles(directory)[0]!).subarray(0, BLOCK);
    const filler = Buffer.alloc(BLOCK - 84);
    log.append([{ kind: 1, key: 1, subKey: 0, buffers: [filler, stolen] }]);
    await log.sync();
    const { recovery } = await open();
    expect(recovery.lastSequence).toBe(2);
  });

  test('refuses a directory with files of two logs', async () => {
    await open({ newIdentity: () => Buffer.alloc(8, 1) });
    fs.writeFileSync(`${directory}/0202020202020202-000000.commit`, '');
    await expect(open()).rejects.toMatchObject({ code: 'corrupt' });
  });
});
