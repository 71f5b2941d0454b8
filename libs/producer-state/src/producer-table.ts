// Idempotent producers of one shard (rule R6, KIP-98): per producer id the epoch and the last five batches, so that a
// repeat is recognised and a gap refused. A pure function of the log's batch headers; a snapshot only saves reading. It is
// bounded: of producers that clients made up, the one that has been silent for longest goes first.

import { BrokerError } from '@robustmq/errors';

/** What a batch header says of its producer. */
export interface ProducerBatch {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
}

/** A batch that the table remembers. */
export interface RememberedBatch {
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

/** What is known of a producer. */
export interface ProducerEntry {
  producerEpoch: number;
  /** Oldest first, at most {@link REMEMBERED_BATCHES}. */
  batches: RememberedBatch[];
  /** Monotonic: a wall clock that is set forgets nobody. */
  lastSeenMs: number;
}

/** KIP-98: a producer has at most five batches in flight, so a repeat is one of the last five. */
export const REMEMBERED_BATCHES = 5;
const SEQUENCE_MODULUS = 2 ** 31;
/** Producers that are forgotten at a time. */
export const MOST_EXPIRED = 10_000;

/** How many producers all tables of a process remember together (rule I8). */
export class ProducerQuota {
  used = 0;
  /** Producers that had to go for others. */
  evicted = 0;
  readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }
}

/** Surroundings of a {@link ProducerTable}. */
export interface ProducerTableOptions {
  /** Whether the id is one of a gateway. Such ids come from meta, are few, and are never evicted (rule R6). */
  readonly isGateway: (producerId: number) => boolean;
  readonly quota: ProducerQuota;
}

/** Producers of one shard. */
export class ProducerTable {
  readonly #options: ProducerTableOptions;
  readonly #gateways = new Map<number, ProducerEntry>();
  /** The one that has been silent for longest first. */
  readonly #clients = new Map<number, ProducerEntry>();
  /** Entries as they were before the tick that is being written; undefined: there was none. */
  readonly #before = new Map<number, ProducerEntry | undefined>();

  constructor(options: ProducerTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#gateways.size + this.#clients.size;
  }

  /**
   * Judges the next batch of a producer: a remembered batch if it is a repeat, undefined if it is to be appended.
   * @param strictStart an unknown producer must begin at sequence 0: true for gateways, whose ids are fresh, so that a
   * refused first batch is not overtaken by its successor.
   * @throws BrokerError fenced (older epoch), out_of_order (a gap), duplicate (a repeat too old to be remembered).
   */
  check(batch: ProducerBatch, strictStart: boolean): RememberedBatch | undefined {
    const entry = this.#entryOf(batch.producerId);
    if (entry === undefined) {
      if (strictStart && batch.baseSequence !== 0) throw outOfOrder(batch, 0);
      return undefined;
    }
    if (batch.producerEpoch < entry.producerEpoch) {
      throw new BrokerError('fenced', 'a newer epoch of this producer has written', {
        details: { producerId: batch.producerId, producerEpoch: entry.producerEpoch },
      });
    }
    if (batch.producerEpoch > entry.producerEpoch) {
      if (batch.baseSequence !== 0) throw outOfOrder(batch, 0);
      return undefined;
    }
    for (const known of entry.batches) {
      if (known.baseSequence === batch.baseSequence && known.lastSequence === batch.lastSequence)
        return known;
    }
    const last = entry.batches[entry.batches.length - 1];
    if (last === undefined) return undefined;
    const expected = (last.lastSequence + 1) % SEQUENCE_MODULUS;
    if (batch.baseSequence === expected) return undefined;
    // Sequences wrap: behind the expected one by less than half the circle is older.
    const behind = (expected - batch.baseSequence + SEQUENCE_MODULUS) % SEQUENCE_MODULUS;
    const count = ((batch.lastSequence - batch.baseSequence + SEQUENCE_MODULUS) % SEQUENCE_MODULUS) + 1;
    // Clients take "duplicate" for "written", so it is said only of what lies behind as a whole.
    if (behind < SEQUENCE_MODULUS / 2 && count <= behind) {
      throw new BrokerError('duplicate', 'an old batch again, no longer remembered', {
        details: { producerId: batch.producerId, baseSequence: batch.baseSequence },
      });
    }
    throw outOfOrder(batch, expected);
  }

  /** Notes a batch of a tick that is not written yet: {@link keep} or {@link takeBack} follows. */
  assigned(batch: ProducerBatch, baseOffset: number, lastOffset: number, nowMs: number): void {
    const { producerId } = batch;
    if (!this.#before.has(producerId)) {
      const entry = this.#entryOf(producerId);
      this.#before.set(producerId, entry && { ...entry, batches: [...entry.batches] });
    }
    this.appended(batch, baseOffset, lastOffset, nowMs);
  }

  /** The tick was written. */
  keep(): void {
    if (this.#before.size > 0) this.#before.clear();
  }

  /** The tick was not written: what it had pushed out is remembered again. */
  takeBack(): void {
    for (const [producerId, entry] of this.#before) {
      if (entry === undefined) this.#forget(producerId);
      else this.#put(producerId, entry);
    }
    this.#before.clear();
  }

  /** Notes an appended (or replayed) batch. */
  appended(batch: ProducerBatch, baseOffset: number, lastOffset: number, nowMs: number): void {
    const { producerId, producerEpoch, baseSequence, lastSequence } = batch;
    const known = this.#entryOf(producerId);
    if (known !== undefined && producerEpoch < known.producerEpoch) return;
    const isNew = known === undefined || producerEpoch > known.producerEpoch;
    const entry = isNew ? { producerEpoch, batches: [], lastSeenMs: nowMs } : known;
    entry.batches.push({ baseSequence, lastSequence, baseOffset, lastOffset });
    if (entry.batches.length > REMEMBERED_BATCHES) entry.batches.shift();
    entry.lastSeenMs = Math.max(entry.lastSeenMs, nowMs);
    this.#put(producerId, entry);
  }

  /**
   * Forgets the batches that a truncation removed (rule R4).
   * @returns false if batches are missing that those had pushed out: the table must be read from the log again.
   */
  truncateTo(endOffset: number): boolean {
    let isWhole = true;
    for (const [producerId, entry] of this.entries()) {
      const batches = entry.batches.filter((batch) => batch.lastOffset < endOffset);
      if (batches.length === entry.batches.length) continue;
      isWhole = false;
      if (batches.length === 0) this.#forget(producerId);
      else entry.batches = batches;
    }
    return isWhole;
  }

  /**
   * Forgets producers that have been silent for too long (`producer.id.expiration.ms`), a bounded number at a time (N8). Those
   * that live, though they have had nothing to write here, count as heard from now (rule R6): a gateway has few ids for all its
   * shards.
   */
  expire(nowMs: number, silentMs: number, isLive: (producerId: number) => boolean): void {
    for (const [producerId, entry] of this.#gateways) {
      if (isLive(producerId)) entry.lastSeenMs = nowMs;
      else if (nowMs - entry.lastSeenMs > silentMs) this.#forget(producerId);
    }
    let left = MOST_EXPIRED;
    for (const [producerId, entry] of this.#clients) {
      if (nowMs - entry.lastSeenMs <= silentMs || left-- === 0) return;
      this.#forget(producerId);
    }
  }

  /** Gives the places in the quota back: the shard is gone, or its table is read anew. */
  drop(): void {
    this.#options.quota.used -= this.size;
    this.#gateways.clear();
    this.#clients.clear();
    this.#before.clear();
  }

  /** All producers, for a snapshot. */
  *entries(): Generator<readonly [number, ProducerEntry], void, undefined> {
    yield* this.#gateways;
    yield* this.#clients;
  }

  /** Takes an entry of a snapshot. */
  restore(producerId: number, entry: ProducerEntry): void {
    this.#put(producerId, entry);
  }

  #entryOf(producerId: number): ProducerEntry | undefined {
    return this.#options.isGateway(producerId)
      ? this.#gateways.get(producerId)
      : this.#clients.get(producerId);
  }

  #put(producerId: number, entry: ProducerEntry): void {
    const { quota } = this.#options;
    if (this.#options.isGateway(producerId)) {
      if (!this.#gateways.has(producerId)) quota.used++;
      this.#gateways.set(producerId, entry);
      return;
    }
    if (!this.#clients.delete(producerId)) quota.used++;
    this.#clients.set(producerId, entry);
    if (quota.used > quota.limit) this.#evictOldest(producerId);
  }

  /** Of this table: the one that fills the quota pays for it. Its last producer stays. */
  #evictOldest(except: number): void {
    for (const producerId of this.#clients.keys()) {
      if (producerId === except || this.#before.has(producerId)) continue;
      this.#forget(producerId);
      this.#options.quota.evicted++;
      return;
    }
  }

  #forget(producerId: number): void {
    const map = this.#options.isGateway(producerId) ? this.#gateways : this.#clients;
    if (map.delete(producerId)) this.#options.quota.used--;
  }
}

function outOfOrder(batch: ProducerBatch, expected: number): BrokerError {
  return new BrokerError('out_of_order', 'a gap in the sequence of this producer', {
    details: { producerId: batch.producerId, baseSequence: batch.baseSequence, expected },
  });
}
