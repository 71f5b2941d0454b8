// Aborted transactions of a segment, in Kafka's `.txnindex` form: what a read_committed consumer must skip.

import { readInt16, readInt64, writeInt16, writeInt64 } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';

/** One aborted transaction. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Offset of the abort marker. */
  readonly lastOffset: number;
  /** LSO when the marker was written. */
  readonly lastStableOffset: number;
}

/** Version (16-bit) and four 64-bit numbers, big-endian. */
export const TRANSACTION_ENTRY_BYTES = 34;

/** Entries as the file has them. */
export function encodeTransactions(transactions: readonly AbortedTransaction[]): Buffer {
  const bytes = Buffer.alloc(transactions.length * TRANSACTION_ENTRY_BYTES);
  transactions.forEach((transaction, i) => {
    const at = i * TRANSACTION_ENTRY_BYTES;
    writeInt16(bytes, at, 0);
    writeInt64(bytes, at + 2, transaction.producerId);
    writeInt64(bytes, at + 10, transaction.firstOffset);
    writeInt64(bytes, at + 18, transaction.lastOffset);
    writeInt64(bytes, at + 26, transaction.lastStableOffset);
  });
  return bytes;
}

/** @throws BrokerError corrupt for another version or a cut entry: the file must be rebuilt from the records. */
export function decodeTransactions(bytes: Buffer): AbortedTransaction[] {
  if (bytes.length % TRANSACTION_ENTRY_BYTES !== 0) throw new BrokerError('corrupt', 'txnindex is cut');
  const transactions: AbortedTransaction[] = [];
  for (let at = 0; at < bytes.length; at += TRANSACTION_ENTRY_BYTES) {
    if (readInt16(bytes, at) !== 0) throw new BrokerError('corrupt', 'txnindex has an unknown version');
    transactions.push({
      producerId: readInt64(bytes, at + 2),
      firstOffset: readInt64(bytes, at + 10),
      lastOffset: readInt64(bytes, at + 18),
      lastStableOffset: readInt64(bytes, at + 26),
    });
  }
  return transactions;
}
