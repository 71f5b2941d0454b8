// The rows of a block that is closed, as one batch of the store.

import { KeyValueBatch } from '@robustmq/kv-store';
import type { ReadTurns } from '../../shard/read-turns.ts';
import type { IndexBlock } from './block.ts';
import {
  completeKey,
  dictionaryKey,
  encodeComplete,
  encodeDictionary,
  encodePostings,
  INDEX_FAMILY,
  opaqueKey,
  postingsKey,
  type CompleteBlock,
} from './rows.ts';

/** Where the hash of the topic begins in the key of its postings. */
const HASH_AT = 18;

/** What is written of a block, and what its `complete` row says. */
interface BlockRows {
  readonly batch: KeyValueBatch;
  readonly complete: CompleteBlock;
}

/** Postings, dictionary and `complete` row in one batch (rule X1). */
export async function rowsOfBlock(
  block: IndexBlock,
  streamId: number,
  shard: number,
  turns: ReadTurns,
): Promise<BlockRows> {
  const batch = new KeyValueBatch();
  const { firstOffset, nextOffset, records, opaque } = block;
  const postings = await postingsByRow(block, streamId, shard, turns);
  for (const { key, offsets } of postings) {
    batch.put(INDEX_FAMILY, key, encodePostings(firstOffset, offsets));
    if (turns.isSpent) await turns.next();
  }
  const dictionary = encodeDictionary(block.postings.keys());
  batch.put(INDEX_FAMILY, dictionaryKey(streamId, shard, firstOffset), dictionary);
  if (opaque.length > 0)
    batch.put(INDEX_FAMILY, opaqueKey(streamId, shard, firstOffset), encodePostings(firstOffset, opaque));
  const complete = { firstOffset, nextOffset, records, opaqueBatches: opaque.length };
  batch.put(INDEX_FAMILY, completeKey(streamId, shard, firstOffset), encodeComplete(complete));
  return { batch, complete };
}

interface PostingsRow {
  readonly key: Buffer;
  offsets: number[];
}

/** Two topics of one hash share a row: readers match again anyway. */
async function postingsByRow(
  { firstOffset, postings }: IndexBlock,
  streamId: number,
  shard: number,
  turns: ReadTurns,
): Promise<Iterable<PostingsRow>> {
  const rows = new Map<string, PostingsRow>();
  for (const [topic, offsets] of postings) {
    const key = postingsKey(streamId, shard, firstOffset, topic);
    const text = key.toString('latin1', HASH_AT);
    const known = rows.get(text);
    if (known === undefined) rows.set(text, { key, offsets });
    else known.offsets = [...known.offsets, ...offsets].sort((left, right) => left - right);
    if (turns.isSpent) await turns.next();
  }
  return rows.values();
}
