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

test('S3: a word is told again and again, until meta has it', () => {
  const { words } = make();
  words.keep('s', 4n, 'four');
  const told = { hasStopped: true, places: 'four' };
  expect([words.answer('s', 4n), words.answer('s', 4n)]).toEqual([told, told]);
  words.forget('s', 3n);
  expect(words.own('s', 4n)).toBe('four');
  words.forget('s', 4n);
  expect(words.answer('s', 4n)).toEqual({ hasStopped: true, places: undefined });
});

test('S3: a word that nobody has asked for holds for every ownership since; behind one that asked others may have served', () => {
  const { words } = make();
  words.keep('s', 4n, 'four');
  expect(words.known('s', 3n)).toBeUndefined();
  expect([words.known('s', 7n), words.known('s', 7n)]).toEqual(['four', 'four']);
  expect(words.known('s', 8n)).toBeUndefined();
  expect(words.known('s', 4n)).toBe('four');
  expect(words.own('s', 7n)).toBeUndefined();
});

test('S1: who waits for older ownerships, or for an epoch, has not stopped yet', () => {
  const { words } = make();
  const notYet = { hasStopped: false, places: undefined };
  words.opens('s');
  expect(words.answer('s', 1n)).toEqual(notYet);
  words.opened('s');
  words.waits('s', 5n);
  expect(words.answer('s', 5n)).toEqual(notYet);
  expect(words.answer('s', 4n).hasStopped).toBe(true);
  words.waitsNoMore('s');
  expect(words.answer('s', 5n).hasStopped).toBe(true);
});

test('I8: what is kept is bounded in sessions, in rows and in time: the oldest leave first', () => {
  const { clock, words } = make({ maxSessions: 2, maxRows: 9, keptMs: 100 });
  words.keep('a', 1n, 'aaa');
  words.keep('b', 1n, 'bbb');
  words.keep('a', 2n, 'aaa');
  words.keep('c', 1n, 'ccc');
  expect([words.own('a', 2n), words.own('b', 1n), words.own('c', 1n)]).toEqual(['aaa', undefined, 'ccc']);
  words.keep('d', 1n, 'dddddd');
  expect([words.own('a', 2n), words.own('c', 1n), words.own('d', 1n)]).toEqual([undefined, 'ccc', 'dddddd']);
  clock.nowMs = 100;
  words.keep('e', 1n, 'e');
  expect(words.size).toBe(1);
});
