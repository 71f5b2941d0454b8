// What a gateway keeps of sessions that it stopped (rule S3), and for how long (I8).

import { LastWords } from '../../src/takeover/last-words.ts';

function make(bounds?: { maxSessions: number; maxRows: number; keptMs: number }) {
  const clock = { nowMs: 0 };
  return {
    clock,
    words: new LastWords<string>(
      () => clock.nowMs,
      (places) => places.length,
      bounds,
    ),
  };
}

test('S3: a word is told again and again, of exactly its ownership, until meta has it', () => {
  const { words } = make();
  words.keep('s', 4n, 'four');
  const told = { hasStopped: true, epoch: 4n, places: 'four' };
  expect([words.answer('s', 4n, 'b'), words.answer('s', 4n, 'b')]).toEqual([told, told]);
  expect(words.answer('s', 5n, 'b')).toEqual({ hasStopped: true, epoch: 0n, places: undefined });
  words.forget('s', 3n);
  expect(words.of('s', 4n)).toBe('four');
  words.forget('s', 4n);
  expect(words.of('s', 4n)).toBeUndefined();
});

test('S3: who asks back learns which of its own words counts', () => {
  const { words } = make();
  words.keep('s', 4n, 'four');
  expect(words.learned('s', { hasStopped: true, epoch: 4n, places: undefined })).toBe('four');
  expect(words.learned('s', { hasStopped: true, epoch: 5n, places: undefined })).toBeUndefined();
  expect(words.learned('s', { hasStopped: true, epoch: 0n, places: undefined })).toBeUndefined();
  expect(words.learned('s', { hasStopped: true, epoch: 5n, places: 'five' })).toBe('five');
});

test('I8: what is kept is bounded in sessions, in rows and in time: the oldest leave first', () => {
  const { clock, words } = make({ maxSessions: 2, maxRows: 9, keptMs: 100 });
  words.keep('a', 1n, 'aaa');
  words.keep('b', 1n, 'bbb');
  words.keep('a', 2n, 'aaa');
  words.keep('c', 1n, 'ccc');
  expect([words.of('a', 2n), words.of('b', 1n), words.of('c', 1n)]).toEqual(['aaa', undefined, 'ccc']);
  words.keep('d', 1n, 'dddddd');
  expect([words.of('a', 2n), words.of('c', 1n), words.of('d', 1n)]).toEqual([undefined, 'ccc', 'dddddd']);
  clock.nowMs = 100;
  words.keep('e', 1n, 'e');
  expect(words.size).toBe(1);
});
