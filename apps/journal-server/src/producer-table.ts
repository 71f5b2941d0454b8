// Idempotent producers of one shard (rule R6, KIP-98): per producer id the epoch and the last five batches, so that a
// repeat is recognised and a gap refused. A pure function of the log's batch headers; a snapshot only saves reading.

import { ByteReader, ByteWriter } from '@robustmq/bytes';
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

interface ProducerEntry {
  producerEpoch: number;
  /** Oldest first, at most {@link REMEMBERED_BATCHES}. */
  batches: RememberedBatch[];
  lastTimestampMs: number;
}

/** KIP-98: a producer has at most five batches in flight, so a repeat is one of the last five. */
export const REMEMBERED_BATCHES = 5;
const SEQUENCE_MODULUS = 2 ** 31;
const SNAPSHOT_VERSION = 1;

/** Producers of one shard. */
export class ProducerTable {
  readonly #producers = new Map<number, ProducerEntry>();
  /** Entries as they were before the tick that is being written; undefined: there was none. */
  readonly #before = new Map<number, ProducerEntry | undefined>();

  get size(): number {
    return this.#producers.size;
  }

  /**
   * Judges the next batch of a producer: a remembered batch if it is a repeat, undefined if it is to be appended.
   * @param strictStart an unknown producer must begin at sequence 0: true for gateways, whose ids are fresh, so that a
   * refused first batch is not overtaken by its successor.
   * @throws BrokerError fenced (older epoch), out_of_order (a gap), duplicate (a repeat too old to be remembered).
   */
  check(batch: ProducerBatch, strictStart: boolean): RememberedBatch | undefined {
    const entry = this.#producers.get(batch.producerId);
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
  assigned(batch: ProducerBatch, baseOffset: number, lastOffset: number, timestampMs: number): void {
    const { producerId } = batch;
    if (!this.#before.has(producerId)) {
      const entry = this.#producers.get(producerId);
      this.#before.set(producerId, entry && { ...entry, batches: [...entry.batches] });
    }
    this.appended(batch, baseOffset, lastOffset, timestampMs);
  }

  /** The tick was written. */
  keep(): void {
    if (this.#before.size > 0) this.#before.clear();
  }

  /** The tick was not written: what it had pushed out is remembered again. */
  takeBack(): void {
    for (const [producerId, entry] of this.#before) {
      if (entry === undefined) this.#producers.delete(producerId);
      else this.#producers.set(producerId, entry);
    }
    this.#before.clear();
  }

  /** Notes an appended (or replayed) batch. */
  appended(batch: ProducerBatch, baseOffset: number, lastOffset: number, timestampMs: number): void {
    let entry = this.#producers.get(batch.producerId);
    if (entry === undefined || batch.producerEpoch > entry.producerEpoch) {
      entry = { producerEpoch: batch.producerEpoch, batches: [], lastTimestampMs: timestampMs };
      this.#producers.set(batch.producerId, entry);
    }
    if (batch.producerEpoch < entry.producerEpoch) return;
    const { baseSequence, lastSequence } = batch;
    entry.batches.push({ baseSequence, lastSequence, baseOffset, lastOffset });
    if (entry.batches.length > REMEMBERED_BATCHES) entry.batches.shift();
    entry.lastTimestampMs = Math.max(entry.lastTimestampMs, timestampMs);
  }

  /** Forgets producers that have not written since; bounds the table (`producer.id.expiration.ms`). */
  expire(beforeMs: number): void {
    for (const [producerId, entry] of this.#producers) {
      if (entry.lastTimestampMs < beforeMs) this.#producers.delete(producerId);
    }
  }

  /** Snapshot as of `endOffset`: batches from there on are left out, they come back from the log. */
  encode(endOffset: number): Buffer {
    const writer = new ByteWriter({ maxBytes: 1 << 30 });
    writer.writeInt8(SNAPSHOT_VERSION);
    writer.writeInt64(endOffset);
    writer.writeInt32(this.#producers.size);
    for (const [producerId, entry] of this.#producers) {
      const batches = entry.batches.filter((batch) => batch.lastOffset < endOffset);
      writer.writeInt64(producerId);
      writer.writeInt16(entry.producerEpoch);
      writer.writeInt64(entry.lastTimestampMs);
      writer.writeInt8(batches.length);
      for (const batch of batches) {
        writer.writeInt32(batch.baseSequence);
        writer.writeInt32(batch.lastSequence);
        writer.writeInt64(batch.baseOffset);
        writer.writeInt64(batch.lastOffset);
      }
    }
    return writer.finishCopy();
  }

  /** @throws BrokerError corrupt if the bytes are no snapshot. */
  static decode(bytes: Buffer): { table: ProducerTable; endOffset: number } {
    const reader = new ByteReader(bytes);
    const table = new ProducerTable();
    try {
      if (reader.readUInt8() !== SNAPSHOT_VERSION) throw new BrokerError('corrupt', 'unknown version');
      const endOffset = reader.readInt64();
      const count = reader.readInt32();
      for (let index = 0; index < count; index++) {
        const producerId = reader.readInt64();
        const entry: ProducerEntry = {
          producerEpoch: reader.readInt16(),
          lastTimestampMs: reader.readInt64(),
          batches: [],
        };
        const batches = reader.readUInt8();
        for (let each = 0; each < batches; each++) {
          entry.batches.push({
            baseSequence: reader.readInt32(),
            lastSequence: reader.readInt32(),
            baseOffset: reader.readInt64(),
            lastOffset: reader.readInt64(),
          });
        }
        table.#producers.set(producerId, entry);
      }
      return { table, endOffset };
    } catch (error) {
      throw new BrokerError('corrupt', 'producer snapshot is damaged', { cause: error });
    }
  }
}

function outOfOrder(batch: ProducerBatch, expected: number): BrokerError {
  return new BrokerError('out_of_order', 'a gap in the sequence of this producer', {
    details: { producerId: batch.producerId, baseSequence: batch.baseSequence, expected },
  });
}
