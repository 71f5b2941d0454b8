// Reads by place (rule N6): the records at exact offsets, whatever their topics and whatever filters hold today. What a
// session was sent and has not acknowledged comes back this way.

import { BrokerError } from '@robustmq/errors';
import { batchHeader, RecordCursor } from '@robustmq/record-batch';
import type { Shard } from '../shard/shard.ts';
import type { ReadTurns } from '../shard/read-turns.ts';
import type { SparseBatches, Wanted } from './sparse-batches.ts';

/** Places of one read: as many as a session may have in flight. */
export const MAX_READ_PLACES = 65_536;

const cursor = new RecordCursor();

/** Offsets that a caller sent, checked. @throws BrokerError invalid_argument unless they ascend and are not too many. */
export function placesOf(offsets: readonly bigint[]): number[] {
  if (offsets.length > MAX_READ_PLACES) {
    throw new BrokerError('invalid_argument', `more than ${MAX_READ_PLACES} places in one read`);
  }
  const places = offsets.map(Number);
  for (let index = 0; index < places.length; index++) {
    const ascends = index === 0 ? places[0]! >= 0 : places[index]! > places[index - 1]!;
    if (!ascends) throw new BrokerError('invalid_argument', 'places must ascend');
  }
  return places;
}

/**
 * Collects the records at the places and answers how far it came (exclusive): all places below are accounted for, those
 * that retention or compaction took included. It stops where the read is full, and at the high watermark.
 */
export async function readPlaces(
  shard: Shard,
  places: readonly number[],
  into: SparseBatches,
  turns: ReadTurns,
): Promise<number> {
  for (let at = 0; at < places.length;) {
    const place = places[at]!;
    if (into.isFull || place >= shard.highWatermark) return place;
    if (turns.isSpent) await turns.next();
    if (place < shard.log.logStartOffset) {
      at++;
      continue;
    }
    const batch = await shard.log.read({ fromOffset: place, upToOffset: shard.highWatermark, maxBytes: 1 });
    const end = batch.length === 0 ? Infinity : batchHeader.lastOffset(batch, 0);
    const first = at;
    while (at < places.length && places[at]! <= end) at++;
    if (batch.length > 0) into.add(batch, recordsAt(batch, places, first, at));
  }
  return (places.at(-1) ?? -1) + 1;
}

/** Indices of the records of the batch that are at places[from, until). */
function recordsAt(batch: Buffer, places: readonly number[], from: number, until: number): Wanted {
  if (batchHeader.isControl(batch, 0)) return 'none';
  const base = batchHeader.baseOffset(batch, 0);
  // A compressed batch goes as it is: whoever asked picks.
  if (batchHeader.codec(batch, 0) !== 0) return places[until - 1]! < base ? 'none' : 'all';
  const indices: number[] = [];
  if (batchHeader.recordCount(batch, 0) === batchHeader.lastOffsetDelta(batch, 0) + 1) {
    for (let at = from; at < until; at++) if (places[at]! >= base) indices.push(places[at]! - base);
  } else {
    cursor.reset(batch, 0);
    for (let index = 0, at = from; cursor.next(); index++) {
      while (at < until && places[at]! < cursor.offset) at++;
      if (at < until && places[at] === cursor.offset) indices.push(index);
    }
  }
  return indices.length === 0 ? 'none' : indices;
}
