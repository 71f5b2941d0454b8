// Sections of the meta log in a frame (docs/en/formats/meta-log.md): entries of a group, and what a member of a Raft group
// must not forget beside them. One member writes entries only; the places of the others are fixed now, so that no log has to
// be rewritten when members join.
import type { RecoveredSection, Section } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';

/** Kinds of sections; the key of each is its group. */
export const SECTION_KIND = { entries: 1, vote: 2, snapshot: 3 } as const;

/** Version of what follows in each section (N17). */
export const SECTION_VERSION = 1;
/** The first bytes of a section. */
export const VERSION_BYTES: Uint8Array = Uint8Array.of(SECTION_VERSION);

/** Version u8, term u48, length u16. */
const VOTE_HEADER_BYTES = 9;
/** Version u8, index u48, term u48. */
const SNAPSHOT_BYTES = 13;

/** The term that a member has seen, and for whom it voted in it (Raft 5.2). */
export interface Vote {
  readonly group: number;
  readonly term: number;
  /** Empty: for nobody yet. */
  readonly nodeId: string;
}

/** The rows of a group were replaced by a snapshot up to here; earlier entries are void (Raft 7). */
export interface SnapshotMark {
  readonly group: number;
  readonly index: number;
  readonly term: number;
}

/** What follows the version. @throws BrokerError `unsupported` */
export function sectionBody(bytes: Buffer): Buffer {
  if (bytes[0] !== SECTION_VERSION)
    throw new BrokerError('unsupported', `sections of version ${bytes[0] ?? 'none'} are not known here`);
  return bytes.subarray(1);
}

/** A vote as a section. */
export function voteSection({ group, term, nodeId }: Vote): Section {
  const name = Buffer.from(nodeId);
  const header = Buffer.alloc(VOTE_HEADER_BYTES);
  header[0] = SECTION_VERSION;
  header.writeUIntBE(term, 1, 6);
  header.writeUInt16BE(name.length, 7);
  return { kind: SECTION_KIND.vote, key: group, subKey: 0, buffers: [header, name] };
}

/** The vote of a section, if it is one. @throws BrokerError `corrupt`, `unsupported` */
export function voteOf({ kind, key: group, bytes }: RecoveredSection): Vote | undefined {
  if (kind !== SECTION_KIND.vote) return undefined;
  const body = sectionBody(bytes);
  if (body.length < VOTE_HEADER_BYTES - 1) throw new BrokerError('corrupt', 'a vote is cut off');
  const end = VOTE_HEADER_BYTES - 1 + body.readUInt16BE(6);
  if (end !== body.length) throw new BrokerError('corrupt', 'a vote has another length than it says');
  return { group, term: body.readUIntBE(0, 6), nodeId: body.toString('utf8', VOTE_HEADER_BYTES - 1, end) };
}

/** A snapshot's place as a section. */
export function snapshotSection({ group, index, term }: SnapshotMark): Section {
  const bytes = Buffer.alloc(SNAPSHOT_BYTES);
  bytes[0] = SECTION_VERSION;
  bytes.writeUIntBE(index, 1, 6);
  bytes.writeUIntBE(term, 7, 6);
  return { kind: SECTION_KIND.snapshot, key: group, subKey: 0, buffers: [bytes] };
}

/** The snapshot's place of a section, if it is one. @throws BrokerError `corrupt`, `unsupported` */
export function snapshotOf({ kind, key: group, bytes }: RecoveredSection): SnapshotMark | undefined {
  if (kind !== SECTION_KIND.snapshot) return undefined;
  const body = sectionBody(bytes);
  if (body.length !== SNAPSHOT_BYTES - 1) throw new BrokerError('corrupt', 'a snapshot mark has 13 bytes');
  return { group, index: body.readUIntBE(0, 6), term: body.readUIntBE(6, 6) };
}
