// When a segment is full (KIP-58, and the 32 bits of its indexes): by its configuration, and whatever that says, before a
// position or an offset of it no longer fits an index entry.

import fs from 'node:fs';
import { NodeDisk } from '@robustmq/commit-log';
import { FailureLatch } from '../src/failure-latch.ts';
import { LogDirectory } from '../src/log-directory.ts';
import { SegmentList, type RollLimits } from '../src/segment-list.ts';
import { scratchDirectory } from './batches.ts';

const MAX = 2 ** 31 - 1;
const HUGE: RollLimits = { segmentBytes: 2 ** 40, segmentMs: Infinity };
const BASE = 1000;

let directory: string;
let remove: () => void;

beforeEach(() => ({ directory, remove } = scratchDirectory()));
afterEach(() => remove());

/** A log of one segment of so many bytes, holes all of them. */
function listOf(lengthBytes: number): SegmentList {
  fs.writeFileSync(`${directory}/${String(BASE).padStart(20, '0')}.log`, '');
  fs.truncateSync(`${directory}/${String(BASE).padStart(20, '0')}.log`, lengthBytes);
  return new SegmentList(new LogDirectory(new NodeDisk(), directory), new FailureLatch(directory), {
    logStartOffset: BASE,
    logEndOffset: BASE + 1,
    segments: [{ baseOffset: BASE, lengthBytes, maxTimestampMs: 0 }],
    leaderEpochs: [],
  });
}

test('N13: a segment is rolled before a position in it needs more than 31 bits, whatever segment.bytes says', () => {
  const list = listOf(MAX - 100);
  expect(list.isRollDue(100, BASE + 1, 0, HUGE)).toBe(false);
  expect(list.isRollDue(101, BASE + 1, 0, HUGE)).toBe(true);
  list.active.close();
});

test('N13: a segment is rolled before an offset in it needs more than 31 bits', () => {
  const list = listOf(100);
  expect(list.isRollDue(100, BASE + MAX, 0, HUGE)).toBe(false);
  expect(list.isRollDue(100, BASE + MAX + 1, 0, HUGE)).toBe(true);
  list.active.close();
});

test('N13: segment.bytes is what a segment may have, to the byte; an empty one takes any batch', () => {
  const list = listOf(100);
  expect(list.isRollDue(100, BASE + 1, 0, { segmentBytes: 200 })).toBe(false);
  expect(list.isRollDue(101, BASE + 1, 0, { segmentBytes: 200 })).toBe(true);
  list.active.close();
  const empty = listOf(0);
  expect(empty.isRollDue(101, BASE + 1, 0, { segmentBytes: 50 })).toBe(false);
  empty.active.close();
});
