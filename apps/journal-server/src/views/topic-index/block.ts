// A block of the topic index in memory: which offsets of a contiguous range each topic has (rule X1). It is complete for
// exactly [firstOffset, nextOffset).

import type { BatchTopics } from '../../shard/stream-topics.ts';

/** What an entry of the map costs beside the topic's characters and its offsets. */
const TOPIC_OVERHEAD_BYTES = 120;
const OFFSET_BYTES = 8;

/** Postings of a range that still grows, or is being written. */
export class IndexBlock {
  readonly firstOffset: number;
  /** Exclusive end of what is covered. */
  nextOffset: number;
  /** Offsets per topic, ascending. */
  readonly postings = new Map<string, number[]>();
  /** Base offsets of batches that can't be told without inflating them: everyone gets these ("match it yourself"). */
  readonly opaque: number[] = [];
  records = 0;
  sizeBytes = 0;

  constructor(firstOffset: number) {
    this.firstOffset = firstOffset;
    this.nextOffset = firstOffset;
  }

  /** Adds the next batch of the log; gaps before it hold nothing. */
  add(offsets: readonly number[], topics: BatchTopics, baseOffset: number, nextOffset: number): void {
    if (topics === 'opaque') {
      this.opaque.push(baseOffset);
      this.sizeBytes += OFFSET_BYTES;
    } else {
      for (let index = 0; index < topics.length; index++) {
        const topic = topics[index];
        if (topic !== undefined) this.#post(topic, offsets[index] ?? baseOffset + index);
      }
    }
    this.nextOffset = nextOffset;
  }

  #post(topic: string, offset: number): void {
    const known = this.postings.get(topic);
    if (known === undefined) {
      this.postings.set(topic, [offset]);
      this.sizeBytes += TOPIC_OVERHEAD_BYTES + topic.length;
    } else known.push(offset);
    this.sizeBytes += OFFSET_BYTES;
    this.records++;
  }
}
