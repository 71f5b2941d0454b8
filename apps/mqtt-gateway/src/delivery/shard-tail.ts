// Where the tail of a shard has come to, and its last batches. A session that can't take a record keeps only a cursor
// and reads on from here, so nothing is queued per session (rule X5).

import { shardKeyOf, type ShardPlace } from './shard-place.ts';
import type { TopicRoute } from './topic-route.ts';

export { shardKeyOf } from './shard-place.ts';

/** A batch of the tail, uncompressed, with what live delivery found out about its records so far. */
export interface RingBatch {
  readonly buffer: Buffer;
  readonly batchStart: number;
  readonly fromOffset: number;
  /** Offsets in [fromOffset, nextOffset) are accounted for; grows while the batch is being delivered. */
  nextOffset: number;
  readonly sizeBytes: number;
  /** Whether the `mqtt` headers of its records count (rule O7). */
  readonly isTrusted: boolean;
  /** Records looked at; what lies behind in the arrays is not filled yet. */
  recordCount: number;
  /** Per record: where it starts in `buffer`, its offset, and its topic; null for one that is not visible to MQTT. */
  readonly recordStarts: Int32Array;
  readonly offsetDeltas: Int32Array;
  readonly routes: (TopicRoute | null)[];
}

/** Tail position and ring of one shard. */
export class ShardTail implements ShardPlace {
  readonly streamId: number;
  readonly shard: number;
  readonly key: number;
  leaderEpoch: number;
  nextOffset: number;
  /** Everything below has arrived, whether or not it is delivered: filters registered from now on match what follows. */
  arrivedTo: number;
  /** Whether sessions wait for it to move on, or to be released. */
  isAwaited = false;
  #heldAt = -1;
  #ringStart: number;
  #batches: RingBatch[] = [];
  #first = 0;
  #bytes = 0;

  constructor(streamId: number, shard: number, leaderEpoch: number, nextOffset: number) {
    this.streamId = streamId;
    this.shard = shard;
    this.key = shardKeyOf(streamId, shard);
    this.leaderEpoch = leaderEpoch;
    this.nextOffset = nextOffset;
    this.arrivedTo = nextOffset;
    this.#ringStart = nextOffset;
  }

  /** First offset from which on the ring has everything that matches the gateway's filters. */
  get ringStart(): number {
    return this.#ringStart;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  get deliveredBelow(): number {
    return this.#heldAt < 0 ? this.nextOffset : this.#heldAt;
  }

  /** Whether some live sessions got what others still wait for: nobody may become live now. */
  get isHeld(): boolean {
    return this.#heldAt >= 0;
  }

  /** Live sessions have everything below `offset`, and some of them more, until {@link release}. */
  holdAt(offset: number): void {
    this.#heldAt = offset;
  }

  release(): void {
    this.#heldAt = -1;
  }

  /** Takes a batch that is being delivered; drops the oldest beyond `maxBytes`, but never the newest. */
  push(batch: RingBatch, maxBytes: number): void {
    this.#batches.push(batch);
    this.#bytes += batch.sizeBytes;
    while (this.#bytes > maxBytes && this.#first < this.#batches.length - 1) {
      const oldest = this.#batches[this.#first]!;
      this.#bytes -= oldest.sizeBytes;
      this.#ringStart = oldest.nextOffset;
      this.#first++;
    }
    // Moves the array at most once per half of its length.
    if (this.#first > 32 && this.#first * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#first);
      this.#first = 0;
    }
  }

  /** The tail jumped: the log no longer has, or never delivered, what lay between. */
  restartAt(offset: number): void {
    this.#batches = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#ringStart = this.nextOffset = offset;
  }

  /** The first batch with an offset >= `offset`; undefined when there is none. */
  batchAt(offset: number): RingBatch | undefined {
    let low = this.#first;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#batches[middle]!.nextOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#batches[low];
  }
}
