// The snapshot of a shard's producer state in a checkpoint (docs/en/formats/journal-directory.md). Times are ages, so that
// neither a restart nor a clock that was set makes anybody older.
//
// It may be made in steps while the log grows (N8), although its entries are of different moments then: a reader repeats the log
// from `endOffset` on. What an entry already knows of that part it learns once more, and of producers such batches are left out;
// transactions, which the same marker must not decide twice, are those of the first moment. For that the log has to be durable up
// to the last step when the snapshot is: else an entry would speak of what was never appended.

import { ByteReader, ByteWriter } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { REMEMBERED_BATCHES, type ProducerTableOptions } from './producer-table.ts';
import { ProducerState } from './producer-state.ts';

const SNAPSHOT_VERSION = 2;
const OUTCOMES = ['commit', 'abort'] as const;

/** A snapshot in the making: it may rest after each step. */
type SnapshotSteps = Generator<undefined, Buffer, undefined>;

/** Producers, sessions and offsets that one step writes. */
const STEP_ENTRIES = 1_024;
/** What a producer takes at most, and a snapshot beside them. */
const PRODUCER_BYTES = 19 + 24 * REMEMBERED_BATCHES;
const FRAME_BYTES = 64;
const MAX_BYTES = 1 << 30;

interface Moment {
  readonly endOffset: number;
  readonly nowMs: number;
  readonly stepEntries: number;
}

function* steps(state: ProducerState, moment: Moment, transactions: Buffer): SnapshotSteps {
  // Room for all producers: to grow would copy all that was written within one step.
  const initialBytes = FRAME_BYTES + state.producers.size * PRODUCER_BYTES;
  const writer = new ByteWriter({ initialBytes, maxBytes: MAX_BYTES });
  writer.writeInt8(SNAPSHOT_VERSION);
  writer.writeInt64(moment.endOffset);
  yield* writeProducers(writer, state, moment);
  writer.writeBytes(transactions);
  yield* writeSessions(writer, state, moment);
  return writer.finish();
}

/** The form of a snapshot. */
export const producerSnapshot = {
  /**
   * The state as of `endOffset`, which is now: batches from there on are left out, they come back from the log. Each step writes
   * `stepEntries` entries or so.
   */
  inSteps(
    state: ProducerState,
    endOffset: number,
    nowMs: number,
    stepEntries: number = STEP_ENTRIES,
  ): SnapshotSteps {
    const transactions = new ByteWriter({ maxBytes: MAX_BYTES });
    writeTransactions(transactions, state);
    return steps(state, { endOffset, nowMs, stepEntries }, transactions.finish());
  },

  /** As {@link inSteps}, at once. */
  encode(state: ProducerState, endOffset: number, nowMs: number): Buffer {
    const making = producerSnapshot.inSteps(state, endOffset, nowMs);
    for (;;) {
      const step = making.next();
      if (step.done === true) return step.value;
    }
  },

  /** @throws BrokerError corrupt if the bytes are no snapshot of this version. */
  decode(
    bytes: Buffer,
    options: ProducerTableOptions,
    nowMs: number,
  ): { readonly state: ProducerState; readonly endOffset: number } {
    const reader = new ByteReader(bytes);
    const state = new ProducerState(options);
    try {
      if (reader.readUInt8() !== SNAPSHOT_VERSION) throw new BrokerError('corrupt', 'unknown version');
      const endOffset = reader.readInt64();
      readProducers(reader, state, nowMs);
      readTransactions(reader, state);
      readSessions(reader, state, nowMs);
      if (reader.position !== bytes.length) throw new BrokerError('corrupt', 'bytes left over');
      return { state, endOffset };
    } catch (cause) {
      state.drop();
      throw new BrokerError('corrupt', 'producer snapshot is damaged', { cause });
    }
  },
} as const;

function age(nowMs: number, lastSeenMs: number): number {
  return Math.max(0, Math.round(nowMs - lastSeenMs));
}

function* writeProducers(
  writer: ByteWriter,
  state: ProducerState,
  { endOffset, nowMs, stepEntries }: Moment,
): Generator<undefined, void, undefined> {
  const countAt = writer.skip(4);
  let count = 0;
  let written = 0;
  // One that writes between two steps moves behind the others and comes once more, with fewer batches each time: the last counts.
  for (const [producerId, entry] of state.producers.entries()) {
    if (++written % stepEntries === 0) yield;
    const { producerEpoch, lastSeenMs, batches } = entry;
    const kept = batches.filter((batch) => batch.lastOffset < endOffset);
    if (kept.length === 0 && batches.length > 0) continue;
    count++;
    writer.writeInt64(producerId);
    writer.writeInt16(producerEpoch);
    writer.writeInt64(age(nowMs, lastSeenMs));
    writer.writeInt8(kept.length);
    for (const batch of kept) {
      writer.writeInt32(batch.baseSequence);
      writer.writeInt32(batch.lastSequence);
      writer.writeInt64(batch.baseOffset);
      writer.writeInt64(batch.lastOffset);
    }
  }
  writer.patchInt32(countAt, count);
}

function readProducers(reader: ByteReader, state: ProducerState, nowMs: number): void {
  for (let left = reader.readInt32(); left > 0; left--) {
    const producerId = reader.readInt64();
    const producerEpoch = reader.readInt16();
    const lastSeenMs = nowMs - reader.readInt64();
    const batches = [];
    for (let each = reader.readUInt8(); each > 0; each--) {
      batches.push({
        baseSequence: reader.readInt32(),
        lastSequence: reader.readInt32(),
        baseOffset: reader.readInt64(),
        lastOffset: reader.readInt64(),
      });
    }
    state.producers.restore(producerId, { producerEpoch, batches, lastSeenMs });
  }
}

function writeTransactions(writer: ByteWriter, { transactions }: ProducerState): void {
  writer.writeInt32(transactions.open.size);
  for (const [producerId, firstOffset] of transactions.open) {
    writer.writeInt64(producerId);
    writer.writeInt64(firstOffset);
  }
  const decided = transactions.decidedOnes;
  writer.writeInt32(decided.length);
  for (const { producerId, firstOffset, lastOffset, outcome } of decided) {
    writer.writeInt64(producerId);
    writer.writeInt64(firstOffset);
    writer.writeInt64(lastOffset);
    writer.writeInt8(OUTCOMES.indexOf(outcome));
  }
}

function readTransactions(reader: ByteReader, { transactions }: ProducerState): void {
  for (let left = reader.readInt32(); left > 0; left--)
    transactions.appended(reader.readInt64(), reader.readInt64());
  for (let left = reader.readInt32(); left > 0; left--) {
    const producerId = reader.readInt64();
    const firstOffset = reader.readInt64();
    const lastOffset = reader.readInt64();
    const outcome = OUTCOMES[reader.readUInt8()];
    if (outcome === undefined) throw new BrokerError('corrupt', 'unknown outcome');
    transactions.restore({ producerId, firstOffset, lastOffset, outcome });
  }
}

function* writeSessions(
  writer: ByteWriter,
  { sessions }: ProducerState,
  { nowMs, stepEntries }: Moment,
): Generator<undefined, void, undefined> {
  const countAt = writer.skip(4);
  const known = new Set<number>();
  let written = 0;
  for (const [sessionId, { generation, lowestUnreleased, offsets, lastSeenMs }] of sessions.entries()) {
    // One that publishes between two steps moves behind the others.
    if (known.has(sessionId)) continue;
    known.add(sessionId);
    writer.writeInt64(sessionId);
    writer.writeInt64(generation);
    writer.writeInt64(lowestUnreleased);
    writer.writeInt64(age(nowMs, lastSeenMs));
    writer.writeInt32(offsets.size);
    for (const [sequence, offset] of offsets) {
      writer.writeInt64(sequence);
      writer.writeInt64(offset);
    }
    written += 1 + offsets.size;
    if (written < stepEntries) continue;
    written = 0;
    yield;
  }
  writer.patchInt32(countAt, known.size);
}

function readSessions(reader: ByteReader, { sessions }: ProducerState, nowMs: number): void {
  for (let left = reader.readInt32(); left > 0; left--) {
    const sessionId = reader.readInt64();
    const generation = reader.readInt64();
    const lowestUnreleased = reader.readInt64();
    const lastSeenMs = nowMs - reader.readInt64();
    const offsets = new Map<number, number>();
    for (let each = reader.readInt32(); each > 0; each--) offsets.set(reader.readInt64(), reader.readInt64());
    sessions.restore(sessionId, { generation, lowestUnreleased, offsets, lastSeenMs });
  }
}
