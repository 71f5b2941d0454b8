// Checks what lies inside of a batch as Apache Kafka's LogValidator does: nothing that a producer wrote is believed, be it
// compressed or not (N1). Inflation is bounded, and on the thread pool unless it is small.
import { inflateForReading, inflateSmall } from '@robustmq/batch-compression';
import { BrokerError } from '@robustmq/errors';
import { batchHeader, MAX_INFLATED_BATCH_BYTES, RecordsCheck } from '@robustmq/record-batch';
import type { NamedError } from '../named-error.ts';
import { problemOf, type BatchRules } from './batch-check.ts';
import type { CheckShare } from './check-share.ts';

/** Batches that are checked in the turn in which they came: what more costs is done in slices (N8). */
const SMALL_BATCH_BYTES = 256 * 1024;
const SMALL_SECTION_BYTES = 16 * 1024;
const SMALL_INFLATED_BYTES = 64 * 1024;
/** Records and headers between two looks at the clock: some tens of microseconds. */
const STEP_UNITS = 1_000;

/** What {@link checkSmall} says of a batch that is not small. */
export const LATER = Symbol('later');

/** Everything is done within one call, so one walk serves all small batches. */
const smallCheck = new RecordsCheck();

/** Why the batch is refused, or undefined, found at once; LATER when that would take long. */
export function checkSmall(records: Buffer, rules: BatchRules): NamedError | undefined | typeof LATER {
  const isCompressed = batchHeader.codec(records, 0) !== 0;
  if (records.length > (isCompressed ? SMALL_SECTION_BYTES : SMALL_BATCH_BYTES)) return LATER;
  try {
    const plain = isCompressed ? inflateSmall(records, 0, SMALL_INFLATED_BYTES) : records;
    smallCheck.begin(plain, 0).step(Infinity);
  } catch (error) {
    const mayBeSound = isCompressed && error instanceof BrokerError && error.code === 'too_large';
    return mayBeSound ? LATER : problemOf(error, records);
  }
  return conclude(records, smallCheck, rules);
}

/** As {@link checkSmall}, for a batch of any size: yields to others, and waits for its turn to inflate. */
export async function checkLarge(
  records: Buffer,
  rules: BatchRules,
  share: CheckShare,
): Promise<NamedError | undefined> {
  const check = new RecordsCheck();
  const walk = async (plain: Buffer): Promise<void> => {
    check.begin(plain, 0);
    do {
      while (share.isSpent) await share.yield();
    } while (!check.step(STEP_UNITS));
  };
  try {
    if (batchHeader.codec(records, 0) === 0) await walk(records);
    // The inflated bytes are held only as long as the place is: that bounds them over all connections.
    else
      await share.inflating(async () =>
        walk(await inflateForReading(records, 0, MAX_INFLATED_BATCH_BYTES, share)),
      );
  } catch (error) {
    return problemOf(error, records);
  }
  return conclude(records, check, rules);
}

/** Times of a topic that keeps those of its producers. The header's is corrected, as Kafka does: expiry goes by it. */
function conclude(records: Buffer, check: RecordsCheck, rules: BatchRules): NamedError | undefined {
  if (rules.timestamps === undefined) return undefined;
  const { beforeMaxMs, afterMaxMs } = rules.timestamps;
  if (check.maxTimestampMs - rules.nowMs > afterMaxMs) {
    return { name: 'INVALID_TIMESTAMP', message: 'a timestamp beyond message.timestamp.after.max.ms' };
  }
  if (check.minTimestampMs < rules.nowMs - beforeMaxMs) {
    return { name: 'INVALID_TIMESTAMP', message: 'a timestamp beyond message.timestamp.before.max.ms' };
  }
  if (batchHeader.maxTimestampMs(records, 0) !== check.maxTimestampMs)
    batchHeader.stampMaxTimestamp(records, 0, check.maxTimestampMs);
  return undefined;
}
