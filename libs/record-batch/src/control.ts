// Control batches: a transaction's marker in a partition (KIP-98). One record; key = version and kind, value = version
// and coordinator epoch. They take an offset and are never delivered.

import { readInt16, readInt32, writeInt16, writeInt32 } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { RecordBatchBuilder } from './builder.ts';
import { RecordCursor } from './cursor.ts';
import { ATTRIBUTE_CONTROL, ATTRIBUTE_TRANSACTIONAL, BATCH_HEADER_BYTES } from './layout.ts';

export type MarkerKind = 'abort' | 'commit';

/** A transaction marker. */
export interface TransactionMarker {
  readonly kind: MarkerKind;
  readonly coordinatorEpoch: number;
}

const KIND_ABORT = 0;
const KIND_COMMIT = 1;
const KEY_BYTES = 4;
const VALUE_BYTES = 6;
const MAX_MARKER_BYTES = BATCH_HEADER_BYTES + 32;

/** A control batch with one marker. */
export function buildMarkerBatch(
  marker: TransactionMarker,
  producer: { readonly producerId: number; readonly producerEpoch: number },
  timestampMs: number,
): Buffer {
  const key = Buffer.alloc(KEY_BYTES);
  writeInt16(key, 2, marker.kind === 'commit' ? KIND_COMMIT : KIND_ABORT);
  const value = Buffer.alloc(VALUE_BYTES);
  writeInt32(value, 2, marker.coordinatorEpoch);
  const builder = new RecordBatchBuilder({ initialBytes: MAX_MARKER_BYTES });
  builder.append(timestampMs, key, value);
  return builder.finish({ ...producer, attributes: ATTRIBUTE_CONTROL | ATTRIBUTE_TRANSACTIONAL });
}

/**
 * The marker of a control batch, or null for a control record of another kind, which readers skip.
 * @throws BrokerError corrupt when the record is damaged.
 */
export function readMarker(buffer: Buffer, batchStart: number): TransactionMarker | null {
  const cursor = new RecordCursor().reset(buffer, batchStart);
  if (!cursor.next()) return null;
  if (cursor.keyEnd - cursor.keyStart < KEY_BYTES)
    throw new BrokerError('corrupt', 'control record has no kind');
  const kind = readInt16(buffer, cursor.keyStart + 2);
  if (kind !== KIND_ABORT && kind !== KIND_COMMIT) return null;
  if (cursor.valueEnd - cursor.valueStart < VALUE_BYTES)
    throw new BrokerError('corrupt', 'marker is cut off');
  return {
    kind: kind === KIND_COMMIT ? 'commit' : 'abort',
    coordinatorEpoch: readInt32(buffer, cursor.valueStart + 2),
  };
}
