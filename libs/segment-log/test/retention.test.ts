// L4: what retention by time and size lets go of, at each of its limits.

import { retentionStart, type RetainedSegment } from '../src/retention.ts';

const NOW_MS = 10_000;
/** Three segments of ten offsets and a hundred bytes each; the last one is active. */
const SEGMENTS: readonly RetainedSegment[] = [1_000, 2_000, 3_000].map((timeMs, n) => ({
  baseOffset: 10 * n,
  lengthBytes: 100,
  timeMs,
}));
const KEEPS_ALL = { retentionMs: -1, retentionBytes: -1 };
const start = (config: Partial<typeof KEEPS_ALL>, limitOffset = Infinity): number =>
  retentionStart(SEGMENTS, { ...KEEPS_ALL, ...config }, NOW_MS, limitOffset);

test('without limits everything stays, and so does the base offset of what is left', () => {
  expect([start({}), retentionStart([], KEEPS_ALL, NOW_MS, 0)]).toEqual([0, 0]);
  expect(retentionStart(SEGMENTS.slice(1), KEEPS_ALL, NOW_MS, Infinity)).toBe(10);
});

test.each([
  [9_000, 0],
  [8_999, 10],
  [8_000, 10],
  [7_999, 20],
  [0, 20],
])(
  'a segment goes once its newest record is older than retention.ms, not when it is as old: %i ms',
  (retentionMs, expected) => {
    expect(start({ retentionMs })).toBe(expected);
  },
);

test.each([
  [201, 0],
  [200, 10],
  [101, 10],
  [100, 20],
  [0, 20],
])('a segment goes as long as retention.bytes stay without it: %i bytes', (retentionBytes, expected) => {
  expect(start({ retentionBytes })).toBe(expected);
});

test.each([
  [9, 0],
  [10, 10],
  [19, 10],
  [20, 20],
])('I1: nothing goes that HW has not passed: limit %i', (limitOffset, expected) => {
  expect(start({ retentionMs: 0 }, limitOffset)).toBe(expected);
  expect(start({ retentionBytes: 0 }, limitOffset)).toBe(expected);
});

test('a young segment keeps what lies behind it, however old that says it is', () => {
  const [first, second, third] = SEGMENTS;
  const segments = [{ ...first!, timeMs: NOW_MS }, second!, third!];
  expect(retentionStart(segments, { ...KEEPS_ALL, retentionMs: 1_000 }, NOW_MS, Infinity)).toBe(0);
});
