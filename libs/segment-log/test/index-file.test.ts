// Files of indexes: what another version wrote, or what is torn, is made anew from the batches, with the same answers (N17).

import fs from 'node:fs';
import { NodeDisk } from '@robustmq/commit-log';
import { loadEntries, storeEntries, type IndexPlace } from '../src/index-file.ts';
import type { SegmentLogCheckpoint } from '../src/log-checkpoint.ts';
import { SegmentLog } from '../src/segment-log.ts';
import { batch, ranges, scratchDirectory } from './batches.ts';

const disk = new NodeDisk();
let directory: string;
let remove: () => void;

beforeEach(() => ({ directory, remove } = scratchDirectory()));
afterEach(() => remove());

const fileOf = (kind: string): string => `${directory}/1-0/${'0'.repeat(20)}.${kind}`;
const BATCHES = 60;

/** Batches of 1 KB whose times go up and down, in a segment that a second one follows. */
async function written(): Promise<SegmentLogCheckpoint> {
  const log = SegmentLog.open(disk, `${directory}/1-0`, {}, undefined);
  for (let i = 0; i < BATCHES; i++) log.append(batch(i, ['v'.repeat(1000)], 1000 + ((i * 37) % 50)));
  log.roll();
  log.append(batch(BATCHES, ['v'], 5000));
  const pending = log.prepareCheckpoint();
  await pending.sync();
  log.close();
  return pending.record;
}

const sound: readonly [name: string, spoil: () => void][] = [
  ['as they were written', () => undefined],
  ['of another version', () => another('index', [59, 0])],
  ['of which the times have another version', () => another('timeindex', [0, 1, 40])],
  ['with the magic of the other', () => fs.copyFileSync(fileOf('timeindex'), fileOf('index'))],
  ['gone', () => fs.rmSync(fileOf('index'))],
  ['of which the times are gone', () => fs.rmSync(fileOf('timeindex'))],
  ['empty', () => fs.truncateSync(fileOf('index'), 0)],
  ['cut inside their header', () => fs.truncateSync(fileOf('timeindex'), 7)],
  ['cut inside an entry', () => fs.truncateSync(fileOf('index'), 8 + 8 * 3 + 5)],
];

/** A file of version 2, whose numbers mean something else. */
function another(kind: string, numbers: readonly number[]): void {
  const bytes = Buffer.alloc(8 + 4 * numbers.length);
  fs.readFileSync(fileOf(kind)).copy(bytes, 0, 0, 4);
  for (const [at, number] of [2, ...numbers].entries()) bytes.writeUInt32BE(number, 4 + 4 * at);
  fs.writeFileSync(fileOf(kind), bytes);
}

test.each(sound)('indexes %s answer as the batches do', async (_, spoil) => {
  const checkpoint = await written();
  spoil();
  const log = SegmentLog.open(disk, `${directory}/1-0`, {}, checkpoint);
  log.finishRecovery();
  for (let offset = 0; offset < BATCHES; offset += 7) {
    const found = await log.read({ fromOffset: offset, upToOffset: Infinity, maxBytes: 1 });
    expect(ranges(found)).toEqual([`${offset}-${offset}`]);
  }
  for (let timestampMs = 1000; timestampMs < 1051; timestampMs++) {
    let first = 0;
    while (first < BATCHES && 1000 + ((first * 37) % 50) < timestampMs) first++;
    const hit = await log.offsetForTimestamp(timestampMs);
    expect([timestampMs, hit?.offset]).toEqual([timestampMs, first]);
  }
  log.close();
});

test('a truncation knows the highest time left, also when the times were lost (X4)', async () => {
  const checkpoint = await written();
  fs.rmSync(fileOf('timeindex'));
  const log = SegmentLog.open(disk, `${directory}/1-0`, {}, checkpoint);
  log.finishRecovery();
  expect(log.truncateTo(40)).toBe(40);
  const highest = Math.max(...Array.from({ length: 40 }, (_, i) => 1000 + ((i * 37) % 50)));
  expect(log.describeSegments()).toMatchObject([{ baseOffset: 0, maxTimestampMs: highest }]);
  log.close();
});

test('what the files said of batches that were cut is never said of those that came instead (R4)', async () => {
  const checkpoint = await written();
  const log = SegmentLog.open(disk, `${directory}/1-0`, {}, checkpoint);
  log.finishRecovery();
  log.truncateTo(0);
  expect([fs.existsSync(fileOf('index')), fs.existsSync(fileOf('timeindex'))]).toEqual([false, false]);
  // The same offsets and lengths with later times.
  for (let i = 0; i < BATCHES; i++) log.append(batch(i, ['v'.repeat(1000)], 9000 + i, 1));
  const pending = log.prepareCheckpoint();
  await pending.sync();
  log.close();
  const again = SegmentLog.open(disk, `${directory}/1-0`, {}, pending.record);
  again.finishRecovery();
  for (let i = 0; i < BATCHES; i++)
    expect(await again.offsetForTimestamp(9000 + i)).toMatchObject({ offset: i, timestampMs: 9000 + i });
  again.close();
});

test('entries go behind those that the file has; the header is written with the first', () => {
  const place: IndexPlace = { disk, directory, baseOffset: 7 };
  const path = `${directory}/${'7'.padStart(20, '0')}.index`;
  expect(loadEntries(place, 'index')).toBeUndefined();
  storeEntries(place, 'index', Buffer.from('aaaaaaaabbbbbbbb'), 0);
  storeEntries(place, 'index', Buffer.from('cccccccc'), 8);
  expect(fs.readFileSync(path, 'latin1')).toBe('RMOI\0\0\0\u0001aaaaaaaacccccccc');
  expect(loadEntries(place, 'index')?.toString()).toBe('aaaaaaaacccccccc');
  expect(loadEntries(place, 'timeindex')).toBeUndefined();
  storeEntries(place, 'index', Buffer.alloc(0), 0);
  expect(loadEntries(place, 'index')).toEqual(Buffer.alloc(0));
});
