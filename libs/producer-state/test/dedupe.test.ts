// Exactly once in (R7): a publish is appended once, whatever is repeated, released, truncated or forgotten.

import type { BrokerError } from '@robustmq/errors';
import { Dedupe } from '../src/dedupe.ts';

const SESSION = 2 ** 53 - 1;

function verdict(dedupe: Dedupe, sequence: number, generation = 1): string {
  try {
    const offset = dedupe.check({ sessionId: SESSION, generation, sequence });
    return offset === undefined ? 'append' : `repeat of ${offset}`;
  } catch (error) {
    return (error as BrokerError).code;
  }
}

function published(
  dedupe: Dedupe,
  sequence: number,
  offset: number,
  more: { lowest?: number; generation?: number } = {},
) {
  const { lowest = 0, generation = 1 } = more;
  dedupe.appended({ sessionId: SESSION, generation, sequence }, lowest, offset, offset);
}

test('R7: a repeat is told with its first place', () => {
  const dedupe = new Dedupe(10);
  expect(verdict(dedupe, 0)).toBe('append');
  published(dedupe, 0, 100);
  published(dedupe, 2, 101);
  expect([verdict(dedupe, 0), verdict(dedupe, 1), verdict(dedupe, 2)]).toEqual([
    'repeat of 100',
    'append',
    'repeat of 101',
  ]);
  // The replay of a log that holds a record twice keeps the first place.
  published(dedupe, 0, 150);
  expect(verdict(dedupe, 0)).toBe('repeat of 100');
});

test('R7: what was released is never appended again', () => {
  const dedupe = new Dedupe(10);
  for (let sequence = 0; sequence < 5; sequence++) published(dedupe, sequence, sequence);
  published(dedupe, 5, 5, { lowest: 4 });
  expect([3, 4, 5, 6].map((sequence) => verdict(dedupe, sequence))).toEqual([
    'duplicate',
    'repeat of 4',
    'repeat of 5',
    'append',
  ]);
});

test('a session that begins anew has new sequences, and its past is fenced', () => {
  const dedupe = new Dedupe(10);
  published(dedupe, 0, 1, { generation: 3 });
  expect([verdict(dedupe, 0, 4), verdict(dedupe, 0, 2)]).toEqual(['append', 'fenced']);
  published(dedupe, 0, 2, { generation: 4 });
  published(dedupe, 7, 3, { generation: 3 });
  expect([verdict(dedupe, 0, 4), verdict(dedupe, 7, 4), verdict(dedupe, 7, 3)]).toEqual([
    'repeat of 2',
    'append',
    'fenced',
  ]);
});

test('R4: what was truncated was never appended', () => {
  const dedupe = new Dedupe(10);
  for (let sequence = 0; sequence < 4; sequence++) published(dedupe, sequence, 10 * sequence);
  dedupe.truncateTo(20);
  expect([0, 1, 2, 3].map((sequence) => verdict(dedupe, sequence))).toEqual([
    'repeat of 0',
    'repeat of 10',
    'append',
    'append',
  ]);
  dedupe.truncateTo(0);
  expect(dedupe.size).toBe(0);
});

test('I8: no session holds more than Receive Maximum, and no shard more sessions than its bound', () => {
  const dedupe = new Dedupe(10);
  for (let sequence = 0; sequence < 65_535; sequence++) published(dedupe, sequence, sequence);
  expect([verdict(dedupe, 65_535), verdict(dedupe, 65_534)]).toEqual(['quota_exceeded', 'repeat of 65534']);
  for (let sessionId = 1; sessionId <= 30; sessionId++)
    dedupe.appended({ sessionId, generation: 0, sequence: 0 }, 0, sessionId, sessionId);
  expect([dedupe.size, dedupe.evicted]).toEqual([10, 21]);
  dedupe.expire(100, 71);
  expect([...dedupe.entries()].map(([sessionId]) => sessionId)).toEqual([29, 30]);
});
