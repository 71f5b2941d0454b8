// Reads of the journal's index for sessions that are behind: so many at once over all sessions (I8), one per session and
// shard, each repeated until the log has answered (I5). Who waits for a read of others comes in its turn.

import { BrokerError } from '@robustmq/errors';
import type { BacklogResult, JournalClient } from '@robustmq/journal-client';
import type { ShardLag } from '@robustmq/mqtt-session';
import type { Clock, Timers } from '@robustmq/runtime';
import { BacklogReading } from './backlog-reading.ts';
import { BatchWalk, newWalkCounters, type WalkCounters } from './batch-walk.ts';
import type { Inflation } from './inflation.ts';
import type { RecordTopics } from './record-topic.ts';
import type { LaggingSession } from './session-ports.ts';
import type { ShardPlace } from './shard-place.ts';
import type { VisibleStream } from './topic-route.ts';

/** Reads of the journal's index. */
export type BacklogReader = Pick<JournalClient, 'readBacklog'>;

/** What catching up needs around it. */
export interface CatchUpHost {
  readonly clock: Clock;
  readonly timers: Timers;
  streamOf(streamId: number): VisibleStream | undefined;
  /** False for a stream that is there, and for one that this gateway has not heard of yet (N2). */
  isDeleted(streamId: number): boolean;
  onBadBatch(streamId: number, shard: number, error: BrokerError): void;
}

/** Bounds of {@link CatchUp}. */
export interface CatchUpLimits {
  /** Of one backlog read. */
  readonly maxReadBytes: number;
  /** Backlog reads under way over all sessions, and answers that are not delivered yet. */
  readonly maxReads: number;
  /** Wait before a failed read is repeated. */
  readonly retryMs: number;
}

/** One read of the journal for a session. */
export interface ShardRead {
  readonly toOffset: number;
  readonly filters: readonly string[];
  /** Exact places, instead of a range and filters. */
  readonly offsets?: readonly number[];
  readonly take: (walk: BatchWalk, offset: number) => boolean;
  readonly done: () => void;
}

/** Plain integers that instruments read. */
export interface BacklogCounters {
  backlogReads: number;
  backlogBytes: number;
  failedReads: number;
  expiredOffsets: number;
  badBatches: number;
}

/** The reads of all sessions. */
export class BacklogReads {
  readonly counters: BacklogCounters = {
    backlogReads: 0,
    backlogBytes: 0,
    failedReads: 0,
    expiredOffsets: 0,
    badBatches: 0,
  };
  /** What the records read turned out to be. */
  readonly walked: WalkCounters = newWalkCounters();
  readonly #reader: BacklogReader;
  readonly #inflation: Inflation;
  readonly #host: CatchUpHost;
  readonly #limits: CatchUpLimits;
  readonly #topics: RecordTopics;
  /** A session may be able to read on. */
  readonly #want: (session: LaggingSession) => void;
  /** Sessions that want a read while as many as may be are under way, in the order in which they came. */
  readonly #waiting = new Set<LaggingSession>();
  readonly #readings = new Map<LaggingSession, Map<number, BacklogReading>>();
  #reads = 0;
  #stopped = false;

  constructor(
    reader: BacklogReader,
    inflation: Inflation,
    host: CatchUpHost,
    limits: CatchUpLimits,
    topics: RecordTopics,
    want: (session: LaggingSession) => void,
  ) {
    this.#reader = reader;
    this.#inflation = inflation;
    this.#host = host;
    this.#limits = limits;
    this.#topics = topics;
    this.#want = want;
  }

  /** Sessions that wait for a read of others to end. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** What is being read, or delivered, for a session in a shard. */
  of(session: LaggingSession, place: ShardPlace): BacklogReading | undefined {
    return this.#readings.get(session)?.get(place.key);
  }

  /** The session is gone. */
  forget(session: LaggingSession): void {
    this.#waiting.delete(session);
    const readings = this.#readings.get(session);
    this.#readings.delete(session);
    for (const reading of readings?.values() ?? []) this.#end(reading);
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting.clear();
  }

  /** Reads once the journals have a read to spare; what comes is delivered when the session has its turn. */
  start(session: LaggingSession, place: ShardPlace, position: ShardLag, read: ShardRead): void {
    if (this.#reads >= this.#limits.maxReads) {
      this.#waiting.add(session);
      return;
    }
    this.#reads++;
    this.counters.backlogReads++;
    const reading = this.#makeReading(session, place, position, read);
    let readings = this.#readings.get(session);
    if (readings === undefined) this.#readings.set(session, (readings = new Map<number, BacklogReading>()));
    readings.set(place.key, reading);
    this.#reader.readBacklog(
      {
        streamId: place.streamId,
        shard: place.shard,
        fromOffset: position.nextOffset,
        toOffset: read.toOffset,
        maxBytes: this.#limits.maxReadBytes,
        maxRecords: Math.max(1, session.roomIn(place)),
        filters: read.filters,
        ...(read.offsets && { offsets: read.offsets }),
      },
      (error, result) => {
        reading.isAnswered = true;
        // The session is gone, or another life of it reads by now.
        if (this.#readings.get(session)?.get(place.key) !== reading) this.#freed();
        else if (error === undefined) this.#answered(session, reading, position, result!);
        else this.#failed(session, reading, error);
      },
    );
  }

  #makeReading(
    session: LaggingSession,
    place: ShardPlace,
    position: ShardLag,
    { take, done }: ShardRead,
  ): BacklogReading {
    const { streamId, shard } = place;
    return new BacklogReading(
      {
        inflation: this.#inflation,
        streamOf: (id) => this.#host.streamOf(id),
        take,
        done,
        ready: () => this.#want(session),
        onBadBatch: (error) => {
          this.counters.badBatches++;
          this.#host.onBadBatch(streamId, shard, error);
        },
      },
      place,
      position,
      new BatchWalk(this.#topics, this.walked),
    );
  }

  #answered(
    session: LaggingSession,
    reading: BacklogReading,
    position: ShardLag,
    result: BacklogResult,
  ): void {
    this.counters.backlogBytes += result.batches.length;
    if (result.fromOffset > position.nextOffset) {
      // Below what the log still holds: whether they matched nobody knows any more (I5).
      this.counters.expiredOffsets += result.fromOffset - position.nextOffset;
      position.nextOffset = result.fromOffset;
    }
    if (result.nextOffset <= position.nextOffset && result.batches.length === 0) {
      // The journal has not come to where we are: nothing is gained by asking at once.
      this.#failed(session, reading, new BrokerError('unavailable', 'the journal is behind'));
      return;
    }
    // The tail may not have come to where this leader began.
    session.servedBy(reading.place.key, result.leaderEpoch);
    reading.answered(result);
    this.#want(session);
  }

  #failed(session: LaggingSession, reading: BacklogReading, error: BrokerError): void {
    this.counters.failedReads++;
    this.drop(session, reading);
    if (error.code === 'cancelled' || this.#stopped) return;
    this.#host.timers.after(this.#limits.retryMs, () => {
      if (session.output !== null) this.#want(session);
    });
  }

  /** Delivers more of an answer; true when the session can take no more now. */
  deliver(
    session: LaggingSession,
    reading: BacklogReading,
    maxRecords: number,
    looked: { count: number },
  ): boolean {
    switch (reading.run(maxRecords, looked)) {
      case 'paused':
      case 'inflating':
        return false;
      case 'full':
        this.drop(session, reading);
        return true;
      case 'done':
        this.drop(session, reading);
        this.#want(session);
        return false;
    }
  }

  /** The answer is used up, or what is left of it can't be taken now and is read again. */
  drop(session: LaggingSession, reading: BacklogReading): void {
    const readings = this.#readings.get(session);
    readings?.delete(reading.place.key);
    if (readings?.size === 0) this.#readings.delete(session);
    this.#end(reading);
  }

  #end(reading: BacklogReading): void {
    reading.close();
    // One that the journal still works on holds its place until it has answered.
    if (reading.isAnswered) this.#freed();
  }

  /** One place is free: the session that waits longest tries. */
  #freed(): void {
    this.#reads--;
    for (const session of this.#waiting) {
      this.#waiting.delete(session);
      this.#want(session);
      return;
    }
  }
}
