// Cuts what watchers are told into messages that are bounded in bytes: a row may be as large as a stream with a thousand
// shards, and gRPC refuses a message that is too large, so that nobody who needs it would ever get it (I8).
import { toBinary } from '@bufbuild/protobuf';
import { ClusterChangeSchema, type ClusterChange } from '@robustmq/rpc';

/** Bytes of rows in one message. One row that is larger travels alone: the bounds on what a command may say keep it small. */
export const PART_BYTES = 256 * 1024;

/** A row with the bytes that it takes. */
export interface MeasuredChange {
  readonly change: ClusterChange;
  readonly bytes: number;
}

/** Bytes of a row in a message. */
export function bytesOf(change: ClusterChange): number {
  return toBinary(ClusterChangeSchema, change).length;
}

/** The same rows in order, in parts of at most {@link PART_BYTES}. Never empty: no rows are one part without any. */
export function partsOf(rows: readonly MeasuredChange[]): ClusterChange[][] {
  let part: ClusterChange[] = [];
  const parts = [part];
  let bytes = 0;
  for (const row of rows) {
    if (bytes + row.bytes > PART_BYTES && part.length > 0) {
      part = [];
      parts.push(part);
      bytes = 0;
    }
    part.push(row.change);
    bytes += row.bytes;
  }
  return parts;
}
