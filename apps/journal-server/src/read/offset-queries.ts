// Questions for offsets by time or by name (Kafka's ListOffsets). Each question costs a search of the log, so they go one after
// the other in slices of the loop, and one that is asked twice is answered once (rule N8).

import { BrokerError } from '@robustmq/errors';
import type { TimestampHit } from '@robustmq/segment-log';
import type { Shard } from '../shard/shard.ts';

/** Questions in one request. A Kafka client asks one per partition. */
export const MAX_OFFSET_QUERIES = 100_000;

/** Kafka's special timestamps. */
const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;

const NONE: TimestampHit = { offset: -1, timestampMs: -1, compressed: false };

/**
 * Where the records of a time begin, among those that consumers see.
 * @throws BrokerError offset_not_available (KIP-207), unsupported; what reading the log throws.
 */
export async function offsetFor(
  shard: Shard,
  timestampMs: number,
  committed: boolean,
): Promise<TimestampHit> {
  const end = committed ? shard.lastStableOffset : shard.highWatermark;
  switch (timestampMs) {
    case EARLIEST:
    case EARLIEST_LOCAL:
      return named(shard.log.logStartOffset);
    case LATEST:
      // KIP-207: what was acknowledged under the last leader may lie above our HW.
      if (shard.leader?.latestOffsetAvailable !== true) {
        throw new BrokerError('offset_not_available', 'the leader does not know the high watermark yet');
      }
      return named(end);
    case LATEST_TIERED:
      return NONE;
    case MAX_TIMESTAMP:
      return newestBelow(shard, end);
    default:
      if (timestampMs < 0) throw new BrokerError('unsupported', 'unknown special timestamp');
      return (await shard.log.offsetForTimestamp(timestampMs, end)) ?? NONE;
  }
}

function named(offset: number): TimestampHit {
  return { offset, timestampMs: -1, compressed: false };
}

/**
 * The record with the greatest timestamp that consumers see. Segments know the greatest of all their records; where that one
 * is above the end or below the log start, the greatest time that still has a record is searched for: some forty looks.
 */
async function newestBelow(shard: Shard, end: number): Promise<TimestampHit> {
  const { log } = shard;
  const { logStartOffset } = log;
  // What retention has overtaken may still have files.
  const segments = log.describeSegments();
  const live = segments.filter((_, index) => (segments[index + 1]?.baseOffset ?? Infinity) > logStartOffset);
  let high = live.reduce((most, { maxTimestampMs }) => Math.max(most, maxTimestampMs), -1);
  if (high < 0) return NONE;
  let best = await log.offsetForTimestamp(high, end);
  if (best !== undefined) return best;
  best = await log.offsetForTimestamp(0, end);
  let low = Math.max(0, best?.timestampMs ?? 0);
  while (best !== undefined && low < high - 1) {
    const middle = low + Math.ceil((high - low) / 2);
    const hit = await log.offsetForTimestamp(middle, end);
    if (hit === undefined) high = middle;
    else {
      best = hit;
      low = Math.max(middle, hit.timestampMs);
    }
  }
  return best ?? NONE;
}
