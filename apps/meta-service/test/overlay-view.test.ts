// What a round of commands sees of its own changes, compared with a table that is looked through as a whole.
import { KeyValueBatch } from '@robustmq/kv-store';
import { KeysByPrefix } from '../src/log/keys-by-prefix.ts';
import { OverlayView } from '../src/log/overlay-view.ts';
import {
  afterPrefix,
  cursorKey,
  filterKey,
  offsetKey,
  offsetsPrefix,
  sessionKey,
  sessionRows,
} from '../src/data/keys.ts';

const text = (key: Buffer): string => key.toString('latin1');
const rangeOf = (prefix: Buffer): [Buffer, Buffer] => [prefix, afterPrefix(prefix)];
const answers = (from: number, until: number): [Buffer, Buffer] => [
  Buffer.from(`r/n\u00001/${from}`),
  Buffer.from(`r/n\u00001/${until}`),
];

const KEYS = ['a', 'ab', 'b', '', 'a\u0000c', 'ÿ'].flatMap((name, at) => [
  sessionKey('t', name),
  filterKey('t', name, 'f/#'),
  filterKey('t', name, 'g'),
  cursorKey('t', name, 0, 0),
  cursorKey('t', name, 0x0001_0100, 7),
  offsetKey('t', name, 1, 0),
  Buffer.from(`r/n\u00001/${at}`),
]);
const RANGES: [string, [Buffer, Buffer]][] = [
  ['all rows of a session', rangeOf(sessionRows('t', 'a'))],
  ['those of a name that is the beginning of another', rangeOf(sessionRows('t', ''))],
  ['those of a name with a NUL', rangeOf(sessionRows('t', 'a\u0000c'))],
  ['those of the last name', rangeOf(sessionRows('t', 'ÿ'))],
  ['the offsets of a group', rangeOf(offsetsPrefix('t', 'ab'))],
  ['a part of them', [offsetKey('t', 'ab', 0, 1), offsetKey('t', 'ab', 1, 1)]],
  ['the sessions of a tenant', rangeOf(Buffer.from('d\u0000t\u0000'))],
  ['from within one session into another', [filterKey('t', 'a', 'g'), filterKey('t', 'b', 'f/#')]],
  ['some answers', answers(1, 2)],
  ['everything', [Buffer.alloc(0), Buffer.from([0xff])]],
  ['nothing', [filterKey('t', 'b', 'g'), filterKey('t', 'a', 'g')]],
];

test.each(RANGES)(
  'a range that is deleted takes what lies in it and nothing else: %s',
  (_name, [from, until]) => {
    const view = new OverlayView(new KeyValueBatch(), 'f');
    for (const [at, key] of KEYS.entries())
      if (at % 2 === 0) view.fetched(key, Buffer.from([at]));
      else view.put(key, Buffer.from([at]));
    view.deleteRange(from, until);
    const isIn = (key: Buffer): boolean => text(key) >= text(from) && text(key) < text(until);
    expect(KEYS.map((key) => view.get(key)?.[0])).toEqual(
      KEYS.map((key, at) => (isIn(key) ? undefined : at)),
    );
    const [key = Buffer.alloc(0)] = KEYS;
    view.put(key, Buffer.from([99]));
    expect(view.get(key)).toEqual(Buffer.from([99]));
  },
);

test('N8: the end of a session looks at its own rows, not at those of ten thousand others', () => {
  const keys = new KeysByPrefix();
  for (let session = 0; session < 10_000; session++)
    for (const filter of ['f', 'g']) keys.add(text(filterKey('t', `c${session}`, filter)));
  const [from, until] = rangeOf(sessionRows('t', 'c77'));
  expect(keys.around(text(from), text(until))).toEqual(
    ['f', 'g'].map((filter) => text(filterKey('t', 'c77', filter))),
  );
  expect(keys.around(text(sessionRows('t', 'new')), text(afterPrefix(sessionRows('t', 'new'))))).toEqual([]);
});
