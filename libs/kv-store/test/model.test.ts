// Both stores against a sorted list: any batches, ranges and pages, in any order, on every family apart (M1).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { KeyValueBatch, openRocksDb, type KeyValueStore } from '../src/index.ts';
import type { KeyRange } from '../src/key-value-store.ts';
import { MemoryStore } from '../src/memory-store.ts';

const FAMILIES = ['a', 'b'] as const;

/** Keys that share beginnings, and bytes at both ends of the order. */
const key = fc
  .array(fc.constantFrom(0x00, 0x01, 0x61, 0xff), { minLength: 1, maxLength: 3 })
  .map((bytes) => Buffer.from(bytes));
const value = fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes));
const family = fc.constantFrom(...FAMILIES);

type Change =
  | { readonly kind: 'put'; readonly family: string; readonly key: Buffer; readonly value: Buffer }
  | { readonly kind: 'delete'; readonly family: string; readonly key: Buffer }
  | { readonly kind: 'deleteRange'; readonly family: string; readonly from: Buffer; readonly until: Buffer };

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('put' as const), family, key, value }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), family, key }) },
  {
    weight: 1,
    arbitrary: fc
      .record({ kind: fc.constant('deleteRange' as const), family, one: key, other: key })
      .map(({ one, other, ...rest }) => {
        const [from, until] = Buffer.compare(one, other) <= 0 ? [one, other] : [other, one];
        return { ...rest, from: from, until: until };
      }),
  },
);

const range: fc.Arbitrary<KeyRange> = fc
  .record({ from: key, until: fc.option(key, { nil: undefined }), limit: fc.nat(6), reverse: fc.boolean() })
  .map(({ until, ...rest }) => (until === undefined ? rest : { ...rest, until }));

/** The list: hexadecimal texts sort as bytes do. */
class Model {
  readonly #rows = new Map<string, Map<string, Buffer>>(FAMILIES.map((name) => [name, new Map()]));

  apply(changes: readonly Change[]): void {
    for (const each of changes) {
      const rows = this.#rows.get(each.family)!;
      if (each.kind === 'put') rows.set(each.key.toString('hex'), each.value);
      else if (each.kind === 'delete') rows.delete(each.key.toString('hex'));
      else
        for (const known of [...rows.keys()])
          if (known >= each.from.toString('hex') && known < each.until.toString('hex')) rows.delete(known);
    }
  }

  get(name: string, wanted: Buffer): string | undefined {
    return this.#rows.get(name)!.get(wanted.toString('hex'))?.toString('hex');
  }

  scan(name: string, { from, until, limit, reverse }: KeyRange): string[] {
    const found = [...this.#rows.get(name)!]
      .filter(
        ([known]) => known >= from.toString('hex') && (until === undefined || known < until.toString('hex')),
      )
      .map(([known, bytes]) => `${known}=${bytes.toString('hex')}`)
      .sort((a, b) => (a.split('=')[0]! < b.split('=')[0]! ? -1 : 1));
    return (reverse === true ? found.reverse() : found).slice(0, limit);
  }
}

function batchOf(changes: readonly Change[]): KeyValueBatch {
  const batch = new KeyValueBatch();
  for (const each of changes) {
    if (each.kind === 'put') batch.put(each.family, each.key, each.value);
    else if (each.kind === 'delete') batch.delete(each.family, each.key);
    else batch.deleteRange(each.family, each.from, each.until);
  }
  return batch;
}

const page = async (reader: Pick<KeyValueStore, 'scan'>, name: string, wanted: KeyRange): Promise<string[]> =>
  (await reader.scan(name, wanted)).map(
    (entry) => `${entry.key.toString('hex')}=${entry.value.toString('hex')}`,
  );

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'kv-model-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

let opened = 0;
const stores: readonly [name: string, open: () => Promise<KeyValueStore>, numRuns: number][] = [
  ['memory', () => Promise.resolve(new MemoryStore(FAMILIES)), 200],
  ['RocksDB', () => openRocksDb(path.join(directory, `db-${opened++}`), { families: FAMILIES }), 25],
];

test.each(stores)(
  '%s answers as the list does, and a snapshot as the list did',
  async (_, open, numRuns) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(change, { minLength: 1, maxLength: 12 }), {
          minLength: 2,
          maxLength: 8,
          size: 'max',
        }),
        fc.array(fc.tuple(family, range), { minLength: 4, maxLength: 8 }),
        fc.array(fc.tuple(family, key), { minLength: 1, maxLength: 6 }),
        async (batches, pages, keys) => {
          const store = await open();
          try {
            const model = new Model();
            for (const changes of batches.slice(0, -1)) {
              await store.write(batchOf(changes));
              model.apply(changes);
            }
            const before = pages.map(([name, wanted]) => model.scan(name, wanted));
            const snapshot = store.snapshot();
            await store.write(batchOf(batches.at(-1)!));
            model.apply(batches.at(-1)!);
            for (const [index, [name, wanted]] of pages.entries()) {
              expect(await page(store, name, wanted)).toEqual(model.scan(name, wanted));
              expect(await page(snapshot, name, wanted)).toEqual(before[index]);
            }
            await snapshot.release();
            for (const name of FAMILIES) {
              const own = keys.filter(([each]) => each === name).map(([, wanted]) => wanted);
              const found = await store.getMany(name, own);
              expect(found.map((bytes) => bytes?.toString('hex'))).toEqual(
                own.map((wanted) => model.get(name, wanted)),
              );
            }
          } finally {
            await store.close();
          }
        },
      ),
      { numRuns },
    );
  },
  60_000,
);
