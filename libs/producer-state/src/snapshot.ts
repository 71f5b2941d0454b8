// The snapshot of a shard's producer state in a checkpoint (docs/en/formats/journal-directory.md). Times are ages, so that
// neither a restart nor a clock that was set makes anybody older.

import { ByteReader, ByteWriter } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import type { ProducerTableOptions } from './producer-table.ts';
import { ProducerState } from './producer-state.ts';

const SNAPSHOT_VERSION = 2;
const OUTCOMES = ['commit', 'abort'] as const;

/** The form of a snapshot. */
export const producerSnapshot = {
  /** The state as of `endOffset`: batches from there on are left out, they come back from the log. */
  encode(state: ProducerState, endOffset: number, nowMs: number): Buffer {
    const writer = new ByteWriter({ maxBytes: 1 << 30 });
    writer.writeInt8(SNAPSHOT_VERSION);
    writer.writeInt64(endOffset);
    writeProducers(writer, state, endOffset, nowMs);
    writeTransactions(writer, state);
    writeSessions(writer, state, nowMs);
    return writer.finishCopy();
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

function writeProducers(writer: ByteWriter, state: ProducerState, endOffset: number, nowMs: number): void {
  writer.writeInt32(state.producers.size);
  for (const [producerId, { producerEpoch, lastSeenMs, batches }] of state.producers.entries()) {
    const kept = batches.filter((batch) => batch.lastOffset < endOffset);
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

function writeSessions(writer: ByteWriter, { sessions }: ProducerState, nowMs: number): void {
  writer.writeInt32(sessions.size);
  for (const [sessionId, { generation, lowestUnreleased, offsets, lastSeenMs }] of sessions.entries()) {
    writer.writeInt64(sessionId);
    writer.writeInt64(generation);
    writer.writeInt64(lowestUnreleased);
    writer.writeInt64(age(nowMs, lastSeenMs));
    writer.writeInt32(offsets.size);
    for (const [sequence, offset] of offsets) {
      writer.writeInt64(sequence);
      writer.writeInt64(offset);
    }
  }
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
