// Files of a commit log that are gone (L2): noticed at the next start, the newest included, which no later frame would miss.

import fs from 'node:fs';
import type { BrokerError } from '@robustmq/errors';
import { type CommitLog, type CommitLogOptions } from '../src/index.ts';
import type { OpenedCommitLog } from '../src/commit-log.ts';
import type { FaultyDisk } from './faulty-disk.ts';
import { flipBit, forgetFileList, logFiles, ScratchLogs, text, transcript } from './scratch.ts';

const FILE_BYTES = 4 * 4096;
const LIST = 'files.json';

let logs: ScratchLogs;
let directory: string;
let disk: FaultyDisk;

beforeEach(() => {
  logs = new ScratchLogs(FILE_BYTES);
  ({ directory, disk } = logs);
});

afterEach(() => logs.close());

const open = (options?: CommitLogOptions): Promise<OpenedCommitLog> => logs.open(options);

/** A log of so many acknowledged frames. */
async function written(frames: number): Promise<CommitLog> {
  const { log } = await open();
  for (let i = 1; i <= frames; i++) {
    log.append([text(1, `v${i}`)]);
    await log.sync();
  }
  return log;
}

/** The same, closed: one that still makes a spare file would write beside its successor. */
async function closed(frames: number): Promise<void> {
  await (await written(frames)).close();
}

/** Slots that the list names. */
function listed(): readonly number[] {
  const [, slots] = /"slots":\[([\d,]*)\]/.exec(fs.readFileSync(`${directory}/${LIST}`, 'utf8'))!;
  return slots === '' ? [] : slots!.split(',').map(Number);
}

/** Slots of the files that there are. */
function present(): readonly number[] {
  return logFiles(directory).map((file) => Number(/-(\d{6})\.commit$/.exec(file)![1]));
}

/** The file with the newest frame. */
function newest(): string {
  const sequenceOf = (file: string): number => {
    const bytes = fs.readFileSync(file);
    let last = 0;
    for (let at = 0; at < bytes.length; at += 4096)
      if (bytes.toString('latin1', at, at + 4) === 'RMCL')
        last = Math.max(last, Number(bytes.readBigUInt64BE(at + 32)));
    return last;
  };
  return logFiles(directory)
    .sort((a, b) => sequenceOf(a) - sequenceOf(b))
    .at(-1)!;
}

test.each([
  ['the newest', newest],
  ['the oldest', () => logFiles(directory)[0]!],
  ['the one in the middle', () => logFiles(directory)[1]!],
])('%s file gone is damage that is named, with what to do, and nothing is changed (L2)', async (_, which) => {
  await closed(11);
  const lost = which();
  const slot = /-(\d{6}\.commit)$/.exec(lost)![1]!;
  fs.renameSync(lost, `${directory}/elsewhere`);
  const before = logFiles(directory).map((file) => fs.readFileSync(file));
  const error = (await open().catch((thrown: unknown) => thrown)) as BrokerError;
  expect(error).toMatchObject({ code: 'corrupt' });
  expect(error.message).toContain(slot);
  expect(error.message).toMatch(/put them back.*remove .*files\.json/is);
  expect(logFiles(directory).map((file) => fs.readFileSync(file))).toEqual(before);
  // It was put back.
  fs.renameSync(`${directory}/elsewhere`, lost);
  const { recovery } = await open();
  const frames = Array.from({ length: 11 }, (__, i) => `${i + 1} 1/0=v${i + 1}`);
  expect(transcript(recovery)).toEqual([...frames, '12']);
});

test('all files gone, or the newest behind a checkpoint, is damage as well (L2)', async () => {
  await closed(6);
  fs.rmSync(newest());
  await expect(open({ afterPosition: 5 })).rejects.toMatchObject({ code: 'corrupt' });
  for (const file of logFiles(directory)) fs.rmSync(file);
  await expect(open()).rejects.toMatchObject({ code: 'corrupt' });
});

test('an operator who removes the list gives up what only the lost file held', async () => {
  await closed(6);
  fs.rmSync(newest());
  forgetFileList(directory);
  const { log, recovery } = await open();
  expect(transcript(recovery)).toEqual(['1 1/0=v1', '2 1/0=v2', '3 1/0=v3', '4 1/0=v4']);
  expect(log.append([text(1, 'on')])).toBeGreaterThan(4);
  await log.sync();
  await log.close();
  expect(listed()).toEqual(present());
});

test('the list names every file from which anything was acknowledged, and none that was given back', async () => {
  // Looked at when closed: a spare file in the making is there before it is listed.
  await closed(40);
  expect(present().length).toBeGreaterThan(3);
  expect(listed()).toEqual(present());
  const { log } = await open();
  await log.recycle(40);
  await log.close();
  expect(present().length).toBeLessThanOrEqual(3);
  expect(listed()).toEqual(present());
  await open({ afterPosition: 40 });
});

test('a file is unlisted before it is unlinked: no crash in between makes it seem lost (L2)', async () => {
  const log = await written(20);
  const unlinks: boolean[] = [];
  const unlink = disk.unlink.bind(disk);
  jest.spyOn(disk, 'unlink').mockImplementation((file) => {
    const slot = /-(\d{6})\.commit$/.exec(file)?.[1];
    if (slot !== undefined) unlinks.push(listed().includes(Number(slot)));
    unlink(file);
  });
  await log.recycle(20);
  expect(unlinks.length).toBeGreaterThan(0);
  expect(unlinks).not.toContain(true);
});

test('what a crash left unlisted is taken back, and a number is never given twice', async () => {
  const log = await written(20);
  await log.recycle(20);
  await log.close();
  const last = Math.max(...present());
  fs.writeFileSync(
    logFiles(directory)
      .at(-1)!
      .replace(/\d{6}(?=\.commit)/, String(last + 1).padStart(6, '0')),
    '',
  );
  await open({ afterPosition: 20 });
  expect(listed()).toEqual(present());
  expect(Math.max(...present())).toBe(last + 1);
});

test.each([
  ['damaged', () => flipBit(`${directory}/${LIST}`, 30)],
  ['gone', () => fs.rmSync(`${directory}/${LIST}`)],
])('one of the two files of the list %s costs nothing, and is mended (N2)', async (_, spoil) => {
  await closed(6);
  spoil();
  const { recovery } = await open();
  expect(recovery.lastSequence).toBe(7);
  fs.rmSync(`${directory}/${LIST}.copy`);
  expect(listed()).toEqual(present());
});

test('a full disk keeps surplus files instead of failing the log, and gives them back later (L6)', async () => {
  await closed(20);
  const { log } = await open();
  const before = present().length;
  disk.full = true;
  await log.recycle(20);
  expect(present()).toHaveLength(before);
  expect(log.failure).toBeUndefined();
  disk.full = false;
  await log.recycle(20);
  expect(present().length).toBeLessThan(before);
  expect(listed()).toEqual(present());
});
