// Bytes of a group's entries in a frame, and of the row that says how far a family has applied them
// (docs/en/formats/meta-log.md).
import { fromBinary } from '@bufbuild/protobuf';
import type { RecoveredSection, Section } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import { CommandSchema, type Command } from '@robustmq/rpc';
import { SECTION_KIND, sectionBody, VERSION_BYTES } from './log-sections.ts';

/** What an entry is. */
const ENTRY_KIND = { command: 1, membership: 2, noop: 3 } as const;
/** Length u32, index u48, term u48, kind u8. */
const ENTRY_HEADER_BYTES = 17;
const INDEX_AT = 4;
const TERM_AT = 10;
const KIND_AT = 16;
const MARK_VERSION = 1;
/** Version u8, index u48, term u48, position u48. */
const MARK_BYTES = 19;

/** Where an entry stands in its group's log. */
interface EntryPlace {
  readonly group: number;
  readonly index: number;
  /** Of the leader that appended it (Raft 5.1); 1 while there is one member. */
  readonly term: number;
}

/** A command, or the entry with which a new leader commits what it found (Raft 5.4.2). */
export type Entry = EntryPlace &
  ({ readonly kind: 'command'; readonly command: Command } | { readonly kind: 'noop' });

/** How far a family's rows go. */
export interface AppliedMark {
  /** Index of the last entry of the group that is in the rows, and its term. */
  readonly index: number;
  readonly term: number;
  /** Frame of the commit log up to which nothing of the group is missing in the rows. */
  readonly position: number;
}

/** A command to be written. */
export interface CommandBytes extends EntryPlace {
  readonly bytes: Uint8Array;
}

/** Bytes that an entry takes in its section. */
export function entryBytes(command: Uint8Array): number {
  return ENTRY_HEADER_BYTES + command.length;
}

/** One section per group, entries in order. */
export function sectionsOf(commands: readonly CommandBytes[]): Section[] {
  const buffers = new Map<number, Uint8Array[]>();
  for (const { group, bytes, index, term } of commands) {
    const header = Buffer.alloc(ENTRY_HEADER_BYTES);
    header.writeUInt32BE(bytes.length, 0);
    header.writeUIntBE(index, INDEX_AT, 6);
    header.writeUIntBE(term, TERM_AT, 6);
    header[KIND_AT] = ENTRY_KIND.command;
    let list = buffers.get(group);
    if (list === undefined) buffers.set(group, (list = [VERSION_BYTES]));
    list.push(header, bytes);
  }
  return [...buffers].map(([key, list]) => ({ kind: SECTION_KIND.entries, key, subKey: 0, buffers: list }));
}

/** The entries of a section; none if it is of another kind. @throws BrokerError `corrupt`, `unsupported` */
export function entriesOf(section: RecoveredSection): Entry[] {
  const entries: Entry[] = [];
  if (section.kind !== SECTION_KIND.entries) return entries;
  const bytes = sectionBody(section.bytes);
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < ENTRY_HEADER_BYTES)
      throw new BrokerError('corrupt', 'an entry header is cut off');
    const start = at + ENTRY_HEADER_BYTES;
    const end = start + bytes.readUInt32BE(at);
    if (end > bytes.length) throw new BrokerError('corrupt', 'an entry is cut off');
    const place = {
      group: section.key,
      index: bytes.readUIntBE(at + INDEX_AT, 6),
      term: bytes.readUIntBE(at + TERM_AT, 6),
    };
    entries.push(entryOf(place, bytes[at + KIND_AT] ?? 0, bytes.subarray(start, end)));
    at = end;
  }
  return entries;
}

/** An entry that is not understood must not be passed over: what follows it would be applied to a wrong state. */
function entryOf(place: EntryPlace, kind: number, body: Buffer): Entry {
  if (kind === ENTRY_KIND.command)
    return { ...place, kind: 'command', command: fromBinary(CommandSchema, body) };
  if (kind === ENTRY_KIND.noop) return { ...place, kind: 'noop' };
  throw new BrokerError('unsupported', `entry ${place.index} of group ${place.group} has kind ${kind}`);
}

/** The row's value. */
export function encodeMark({ index, term, position }: AppliedMark): Buffer {
  const bytes = Buffer.alloc(MARK_BYTES);
  bytes[0] = MARK_VERSION;
  bytes.writeUIntBE(index, 1, 6);
  bytes.writeUIntBE(term, 7, 6);
  bytes.writeUIntBE(position, 13, 6);
  return bytes;
}

/** @throws BrokerError `corrupt`, `unsupported` */
export function decodeMark(bytes: Buffer | undefined): AppliedMark {
  if (bytes === undefined) return { index: 0, term: 0, position: 0 };
  if (bytes[0] !== MARK_VERSION)
    throw new BrokerError('unsupported', `applied marks of version ${bytes[0] ?? 'none'} are not known here`);
  if (bytes.length !== MARK_BYTES)
    throw new BrokerError('corrupt', `an applied mark has ${MARK_BYTES} bytes`);
  return {
    index: bytes.readUIntBE(1, 6),
    term: bytes.readUIntBE(7, 6),
    position: bytes.readUIntBE(13, 6),
  };
}
