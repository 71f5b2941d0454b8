// An in-memory log behind the JournalPort: enough of its behaviour for the protocol's details.
import { BrokerError } from '@robustmq/errors';
import { batchHeader, completeBatchBytes } from '@robustmq/record-batch';
import type {
  DeleteAnswer,
  DeleteQuery,
  EpochAnswer,
  EpochQuery,
  FetchRequest,
  FetchSectionResult,
  JournalPort,
  OffsetAnswer,
  OffsetQuery,
  ProduceRequest,
} from '../../src/ports.ts';

interface FakeShard {
  readonly batches: Buffer[];
  endOffset: number;
  startOffset: number;
  readonly sequences: Map<number, { epoch: number; next: number }>;
}

type ProduceCallback = Parameters<JournalPort['produce']>[1];
type FetchCallback = Parameters<JournalPort['fetch']>[1];

export class FakeJournal implements JournalPort {
  readonly shards = new Map<string, FakeShard>();
  /** Every append in the order in which it was handed over. */
  readonly produced: ProduceRequest[] = [];
  readonly fetched: FetchRequest[] = [];
  cancelled = 0;
  /** Fails the next appends, or the reads, with this. */
  produceError: BrokerError | undefined;
  fetchError: BrokerError | undefined;
  /** Where the epoch of each consumer's last record ended, if that is before it. */
  diverging: FetchSectionResult['diverging'];
  queryError: BrokerError | undefined;
  /** What is read comes in pieces of so many bytes, wherever a batch ends. */
  pieceBytes = Infinity;
  /** Holds answers back until the test lets them go. */
  hold = false;
  readonly held: (() => void)[] = [];
  readonly #waiting = new Set<() => void>();

  shard(streamId: number, shard: number): FakeShard {
    const key = `${streamId}/${shard}`;
    let found = this.shards.get(key);
    if (found === undefined) {
      found = { batches: [], endOffset: 0, startOffset: 0, sequences: new Map() };
      this.shards.set(key, found);
    }
    return found;
  }

  release(): void {
    for (const answer of this.held.splice(0)) answer();
  }

  produce(request: ProduceRequest, callback: ProduceCallback): void {
    this.produced.push(request);
    const answer = this.#append(request, callback);
    if (this.hold) this.held.push(answer);
    else setImmediate(answer);
  }

  #append(request: ProduceRequest, callback: ProduceCallback): () => void {
    const fail = (error: BrokerError) => () => callback(error, undefined);
    if (this.produceError !== undefined) return fail(this.produceError);
    const shard = this.shard(request.streamId, request.shard);
    const batch = Buffer.from(request.batch);
    const producerId = batchHeader.producerId(batch, 0);
    if (producerId >= 0) {
      const known = shard.sequences.get(producerId) ?? {
        epoch: batchHeader.producerEpoch(batch, 0),
        next: 0,
      };
      if (batchHeader.producerEpoch(batch, 0) < known.epoch)
        return fail(new BrokerError('fenced', 'old epoch'));
      if (batchHeader.baseSequence(batch, 0) > known.next)
        return fail(new BrokerError('out_of_order', 'gap'));
      known.next = batchHeader.baseSequence(batch, 0) + batchHeader.lastOffsetDelta(batch, 0) + 1;
      shard.sequences.set(producerId, known);
    }
    const baseOffset = shard.endOffset;
    batchHeader.stampBaseOffset(batch, 0, baseOffset);
    shard.batches.push(batch);
    shard.endOffset = batchHeader.lastOffset(batch, 0) + 1;
    for (const wake of [...this.#waiting]) wake();
    const outcome = { baseOffset, logAppendTimeMs: -1, logStartOffset: shard.startOffset, leaderEpoch: 3 };
    return () => callback(undefined, request.acks === 0 ? undefined : outcome);
  }

  /** Fetches that were not answered yet. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  fetch(request: FetchRequest, callback: FetchCallback): ReturnType<JournalPort['fetch']> {
    this.fetched.push(request);
    const read = (): FetchSectionResult[] => this.#read(request);
    // Who only waits is woken, and told the marks.
    const answer = (): FetchSectionResult[] =>
      request.waitOnly === true ? read().map((result) => ({ ...result, batches: [], sizeBytes: 0 })) : read();
    const done = (): void => {
      clearTimeout(timer);
      if (!this.#waiting.delete(attempt)) return;
      const results = answer();
      if (this.hold) this.held.push(() => callback(results));
      else setImmediate(() => callback(results));
    };
    const attempt = (): void => {
      const sizeBytes = read().reduce((sum, result) => sum + result.sizeBytes, 0);
      const failed = read().some(({ error, diverging }) => (error ?? diverging) !== undefined);
      if (failed || sizeBytes >= request.minBytes) done();
    };
    this.#waiting.add(attempt);
    const timer = setTimeout(done, request.maxWaitMs);
    attempt();
    return {
      journals: 1,
      cancel: () => {
        this.cancelled += 1;
        done();
      },
    };
  }

  #read(request: FetchRequest): FetchSectionResult[] {
    let room = request.maxBytes;
    return request.sections.map((section) => {
      const shard = this.shard(section.streamId, section.shard);
      const outOfRange = section.fetchOffset > shard.endOffset || section.fetchOffset < shard.startOffset;
      const error =
        this.fetchError ?? (outOfRange ? new BrokerError('out_of_range', 'no such offset') : undefined);
      const batches: Buffer[] = [];
      let sizeBytes = 0;
      for (const batch of error === undefined ? shard.batches : []) {
        if (batchHeader.lastOffset(batch, 0) < section.fetchOffset) continue;
        const fits = batch.length <= Math.min(room, section.maxBytes - sizeBytes);
        // At least one batch, however small the limits.
        if (!fits && (sizeBytes > 0 || room < request.maxBytes)) break;
        batches.push(batch);
        sizeBytes += batch.length;
        room -= batch.length;
        if (room <= 0) break;
      }
      return {
        streamId: section.streamId,
        shard: section.shard,
        error,
        batches: this.#inPieces(batches),
        sizeBytes,
        highWatermark: shard.endOffset,
        lastStableOffset: shard.endOffset,
        logStartOffset: shard.startOffset,
        leaderEpoch: 3,
        aborted: [],
        diverging: this.diverging,
      };
    });
  }

  #inPieces(batches: readonly Buffer[]): Buffer[] {
    if (this.pieceBytes === Infinity) return [...batches];
    const whole = Buffer.concat(batches);
    const pieces: Buffer[] = [];
    for (let at = 0; at < whole.length; at += this.pieceBytes)
      pieces.push(whole.subarray(at, at + this.pieceBytes));
    return pieces;
  }

  listOffsets(queries: readonly OffsetQuery[]): Promise<readonly OffsetAnswer[]> {
    if (this.queryError !== undefined) return Promise.reject(this.queryError);
    return Promise.resolve(queries.map((query) => this.#offset(query)));
  }

  #offset({ streamId, shard, timestampMs }: OffsetQuery): OffsetAnswer {
    const log = this.shard(streamId, shard);
    if (timestampMs === -1) return { offset: log.endOffset, timestampMs: -1, leaderEpoch: 3 };
    if (timestampMs === -2) return { offset: log.startOffset, timestampMs: -1, leaderEpoch: 3 };
    const newest = Math.max(...log.batches.map((batch) => batchHeader.maxTimestampMs(batch, 0)));
    const wanted = timestampMs === -3 ? newest : timestampMs;
    const found = log.batches.find((batch) => batchHeader.maxTimestampMs(batch, 0) >= wanted);
    if (found === undefined) return { offset: -1, timestampMs: -1, leaderEpoch: -1 };
    return {
      offset: batchHeader.lastOffset(found, 0) - batchHeader.lastOffsetDelta(found, 0),
      timestampMs: batchHeader.maxTimestampMs(found, 0),
      leaderEpoch: 3,
    };
  }

  deleteRecords(queries: readonly DeleteQuery[]): Promise<readonly DeleteAnswer[]> {
    if (this.queryError !== undefined) return Promise.reject(this.queryError);
    return Promise.resolve(
      queries.map(({ streamId, shard, beforeOffset }) => {
        const log = this.shard(streamId, shard);
        const offset = beforeOffset === -1 ? log.endOffset : beforeOffset;
        if (offset > log.endOffset)
          return { error: new BrokerError('out_of_range', 'no'), logStartOffset: -1 };
        log.startOffset = Math.max(log.startOffset, offset);
        return { logStartOffset: log.startOffset };
      }),
    );
  }

  endOffsetsForEpochs(queries: readonly EpochQuery[]): Promise<readonly EpochAnswer[]> {
    if (this.queryError !== undefined) return Promise.reject(this.queryError);
    return Promise.resolve(
      queries.map(({ streamId, shard, leaderEpoch }) => ({
        leaderEpoch,
        endOffset: this.shard(streamId, shard).endOffset,
      })),
    );
  }

  /** All records of a shard as they would be read. */
  contentOf(streamId: number, shard: number): Buffer {
    const content = Buffer.concat(this.shard(streamId, shard).batches);
    for (let at = 0; at < content.length; at += completeBatchBytes(content, at, content.length));
    return content;
  }
}
