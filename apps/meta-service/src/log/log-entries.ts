// Bytes of a group's entries in a frame, and of the row that says how far a family has applied them
// (docs/en/formats/meta-log.md).
import { fromBinary } from '@bufbuild/protobuf';
import type { RecoveredSection, Section } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import { CommandSchema, type Command } from '@robustmq/rpc';

/** Section kind of entries in the commit log. */
const ENTRIES = 1;
/** Length u32, index u48. */
const ENTRY_HEADER_BYTES = 10;
const MARK_BYTES = 12;

/** A command with its place in its group's log. */
export interface Entry {
  readonly group: number;
  readonly index: number;
  readonly command: Command;
}

/** How far a family's rows go. */
export interface AppliedMark {
  /** Index of the last entry of the group that is in the rows. */
  readonly index: number;
  /** Frame of the commit log up to which nothing of the group is missing in the rows. */
  readonly position: number;
}

/** Bytes that an entry takes in its section. */
export function entryBytes(command: Uint8Array): number {
  return ENTRY_HEADER_BYTES + command.length;
}

/** One section per group, entries in order. */
export function sectionsOf(
  entries: readonly { readonly group: number; readonly index: number; readonly bytes: Uint8Array }[],
): Section[] {
  const buffers = new Map<number, Uint8Array[]>();
  for (const { group, bytes, index } of entries) {
    const header = Buffer.alloc(ENTRY_HEADER_BYTES);
    header.writeUInt32BE(bytes.length, 0);
    header.writeUIntBE(index, 4, 6);
    let list = buffers.get(group);
    if (list === undefined) buffers.set(group, (list = []));
    list.push(header, bytes);
  }
  return [...buffers].map(([key, list]) => ({ kind: ENTRIES, key, subKey: 0, buffers: list }));
}

/** The entries of a section; none if it is of another kind. @throws BrokerError `corrupt` */
export function entriesOf({ kind, key: group, bytes }: RecoveredSection): Entry[] {
  const entries: Entry[] = [];
  if (kind !== ENTRIES) return entries;
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < ENTRY_HEADER_BYTES)
      throw new BrokerError('corrupt', 'an entry header is cut off');
    const start = at + ENTRY_HEADER_BYTES;
    const end = start + bytes.readUInt32BE(at);
    if (end > bytes.length) throw new BrokerError('corrupt', 'an entry is cut off');
    const command = fromBinary(CommandSchema, bytes.subarray(start, end));
    entries.push({ group, index: bytes.readUIntBE(at + 4, 6), command });
    at = end;
  }
  return entries;
}

/** The row's value. */
export function encodeMark({ index, position }: AppliedMark): Buffer {
  const bytes = Buffer.alloc(MARK_BYTES);
  bytes.writeUIntBE(index, 0, 6);
  bytes.writeUIntBE(position, 6, 6);
  return bytes;
}

/** @throws BrokerError `corrupt` */
export function decodeMark(bytes: Buffer | undefined): AppliedMark {
  if (bytes === undefined) return { index: 0, position: 0 };
  if (bytes.length !== MARK_BYTES) throw new BrokerError('corrupt', 'an applied mark has 12 bytes');
  return { index: bytes.readUIntBE(0, 6), position: bytes.readUIntBE(6, 6) };
}
