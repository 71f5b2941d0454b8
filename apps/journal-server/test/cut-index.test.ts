// Files of the topic index that were cut short or lost (X1): the index is a view of the log, so it opens with whole blocks or
// anew, and a block that it calls complete has all of its postings.

import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KeyValueBatch, type KeyValueStore } from '@robustmq/kv-store';
import { openIndexStore } from '../src/views/topic-index/index-store.ts';
import { INDEX_FAMILY } from '../src/views/topic-index/rows.ts';

const BLOCKS = 40;
/** Files that say nothing about the rows. */
const NO_DATA = /^(LOCK|LOG.*|IDENTITY|OPTIONS-.*)$/;

const keyOf = (kind: string, block: number): Buffer =>
  Buffer.from(`${kind}${String(block).padStart(3, '0')}`);

let scratch: string;
let image: string;
beforeAll(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), 'cut-index-'));
  image = path.join(scratch, 'image');
  const running = path.join(scratch, 'running');
  const store = await openIndexStore(running, { warn: () => undefined });
  for (let block = 0; block < BLOCKS; block++) {
    // As the index writes a block: its postings and its `complete` row in one batch.
    const batch = new KeyValueBatch();
    batch.put(INDEX_FAMILY, keyOf('complete', block), Buffer.from('all'));
    batch.put(INDEX_FAMILY, keyOf('postings', block), Buffer.alloc(500, block));
    await store.write(batch);
    if (block === BLOCKS / 2) await store.flush(INDEX_FAMILY);
  }
  // As a kill leaves it.
  cpSync(running, image, { recursive: true });
  await store.close();
});
afterAll(() => rmSync(scratch, { recursive: true }));

async function keysOf(store: KeyValueStore): Promise<Set<string>> {
  const rows = await store.scan(INDEX_FAMILY, { from: Buffer.alloc(0), limit: 10 * BLOCKS });
  return new Set(rows.map(({ key }) => key.toString()));
}

/** Blocks that are there, and warnings, once `change` was done to a file. */
async function opened(
  name: string,
  change: (file: string) => void,
): Promise<[blocks: number, warnings: number]> {
  const directory = path.join(scratch, 'changed');
  cpSync(image, directory, { recursive: true });
  change(path.join(directory, name));
  let warnings = 0;
  const store = await openIndexStore(directory, { warn: () => warnings++ });
  const keys = await keysOf(store);
  let blocks = 0;
  for (let block = 0; block < BLOCKS; block++) {
    if (!keys.has(keyOf('complete', block).toString())) continue;
    blocks++;
    expect([name, block, keys.has(keyOf('postings', block).toString())]).toEqual([name, block, true]);
    expect(await store.get(INDEX_FAMILY, keyOf('postings', block))).toEqual(Buffer.alloc(500, block));
  }
  await store.close();
  rmSync(directory, { recursive: true });
  return [blocks, warnings];
}

test('the index as it was left has all blocks', async () => {
  expect(await opened('CURRENT', () => undefined)).toEqual([BLOCKS, 0]);
});

test('any file of the index cut short, or gone: it opens, and no complete block lacks its postings (X1, L2)', async () => {
  const names = readdirSync(image).filter((name) => !NO_DATA.test(name));
  expect(names.some((name) => name.endsWith('.sst'))).toBe(true);
  const kinds = new Set<string>();
  for (const name of names) {
    const bytes = statSync(path.join(image, name)).size;
    for (const length of [0, 1, Math.floor(bytes / 2), bytes - 1, undefined]) {
      if (length !== undefined && (length < 0 || length >= bytes)) continue;
      const [blocks, warnings] = await opened(name, (file) =>
        length === undefined ? rmSync(file) : truncateSync(file, length),
      );
      kinds.add(warnings > 0 ? 'anew' : blocks < BLOCKS ? 'older' : 'whole');
      if (warnings > 0) expect(blocks).toBe(0);
    }
  }
  expect([...kinds].sort()).toEqual(['anew', 'older', 'whole']);
}, 120_000);
