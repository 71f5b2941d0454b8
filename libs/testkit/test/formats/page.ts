// Byte tables of the format pages, as a stranger reads them: the readers of these tests take every place and width from the
// pages themselves, so page and code can't part. Both languages must say the same.

import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Where a field lies; a width that is no number runs on. */
export interface Place {
  readonly at: number;
  readonly bytes: number | undefined;
}

/** A byte table: its fields by name, in order. */
export type Layout = ReadonlyMap<string, Place>;

type Row = readonly [at: string, bytes: string, field: string];

function tablesOf(language: string, page: string): Row[][] {
  const file = path.join(__dirname, '../../../../docs', language, 'formats', `${page}.md`);
  const tables: Row[][] = [];
  let open: Row[] | undefined;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim());
    if (/^(?:at|偏移)$/.test(cells[1] ?? '') && /^(?:bytes|字节|字节数)$/.test(cells[2] ?? ''))
      tables.push((open = []));
    else if (line.startsWith('|') && open !== undefined && !/^-+:?$/.test(cells[1] ?? ''))
      open.push([cells[1]!, cells[2]!, cells[3]!]);
    else if (!line.startsWith('|')) open = undefined;
  }
  return tables;
}

/** The byte table of a page by its number, beginning with 0. */
export function layoutOf(page: string, number: number): Layout {
  const [english, chinese] = ['en', 'zh'].map((language) => tablesOf(language, page)[number] ?? []);
  expect(english!.length).toBeGreaterThan(1);
  expect(chinese!.map(([at, bytes]) => [at, bytes])).toEqual(english!.map(([at, bytes]) => [at, bytes]));
  const numberOf = (text: string): number => (/^\d+$/.test(text) ? Number(text) : Number.NaN);
  return new Map(
    english!.map(([at, bytes, field]) => {
      const width = numberOf(bytes);
      return [field, { at: numberOf(at), bytes: Number.isNaN(width) ? undefined : width }];
    }),
  );
}

/** Width of a layout whose fields are all fixed; they must lie end to end. */
export function widthOf(layout: Layout): number {
  let end = 0;
  for (const [field, { at, bytes }] of layout) {
    if (bytes === undefined) break;
    expect([field, at]).toEqual([field, end]);
    end = at + bytes;
  }
  return end;
}

/** Reads a big-endian integer field by its name on the page. */
export function field(layout: Layout, name: string, bytes: Buffer, base = 0): number {
  const place = layout.get(name);
  if (place?.bytes === undefined) throw new RangeError(`the page has no field ${name}`);
  const start = base + place.at;
  if (place.bytes === 8) return Number(bytes.readBigInt64BE(start));
  return bytes.readUIntBE(start, place.bytes);
}
