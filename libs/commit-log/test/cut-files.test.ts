// Files of a commit log that were cut short (L2): refused like files that are gone, for the frames that say what was durable may
// have gone with the bytes.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import type { BrokerError } from '@robustmq/errors';
import type { CommitLogOptions } from '../src/index.ts';
import type { OpenedCommitLog } from '../src/commit-log.ts';
import { twinFile } from '../src/twin-file.ts';
import type { FaultyDisk } from './faulty-disk.ts';
import {
  forgetFileList,
  framesIn,
  listedSizes,
  logFiles,
  ScratchLogs,
  text,
  transcript,
  writeFileList,
} from './scratch.ts';

const BLOCK = 4096;
const HEADER_BYTES = 64;
const FILE_BYTES = 8 * BLOCK;
/** Each frame takes two blocks. */
const PAYLOAD = 'x'.repeat(BLOCK);

let logs: ScratchLogs;
let directory: string;
let disk: FaultyDisk;

beforeEach(() => {
  logs = new ScratchLogs(FILE_BYTES);
  ({ directory, disk } = logs);
});

afterEach(() => logs.close());

const open = (options?: CommitLogOptions): Promise<OpenedCommitLog> => logs.open(options);

/** Why it does not open. */
async function refusal(): Promise<BrokerError> {
  return (await open().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )) as BrokerError;
}

const FRAMES = 14;
const values = Array.from({ length: FRAMES }, (_, i) => `${i + 1} 1/0=${i + 1}${PAYLOAD}`);

/** Leaves acknowledged frames in several files, after a clean stop or as a kill at that moment leaves them. */
async function written(stop: 'clean stop' | 'kill'): Promise<void> {
  const { log } = await open();
  for (let i = 1; i <= FRAMES; i++) {
    log.append([text(1, `${i}${PAYLOAD}`)]);
    await log.sync();
  }
  const running = `${directory}.running`;
  if (stop === 'kill') fs.cpSync(directory, running, { recursive: true });
  await log.close();
  if (stop === 'clean stop') return;
  fs.rmSync(directory, { recursive: true });
  fs.renameSync(running, directory);
}

/** Of all bytes of the files. */
function digest(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(fs.readFileSync(file));
  return hash.digest('hex');
}

const CUTS = [
  ['to nothing', () => 0],
  ['behind a header', () => HEADER_BYTES],
  ['in the middle of a frame', () => 2 * BLOCK + 100],
  ['at the end of a frame', () => 4 * BLOCK],
  ['one byte short', (bytes: number) => bytes - 1],
] as const;

describe.each(['clean stop', 'kill'] as const)('after a %s', (stop) => {
  test.each(CUTS)(
    'any file that is cut %s is damage that is named, and no acknowledged frame is lost (L2, I1)',
    async (_, cutTo) => {
      await written(stop);
      const files = logFiles(directory);
      // Without a spare file that was in the making.
      const listed = listedSizes(directory).filter((bytes) => bytes > 0);
      expect(listed.length).toBeGreaterThan(3);
      for (const [slot, listedBytes] of listed.entries()) {
        const file = files[slot]!;
        const whole = fs.readFileSync(file);
        const sizeBytes = cutTo(listedBytes);
        fs.truncateSync(file, sizeBytes);
        const before = digest(files);
        const error = await refusal();
        expect(error).toMatchObject({ code: 'corrupt' });
        const name = /-(\d{6}\.commit)$/.exec(file)![1]!;
        expect(error.message).toContain(`${name} has ${sizeBytes} of ${listedBytes} bytes`);
        expect(error.message).toMatch(/put them back.*remove .*files\.json/is);
        expect(digest(files)).toBe(before);
        fs.writeFileSync(file, whole);
      }
      // All were put back.
      const { recovery } = await open();
      expect(transcript(recovery).slice(0, FRAMES)).toEqual(values);
    },
  );
});

test('an operator who removes the list gives up what only the cut file held, and the log goes on', async () => {
  await written('clean stop');
  const holdsLast = logFiles(directory).find((file) =>
    framesIn(file).some(({ sequence }) => sequence === FRAMES),
  )!;
  fs.truncateSync(holdsLast, 0);
  expect(await refusal()).toMatchObject({ code: 'corrupt' });
  forgetFileList(directory);
  const { log, recovery } = await open();
  const { lastSequence } = recovery;
  expect(lastSequence).toBeLessThan(FRAMES);
  expect(transcript(recovery)).toEqual(values.slice(0, lastSequence));
  for (let i = 0; i < FRAMES; i++) log.append([text(1, PAYLOAD)]);
  await log.sync();
  await log.close();
  // What was cut is listed as it is now.
  expect(listedSizes(directory)).toEqual(logFiles(directory).map((file) => fs.statSync(file).size));
});

test('a file that grows as it is written is listed with all that was acknowledged of it (L2)', async () => {
  const { log } = await open({ fileBytes: 8 * 1024 * 1024, maxFrameBytes: 1024 * 1024 });
  const big = Buffer.alloc(500_000);
  // In one turn, so that no spare is made in time.
  for (let i = 0; i < 40; i++) log.append([{ kind: 1, key: 1, subKey: 0, buffers: [big] }]);
  await log.sync();
  for (let i = 0; i < 20; i++) {
    const sizes = listedSizes(directory);
    const files = logFiles(directory);
    expect(files.map((file) => Number(/-(\d{6})\.commit$/.exec(file)![1]))).toEqual(
      files.map((_, slot) => slot),
    );
    for (const [slot, file] of files.entries())
      for (const frame of framesIn(file).filter(({ sequence }) => sequence <= log.durablePosition))
        expect(sizes[slot]).toBeGreaterThanOrEqual(frame.end);
    log.append([{ kind: 1, key: 1, subKey: 0, buffers: [big] }]);
    await log.sync();
  }
});

test('a size is listed once a sync that began behind it has shown it, no earlier (L2)', async () => {
  await written('clean stop');
  // Its files are shorter than they may be now, and grow.
  const { log } = await open({ fileBytes: 8 * 1024 * 1024, maxFrameBytes: 1024 * 1024 });
  const listed = listedSizes(directory);
  const sizes = (): number[] => logFiles(directory).map((file) => fs.statSync(file).size);
  disk.hold = true;
  log.append([{ kind: 1, key: 1, subKey: 0, buffers: [Buffer.alloc(20_000)] }]);
  const slot = sizes().findIndex((size, each) => size > listed[each]!);
  const shown = sizes()[slot];
  const syncing = log.sync();
  log.append([{ kind: 1, key: 1, subKey: 0, buffers: [Buffer.alloc(1_000_000)] }]);
  const later = sizes()[slot];
  expect(later).toBeGreaterThan(shown!);
  expect(listedSizes(directory)).toEqual(listed);
  disk.hold = false;
  for (const release of disk.waiting.splice(0)) release();
  await syncing;
  expect(listedSizes(directory)[slot]).toBe(shown);
  await log.sync();
  expect(listedSizes(directory)[slot]).toBe(later);
});

test('a spare file that is listed while it is made is no damage, however short it is', async () => {
  await written('clean stop');
  const files = logFiles(directory);
  const slots = files.map((_, slot) => slot);
  const next = files.at(-1)!.replace(/\d{6}(?=\.commit)/, String(files.length).padStart(6, '0'));
  fs.writeFileSync(next, Buffer.alloc(100));
  const syncedBytes = [...files.map((file) => fs.statSync(file).size), 0];
  writeFileList(directory, { version: 2, slots: [...slots, files.length], syncedBytes });
  const { recovery } = await open();
  expect(transcript(recovery).slice(0, FRAMES)).toEqual(values);
});

test('a file longer than it is listed is taken: the list follows a sync', async () => {
  await written('clean stop');
  const files = logFiles(directory);
  writeFileList(directory, {
    version: 2,
    slots: files.map((_, slot) => slot),
    syncedBytes: files.map(() => BLOCK),
  });
  const { log, recovery } = await open();
  expect(transcript(recovery).slice(0, FRAMES)).toEqual(values);
  await log.close();
  expect(listedSizes(directory)).toEqual(files.map((file) => fs.statSync(file).size));
});

test('a list of the version before has no sizes: it is taken, and replaced by one that has them (N17)', async () => {
  await written('clean stop');
  const files = logFiles(directory);
  writeFileList(directory, { slots: files.map((_, slot) => slot) });
  const { log, recovery } = await open();
  expect(transcript(recovery).slice(0, FRAMES)).toEqual(values);
  await log.close();
  fs.truncateSync(files[1]!, BLOCK);
  expect(await refusal()).toMatchObject({ code: 'corrupt' });
});

test.each([
  ['a later version', { version: 3, slots: [0] }, 'unsupported'],
  ['too few sizes', { version: 2, slots: [0, 1], syncedBytes: [4096] }, 'corrupt'],
  ['no sizes', { version: 2, slots: [0] }, 'corrupt'],
  ['sizes that are none', { version: 2, slots: [0], syncedBytes: [-1] }, 'corrupt'],
  ['no slots', { version: 2, syncedBytes: [] }, 'corrupt'],
  ['nothing', null, 'corrupt'],
])('a list of %s is refused (N17, N2)', async (_, facts, code) => {
  await written('clean stop');
  writeFileList(directory, facts);
  expect(await refusal()).toMatchObject({ code });
});

test('the list that stands in a new log says the size of its spare file', async () => {
  await open();
  expect(fs.readFileSync(`${directory}/files.json`)).toEqual(
    twinFile.encode({ version: 2, slots: [0], syncedBytes: [FILE_BYTES] }),
  );
});
