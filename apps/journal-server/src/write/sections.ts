// Commit-log sections that a journal-server writes (docs/en/formats/journal-directory.md). The key of a section is the stream
// id, its sub-key the shard; its first byte is a version (rule N17).

import type { RecoveredSection, Section } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';

/** Record batches end to end, with their final offsets and leader epochs. */
export const SECTION_RECORDS = 1;
/** Int64 offset: the log was cut to end there (rule R4). */
export const SECTION_TRUNCATION = 2;
/** Int64 offset: consumers see nothing below it any more. */
export const SECTION_LOG_START = 3;

const KINDS: ReadonlySet<number> = new Set([SECTION_RECORDS, SECTION_TRUNCATION, SECTION_LOG_START]);
const VERSION = 1;
/** Shared by all sections: the log copies what it is given. */
const VERSION_BYTES = Buffer.from([VERSION]);

/** Whose section it is. */
export interface SectionKey {
  readonly streamId: number;
  readonly shard: number;
}

/** What a section of records holds beside its batches. */
export const RECORDS_OVERHEAD_BYTES = VERSION_BYTES.length;

/** Batches of a shard as a section. */
export function recordsSection({ streamId, shard }: SectionKey, batches: Uint8Array): Section {
  return { kind: SECTION_RECORDS, key: streamId, subKey: shard, buffers: [VERSION_BYTES, batches] };
}

/** A section that says where something lies in a shard. */
export function offsetSection(
  kind: typeof SECTION_TRUNCATION | typeof SECTION_LOG_START,
  { streamId, shard }: SectionKey,
  offset: number,
): Section {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(offset));
  return { kind, key: streamId, subKey: shard, buffers: [VERSION_BYTES, bytes] };
}

/**
 * What follows the version of a section that is not damaged.
 * @throws BrokerError unsupported for a kind or version that only a later release knows: passed over, its records would be lost
 */
export function sectionBody({ kind, bytes }: RecoveredSection): Buffer {
  if (!KINDS.has(kind) || bytes[0] !== VERSION)
    throw new BrokerError(
      'unsupported',
      `the commit log holds sections of kind ${kind} and version ${bytes[0] ?? 'none'}, which this release does not know`,
    );
  return bytes.subarray(1);
}

/** The offset in the body of a section. */
export function offsetOf(body: Buffer): number {
  return Number(body.readBigInt64BE(0));
}
