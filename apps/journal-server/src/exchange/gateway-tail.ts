// The tail of one gateway (rules X5, I2): committed batches of every MQTT-visible shard led here, matched against the
// gateway's filters and sent once. A shard's tail is live while it has credit; else its position is kept and it goes on
// from the segments, so that no gateway can make the journal buffer.

import { BrokerError } from '@robustmq/errors';
import { TailKind } from '@robustmq/rpc';
import { batchHeader, completeBatchBytes, pickRecords } from '@robustmq/record-batch';
import type { FrameOut } from './frame-out.ts';
import type { GatewayFilters } from './gateway-filters.ts';
import type { AppendOrigin, PendingBatch } from '../shard/pending.ts';
import type { ReadTurns } from '../shard/read-turns.ts';
import { shardKey, type Shard } from '../shard/shard.ts';
import { topicRuleOf, topicsOfBatch, type BatchTopics } from '../shard/stream-topics.ts';

interface TailCursor {
  readonly shard: Shard;
  /** Everything below is sent, or skipped and known to be. */
  position: number;
  /** Everything below was told to the gateway. */
  reported: number;
  /** At HW, fed from memory; else it reads segments. */
  live: boolean;
  reading: boolean;
  creditBytes: number;
}

/** Settings and surroundings of a {@link GatewayTail}. */
export interface TailHost {
  readonly origin: AppendOrigin;
  readonly filters: GatewayFilters;
  readonly out: FrameOut;
  readonly turns: ReadTurns;
  readonly shardCreditBytes: number;
  /** Bytes that may still be sent on this stream; may go below 0 by one batch. */
  streamCredit(): number;
  spend(bytes: number): void;
  /** Whether the gateway takes what it is sent: else more of it would only fill this process. */
  takes(): boolean;
  /** A shard could not be read: it is quarantined by the server. */
  readFailed(shard: Shard, error: BrokerError): void;
}

/** One catch-up read; between two of them, and between its batches, everybody else has a turn (N8). */
const READ_SLICE_BYTES = 256 * 1024;

type Match = 'none' | 'all' | readonly number[];

/** Tail state of one stream instance. */
export class GatewayTail {
  readonly #host: TailHost;
  readonly #cursors = new Map<number, TailCursor>();
  #closed = false;

  constructor(host: TailHost) {
    this.#host = host;
  }

  /** Offset from which filters registered now are matched. */
  activeFrom(shard: Shard): number {
    const cursor = this.#cursorOf(shard, shard.highWatermark);
    this.#report(cursor);
    return cursor.position;
  }

  /** Starts or restarts the tail of a shard at an offset that the gateway has reached. */
  resume(shard: Shard, offset: number): void {
    // A read that runs for the old cursor ends with it: its batches lie elsewhere.
    const known = this.#cursors.get(shardKey(shard.streamId, shard.shard));
    this.drop(shard);
    const cursor = this.#cursorOf(shard, offset);
    if (known !== undefined) cursor.creditBytes = known.creditBytes;
    cursor.position = Math.min(offset, shard.highWatermark);
    cursor.reported = cursor.position;
    cursor.live = cursor.position === shard.highWatermark;
    this.#read(cursor);
  }

  /** HW has passed these batches; `start` is where they begin. */
  committed(shard: Shard, batches: readonly PendingBatch[]): void {
    const cursor = this.#cursorOf(shard, batches[0]?.baseOffset ?? shard.highWatermark);
    if (!cursor.live) {
      this.#read(cursor);
      return;
    }
    for (const batch of batches) {
      // What lies before it was let go from memory: the segments have it.
      if (batch.baseOffset > cursor.position) break;
      if (!this.#hasCredit(cursor)) {
        cursor.live = false;
        return;
      }
      const match = this.#match(shard, () => (batch.topics ??= topicsOfBatch(batch.bytes, 0)));
      this.#emit(cursor, batch.bytes, match, batch);
    }
    // HW may have passed what is not in memory (after an election): the segments have it.
    if (cursor.position < shard.highWatermark) {
      cursor.live = false;
      this.#read(cursor);
    }
  }

  /** Credit came: tails that had stopped go on. */
  creditReturned(): void {
    for (const cursor of this.#cursors.values()) this.#read(cursor);
  }

  /** Credit of one shard came. */
  creditOf(streamId: number, shard: number, bytes: number): void {
    const cursor = this.#cursors.get(shardKey(streamId, shard));
    if (cursor !== undefined)
      cursor.creditBytes = Math.min(this.#host.shardCreditBytes, cursor.creditBytes + bytes);
  }

  /** The shard is not led here any more. */
  drop(shard: Shard): void {
    this.#cursors.delete(shardKey(shard.streamId, shard.shard));
  }

  /** Tells the gateway of what was skipped since the last section, so that its positions do not lag. */
  reportSkipped(): void {
    for (const cursor of this.#cursors.values()) {
      this.#report(cursor);
      // One whose read failed goes on, also if nothing more is committed.
      this.#read(cursor);
    }
  }

  close(): void {
    this.#closed = true;
    this.#cursors.clear();
  }

  #cursorOf(shard: Shard, start: number): TailCursor {
    const key = shardKey(shard.streamId, shard.shard);
    let cursor = this.#cursors.get(key);
    if (cursor === undefined) {
      cursor = {
        shard,
        position: start,
        reported: start,
        live: true,
        reading: false,
        creditBytes: this.#host.shardCreditBytes,
      };
      this.#cursors.set(key, cursor);
    }
    return cursor;
  }

  #hasCredit(cursor: TailCursor): boolean {
    return cursor.creditBytes > 0 && this.#host.streamCredit() > 0 && this.#host.takes();
  }

  #match(shard: Shard, topics: () => BatchTopics): Match {
    const { stream } = shard;
    const { filters } = this.#host;
    if (stream === undefined || !filters.mayMatch(stream)) return 'none';
    const rule = topicRuleOf(stream);
    if (rule.kind === 'none') return 'none';
    if (rule.kind === 'exact') return filters.matches(stream.tenant, rule.topic) ? 'all' : 'none';
    const found = topics();
    if (found === 'opaque') return 'all';
    const indices: number[] = [];
    for (let index = 0; index < found.length; index++) {
      const topic = found[index];
      if (topic !== undefined && filters.matches(stream.tenant, topic)) indices.push(index);
    }
    if (indices.length === 0) return 'none';
    // A whole batch costs bytes, a sparse one a copy and a CRC: worth it when most of it would be dropped.
    return indices.length * 2 < found.length ? indices : 'all';
  }

  #emit(cursor: TailCursor, bytes: Buffer, match: Match, from: PendingBatch | undefined): void {
    const next = batchHeader.lastOffset(bytes, 0) + 1;
    if (match === 'none') {
      cursor.position = next;
      return;
    }
    const { shard } = cursor;
    // The sender still has it, whole; the last answer left in this very pass.
    if (from?.request.origin === this.#host.origin && from.request.acks === -1 && !from.expired) {
      this.#report(cursor);
      const base = batchHeader.baseOffset(bytes, 0);
      if (base > cursor.position) {
        this.#host.out.section(shard, TailKind.SKIPPED, { from: cursor.position, next: base }, undefined);
      }
      const range = { from: base, next, correlation: from.request.correlation };
      this.#host.out.section(shard, TailKind.ELIDED, range, undefined);
    } else {
      const sent = match === 'all' ? bytes : pickRecords(bytes, 0, match);
      this.#host.out.section(shard, TailKind.BATCHES, { from: cursor.reported, next }, sent);
      cursor.creditBytes -= sent.length;
      this.#host.spend(sent.length);
    }
    cursor.position = next;
    cursor.reported = next;
  }

  #report(cursor: TailCursor): void {
    if (cursor.reported >= cursor.position) return;
    const range = { from: cursor.reported, next: cursor.position };
    this.#host.out.section(cursor.shard, TailKind.SKIPPED, range, undefined);
    cursor.reported = cursor.position;
  }

  /** Goes on from the segments, slice by slice, until HW is reached or the credit is used up. */
  #read(cursor: TailCursor): void {
    if (cursor.live || cursor.reading || !this.#hasCredit(cursor)) return;
    cursor.reading = true;
    void this.#readSlices(cursor).finally(() => {
      cursor.reading = false;
    });
  }

  async #readSlices(cursor: TailCursor): Promise<void> {
    const { shard } = cursor;
    try {
      while (this.#isUsed(cursor) && this.#hasCredit(cursor)) {
        const upToOffset = shard.highWatermark;
        if (cursor.position >= upToOffset) {
          cursor.live = true;
          break;
        }
        this.#skipDeleted(cursor);
        const batches = await shard.log.read({
          fromOffset: cursor.position,
          upToOffset,
          maxBytes: READ_SLICE_BYTES,
        });
        if (!(await this.#emitAll(cursor, batches, upToOffset))) return;
        this.#host.out.flush();
        await this.#host.turns.next();
      }
      this.#report(cursor);
      this.#host.out.flush();
    } catch (error) {
      this.#host.readFailed(shard, BrokerError.from(error));
    }
  }

  /** Whether it is the cursor of its shard still. */
  #isUsed(cursor: TailCursor): boolean {
    const { streamId, shard } = cursor.shard;
    return !this.#closed && this.#cursors.get(shardKey(streamId, shard)) === cursor;
  }

  /** In turns: all tails that read share one slice of each (N8). False: the cursor is not used any more. */
  async #emitAll(cursor: TailCursor, batches: Buffer, upToOffset: number): Promise<boolean> {
    const { turns, out } = this.#host;
    if (!this.#isUsed(cursor)) return false;
    // Compaction may have left nothing up to HW.
    if (batches.length === 0) cursor.position = Math.max(cursor.position, upToOffset);
    for (let at = 0; at < batches.length;) {
      const sizeBytes = completeBatchBytes(batches, at, batches.length);
      if (sizeBytes === 0) return true;
      if (turns.isSpent) {
        out.flush();
        await turns.next();
        if (!this.#isUsed(cursor)) return false;
      }
      const bytes = batches.subarray(at, at + sizeBytes);
      at += sizeBytes;
      // A batch that spans the position is sent whole: the gateway drops what it has.
      if (batchHeader.lastOffset(bytes, 0) < cursor.position) continue;
      const match = this.#match(cursor.shard, () => topicsOfBatch(bytes, 0));
      this.#emit(cursor, bytes, match, undefined);
    }
    return true;
  }

  /** Retention overtook the tail: the gap shows in `from_offset` of the next section. */
  #skipDeleted(cursor: TailCursor): void {
    const start = cursor.shard.log.logStartOffset;
    if (cursor.position >= start) return;
    cursor.position = start;
    cursor.reported = start;
  }
}
