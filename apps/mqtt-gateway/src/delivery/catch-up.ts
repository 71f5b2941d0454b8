// Sessions that are behind the tail (rule X5): a full window, a slow socket, or a reconnect with a cursor. Each keeps a
// cursor per shard only. Inside the ring they read the gateway's own recent batches, below it the journal's index, a
// bounded piece at a time and only as much as the client's window takes; at the tail they are live again.

import { inflateBatchAsync } from '@robustmq/batch-compression';
import { BrokerError } from '@robustmq/errors';
import type { BacklogCallback, BacklogRequest, BacklogResult } from '@robustmq/journal-client';
import {
  RecordCursor,
  baseOffsetOf,
  batchSizeBytesOf,
  codecOf,
  isControl,
  producerIdOf,
} from '@robustmq/record-batch';
import type { Deliverer } from './deliverer.ts';
import { Message, readRecord } from './message.ts';
import type { ShardTail } from './shard-tail.ts';
import type { ShardLag, Subscriber } from './subscriber.ts';
import type { Receiver } from './subscription.ts';
import type { TailDelivery, TailHost } from './tail-delivery.ts';

/** A session as catching up needs it. */
export interface LaggingSession extends Subscriber {
  /** Messages of a shard that the window takes now; 0 while the socket is congested. */
  roomIn(tail: ShardTail): number;
  /** Whether an earlier connection has dealt with the message at this place. */
  isSettled(tail: ShardTail, offset: number): boolean;
  /** Topic filters to read the index for. */
  filters(): readonly string[];
  /** The session follows the shard live from now on. */
  caughtUp(tail: ShardTail): void;
}

/** Reads of the journal's index. */
export interface BacklogReader {
  readBacklog(request: BacklogRequest, callback: BacklogCallback): void;
}

/** Bounds of {@link CatchUp}. */
export interface CatchUpLimits {
  /** Of one backlog read. */
  readonly maxReadBytes: number;
  /** A compressed batch that inflates beyond this is not visible to MQTT. */
  readonly maxInflatedBytes: number;
  /** Backlog reads under way over all sessions. */
  readonly maxReads: number;
  /** Time that reading on may take per turn of the loop. */
  readonly sliceMs: number;
  /** Wait before a failed read is repeated. */
  readonly retryMs: number;
}

/** Records that one session may take before the next has its turn. */
const RECORDS_PER_TURN = 256;

/** Reads on for all sessions that are behind. */
export class CatchUp {
  readonly counters = { backlogReads: 0, backlogBytes: 0, failedReads: 0, expiredOffsets: 0 };
  readonly #tails: TailDelivery;
  readonly #deliverer: Deliverer;
  readonly #reader: BacklogReader;
  readonly #host: TailHost;
  readonly #limits: CatchUpLimits;
  readonly #wanted = new Set<LaggingSession>();
  readonly #reading = new Map<LaggingSession, Set<number>>();
  readonly #cursor = new RecordCursor();
  readonly #message = new Message();
  #reads = 0;
  #scheduled = false;
  #stopped = false;

  constructor(
    tails: TailDelivery,
    deliverer: Deliverer,
    reader: BacklogReader,
    host: TailHost,
    limits: CatchUpLimits,
  ) {
    this.#tails = tails;
    this.#deliverer = deliverer;
    this.#reader = reader;
    this.#host = host;
    this.#limits = limits;
  }

  /** The session may be able to read on: its window opened, its socket drained, or it has just fallen behind. */
  want(session: LaggingSession): void {
    this.#wanted.add(session);
    if (!this.#scheduled && !this.#stopped) this.#schedule();
  }

  /** The session is gone. */
  forget(session: LaggingSession): void {
    this.#wanted.delete(session);
    this.#reading.delete(session);
  }

  stop(): void {
    this.#stopped = true;
    this.#wanted.clear();
  }

  #schedule(): void {
    this.#scheduled = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    this.#scheduled = false;
    const end = performance.now() + this.#limits.sliceMs;
    for (const session of this.#wanted) {
      this.#wanted.delete(session);
      if (!this.#readOn(session)) this.#wanted.add(session);
      if (performance.now() > end) break;
    }
    if (this.#wanted.size > 0 && !this.#stopped) this.#schedule();
  }

  /** False when the session could go on at once but others come first. */
  #readOn(session: LaggingSession): boolean {
    const { lag } = session;
    if (lag === null) return true;
    let budget = RECORDS_PER_TURN;
    let isFull = false;
    for (const [shardKey, position] of lag) {
      if (this.#reading.get(session)?.has(shardKey) === true) continue;
      const tail = this.#tails.tailOf(shardKey);
      if (tail === undefined) continue;
      if (session.roomIn(tail) === 0) {
        isFull = true;
        continue;
      }
      const ringFrom = Math.max(tail.ringStart, position.ringFrom);
      if (position.nextOffset < ringFrom) {
        if (!this.#readBacklog(session, tail, position, ringFrom)) return false;
        continue;
      }
      budget -= this.#readRing(session, tail, position, budget);
      if (position.nextOffset >= tail.nextOffset) session.caughtUp(tail);
      if (budget <= 0) return false;
    }
    // A socket that is full only until the end of the turn tells nobody when it has room again.
    return !isFull || !(session.output?.isDirty ?? false);
  }

  /** Delivers from the ring until the window is full; answers the records looked at. */
  #readRing(session: LaggingSession, tail: ShardTail, position: ShardLag, budget: number): number {
    let looked = 0;
    const nowMs = this.#host.now();
    while (position.nextOffset < tail.nextOffset && looked < budget) {
      const batch = tail.batchAt(position.nextOffset);
      if (batch === undefined) {
        position.nextOffset = tail.nextOffset;
        return looked;
      }
      this.#cursor.reset(batch.buffer, batch.batchStart);
      const { routes, recordStarts, offsetDeltas } = batch;
      const baseOffset = baseOffsetOf(batch.buffer, batch.batchStart);
      for (let index = 0; index < routes.length; index++) {
        const offset = baseOffset + offsetDeltas[index]!;
        if (offset < position.nextOffset) continue;
        looked++;
        const route = routes[index]!;
        const receiver = route === null ? undefined : route.receiverOf(session);
        if (receiver !== undefined && route !== null) {
          seek(this.#cursor, recordStarts[index]!, index);
          readRecord(this.#message, route.topic, this.#cursor, batch.isTrusted);
          if (!this.#deliverTo(session, receiver, tail, offset, nowMs)) {
            position.nextOffset = offset;
            return budget;
          }
        }
        position.nextOffset = offset + 1;
        if (looked >= budget) return looked;
      }
      position.nextOffset = Math.max(position.nextOffset, batch.nextOffset);
    }
    return looked;
  }

  #deliverTo(
    session: LaggingSession,
    receiver: Receiver,
    tail: ShardTail,
    offset: number,
    nowMs: number,
  ): boolean {
    if (session.isSettled(tail, offset)) return true;
    return !this.#deliverer.begin(this.#message, nowMs) || this.#deliverer.deliverTo(receiver, tail, offset);
  }

  /** False when too many reads are under way: the session is to ask again. */
  #readBacklog(session: LaggingSession, tail: ShardTail, position: ShardLag, toOffset: number): boolean {
    if (this.#reads >= this.#limits.maxReads) return false;
    this.#reads++;
    this.counters.backlogReads++;
    let shards = this.#reading.get(session);
    if (shards === undefined) this.#reading.set(session, (shards = new Set()));
    const reading = shards;
    reading.add(tail.key);
    this.#reader.readBacklog(
      {
        streamId: tail.streamId,
        shard: tail.shard,
        fromOffset: position.nextOffset,
        toOffset,
        maxBytes: this.#limits.maxReadBytes,
        maxRecords: Math.max(1, session.roomIn(tail)),
        filters: session.filters(),
      },
      (error, result) => {
        this.#reads--;
        // The session is gone, or another life of it reads by now.
        if (this.#reading.get(session) !== reading) return;
        reading.delete(tail.key);
        if (error === undefined) this.#take(session, tail, position, result!);
        else this.#failed(session, error);
      },
    );
    return true;
  }

  #failed(session: LaggingSession, error: BrokerError): void {
    this.counters.failedReads++;
    if (error.code === 'cancelled' || this.#stopped) return;
    setTimeout(() => {
      if (session.lag !== null && this.#reading.has(session)) this.want(session);
    }, this.#limits.retryMs).unref();
  }

  #take(session: LaggingSession, tail: ShardTail, position: ShardLag, result: BacklogResult): void {
    this.counters.backlogBytes += result.batches.length;
    if (result.fromOffset > position.nextOffset) {
      // Below what the log still holds: whether they matched nobody knows any more (I5).
      this.counters.expiredOffsets += result.fromOffset - position.nextOffset;
      position.nextOffset = result.fromOffset;
    }
    this.#takeFrom(session, tail, position, result, 0);
  }

  /** Delivers the batches from `start` on; a compressed one is inflated off the loop first. */
  #takeFrom(
    session: LaggingSession,
    tail: ShardTail,
    position: ShardLag,
    result: BacklogResult,
    start: number,
  ): void {
    const { batches } = result;
    let at = start;
    while (at < batches.length) {
      const end = at + batchSizeBytesOf(batches, at);
      if (codecOf(batches, at) !== 0) {
        this.#inflate(session, tail, position, result, at, end);
        return;
      }
      if (!this.#deliverSparse(session, tail, position, batches, at)) break;
      at = end;
    }
    if (at >= batches.length) position.nextOffset = Math.max(position.nextOffset, result.nextOffset);
    this.want(session);
  }

  #inflate(
    session: LaggingSession,
    tail: ShardTail,
    position: ShardLag,
    result: BacklogResult,
    start: number,
    end: number,
  ): void {
    const reading = this.#reading.get(session)!;
    reading.add(tail.key);
    inflateBatchAsync(result.batches, start, this.#limits.maxInflatedBytes).then(
      (inflated) => {
        if (this.#reading.get(session) !== reading) return;
        reading.delete(tail.key);
        if (this.#deliverSparse(session, tail, position, inflated, 0)) {
          this.#takeFrom(session, tail, position, result, end);
        } else this.want(session);
      },
      (error: unknown) => {
        if (this.#reading.get(session) !== reading) return;
        reading.delete(tail.key);
        this.#host.onBadBatch(tail.streamId, tail.shard, BrokerError.from(error));
        this.#takeFrom(session, tail, position, result, end);
      },
    );
  }

  /** False when the window was full before its end; the position says where. */
  #deliverSparse(
    session: LaggingSession,
    tail: ShardTail,
    position: ShardLag,
    buffer: Buffer,
    start: number,
  ): boolean {
    const visible = this.#host.streamOf(tail.streamId);
    if (visible === undefined || isControl(buffer, start)) return true;
    const cursor = this.#cursor.reset(buffer, start);
    const isTrusted = this.#host.isGatewayProducer(producerIdOf(buffer, start));
    const nowMs = this.#host.now();
    while (cursor.next()) {
      const { offset } = cursor;
      if (offset < position.nextOffset) continue;
      const route = this.#tails.routeOf(cursor, visible, isTrusted);
      const receiver = route?.receiverOf(session);
      if (route !== null && receiver !== undefined) {
        readRecord(this.#message, route.topic, cursor, isTrusted);
        if (!this.#deliverTo(session, receiver, tail, offset, nowMs)) {
          position.nextOffset = offset;
          return false;
        }
      }
      position.nextOffset = offset + 1;
    }
    return true;
  }
}

/** Points a cursor that was reset to a batch at its record `index`, which starts at `recordStart`. */
function seek(cursor: RecordCursor, recordStart: number, index: number): void {
  cursor.index = index - 1;
  cursor.recordEnd = recordStart;
  cursor.next();
}
