// What one block of the index answers about a range: offsets of records, or that reading the log is cheaper (rules X1, X2).

import type { ReadTurns } from '../../shard/read-turns.ts';
import type { IndexBlock } from './block.ts';
import type { TopicSelection } from './topic-selection.ts';

/** More topics than this, or more than an eighth of a block's records, and a scan is cheaper (rule X2). */
export const MAX_TOPICS_PER_READ = 1_000;
const SCAN_SHARE = 8;

/** Where matching records of the beginning of a range are. */
export type IndexAnswer =
  /** All are among the offsets, as far as `complete` (exclusive). */
  | { readonly kind: 'offsets'; readonly offsets: readonly number[]; readonly complete: number }
  /** The log must be read up to `until` (exclusive). */
  | { readonly kind: 'scan'; readonly until: number };

/** What a block holds for a selection. */
interface Found {
  readonly postings: readonly (readonly number[])[];
  readonly opaque: readonly number[];
}

/** How much a block holds. */
interface BlockSize {
  readonly records: number;
  readonly opaqueBatches: number;
}

/** Rule X2: one read per posting costs more than the whole block when it is much of it. */
export function isScanCheaper(postings: number, block: BlockSize): boolean {
  const count = postings + block.opaqueBatches;
  return count > 64 && count * SCAN_SHARE > block.records + block.opaqueBatches;
}

/** What is found of a range that begins in the block, as far as the block goes. */
export function answerOf(
  block: BlockSize & { readonly nextOffset: number },
  { postings, opaque }: Found,
  from: number,
  to: number,
): IndexAnswer {
  const complete = Math.min(to, block.nextOffset);
  const count = postings.reduce((sum, offsets) => sum + offsets.length, 0);
  if (isScanCheaper(count, block)) return { kind: 'scan', until: complete };
  const offsets = new Set<number>();
  for (const list of postings)
    for (const offset of list) if (offset >= from && offset < complete) offsets.add(offset);
  // A batch may begin before the range: its reader starts at the range.
  for (const base of opaque) if (base < complete) offsets.add(Math.max(base, from));
  return { kind: 'offsets', offsets: [...offsets].sort((left, right) => left - right), complete };
}

/** Of a block in memory, as it is now: what is added while this goes on lies behind what the answer speaks of. */
export async function findInMemory(
  block: IndexBlock,
  selection: TopicSelection,
  from: number,
  to: number,
  turns: ReadTurns,
): Promise<IndexAnswer> {
  const size = { nextOffset: block.nextOffset, records: block.records, opaqueBatches: block.opaque.length };
  const scan: IndexAnswer = { kind: 'scan', until: Math.min(to, size.nextOffset) };
  if (isScanCheaper(0, size)) return scan;
  const postings: (readonly number[])[] = [];
  if (selection.hasWildcards || selection.topics.size > block.postings.size) {
    for (const [topic, offsets] of block.postings) {
      if (selection.matches(topic)) postings.push(offsets);
      if (postings.length > MAX_TOPICS_PER_READ) return scan;
      if (turns.isSpent) await turns.next();
    }
  } else {
    for (const topic of selection.topics) {
      const offsets = block.postings.get(topic);
      if (offsets !== undefined) postings.push(offsets);
      if (postings.length > MAX_TOPICS_PER_READ) return scan;
      if (turns.isSpent) await turns.next();
    }
  }
  return answerOf(size, { postings, opaque: block.opaque.slice(0, size.opaqueBatches) }, from, to);
}
