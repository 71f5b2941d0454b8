// The one walk of a batch (design section 5): which records it has behind a place, whose topic each is, and the message
// that it makes. What becomes of a record is the caller's business: live delivery, a backlog, the mesh. Nothing here
// believes an offset or a count that the batch itself does not bear out (N1), and a record that can't be shown is one
// record (N9).

import { batchHeader, gatewayProducerIds, RecordCursor, checkRecordCount } from '@robustmq/record-batch';
import { BrokerError } from '@robustmq/errors';
import { Message, readRecord } from './message.ts';
import type { RecordSource, RecordTopics } from './record-topic.ts';
import type { RingBatch } from './shard-tail.ts';
import type { TopicRoute } from './topic-route.ts';

/** Plain integers that instruments read. */
export interface WalkCounters {
  /** Records with a topic. */
  records: number;
  /** Records without a valid topic of their stream: keys of Kafka producers that are no topics. */
  notVisible: number;
  /** Records that MQTT can't show, or that could not be sent. */
  badRecords: number;
  /** Headers of records that are no MQTT strings (N12). */
  leftOutHeaders: number;
}

/** Counters at zero. */
export function newWalkCounters(): WalkCounters {
  return { records: 0, notVisible: 0, badRecords: 0, leftOutHeaders: 0 };
}

/** Walks one uncompressed batch at a time. */
export class BatchWalk {
  readonly record = new RecordCursor();
  readonly message = new Message();
  /** Route of the current record; null when it is not visible to MQTT. */
  route: TopicRoute | null = null;
  /** Whether the batch is of a gateway, so that `mqtt` headers count (rule O7). */
  isTrusted = false;
  readonly #topics: RecordTopics;
  readonly #counters: WalkCounters;
  #source: RecordSource | null = null;
  #ringBatch: RingBatch | null = null;
  #from = 0;
  #lastOffset = 0;

  constructor(topics: RecordTopics, counters: WalkCounters) {
    this.#topics = topics;
    this.#counters = counters;
  }

  /**
   * Points the walk before the first record at or behind `from`. `isTrusted` is known for what came through the mesh;
   * of the log the producer id says it.
   * @throws BrokerError corrupt when the header contradicts the bytes.
   */
  begin(
    buffer: Buffer,
    start: number,
    source: RecordSource,
    from: number,
    isTrusted = gatewayProducerIds.include(batchHeader.producerId(buffer, start)),
  ): this {
    this.record.reset(buffer, start);
    checkRecordCount(buffer, start);
    this.#ringBatch = null;
    this.#source = source;
    this.#from = Math.max(from, batchHeader.baseOffset(buffer, start));
    this.#lastOffset = batchHeader.lastOffset(buffer, start);
    this.isTrusted = isTrusted;
    return this;
  }

  /**
   * Moves to the next record; false behind the last.
   * @throws BrokerError corrupt when the rest of the batch can't be read.
   */
  next(): boolean {
    const { record } = this;
    while (record.next()) {
      // Below: had already, or out of order.
      if (record.offset < this.#from) continue;
      if (record.offset > this.#lastOffset) throw new BrokerError('corrupt', 'offset outside of its batch');
      this.#from = record.offset + 1;
      this.route = this.#topics.routeOf(record, this.#source!, this.isTrusted);
      if (this.route === null) this.#counters.notVisible++;
      else this.#counters.records++;
      return true;
    }
    return false;
  }

  /** Fills {@link message} from the current record, which has a route; false when MQTT can't show it (counted). */
  read(): boolean {
    try {
      this.#counters.leftOutHeaders += readRecord(
        this.message,
        this.route!.topic,
        this.record,
        this.isTrusted,
      );
      return true;
    } catch {
      // Whatever is wrong with it is wrong for everybody who asks: it is left out, and the next one is looked at.
      this.#counters.badRecords++;
      return false;
    }
  }

  /** Points the walk at record `index` of a batch of the ring. */
  seek(batch: RingBatch, index: number): void {
    const { record } = this;
    if (this.#ringBatch !== batch) record.reset(batch.buffer, batch.batchStart);
    this.#ringBatch = batch;
    this.isTrusted = batch.isTrusted;
    this.route = batch.routes[index]!;
    record.index = index - 1;
    record.recordEnd = batch.recordStarts[index]!;
    record.next();
  }
}
