// Where a session stands in its shards: cursors, and messages in flight (rules S2, S3, X4).
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  CursorRowSchema,
  OutboundRowSchema,
  ShardPositionSchema,
  type CursorRow,
  type OutboundRow,
  type SessionCounts,
  type SessionHead,
  type SessionKey,
  type SessionPlaces,
} from '@robustmq/rpc';
import type { ApplyView } from '../group-machine.ts';
import { afterPrefix, cursorKey, outboundKey, outboundRows } from './keys.ts';
import { countsOf, keyOfHead } from './session-heads.ts';
import { StagedRows } from './staged-rows.ts';

/** Shards that a session may have cursors in. */
export const MAX_CURSORS = 20_000;
/** Packet Identifiers are numbers from 1 to this [MQTT-2.2.1]. */
const MAX_PACKET_ID = 0xffff;

/** Names a session's rows. */
type SessionName = Pick<SessionKey, 'tenant' | 'clientId'>;

/** Keys that {@link putPlaces} reads. */
export function keysOfPlaces(name: SessionName, places: SessionPlaces | undefined): Buffer[] {
  return places === undefined ? [] : places.cursors.map((row) => keyOfCursor(name, row));
}

export function keyOfCursor({ tenant, clientId }: SessionName, { position }: CursorRow): Buffer {
  return cursorKey(tenant, clientId, position?.streamId ?? 0, position?.shard ?? 0);
}

/**
 * Stores what the owner of a session says at its release: cursors that moved, and all that is in flight. Answers the counts.
 * @throws BrokerError with nothing changed
 */
export function putPlaces(view: ApplyView, head: SessionHead, places: SessionPlaces): SessionCounts {
  const { tenant, clientId } = keyOfHead(head);
  const rows = new StagedRows(view);
  const counts = countsOf(head);
  counts.cursors += putCursors(rows, { tenant, clientId }, places.cursors, atRelease);
  checkCursors(counts);
  const outbound = new Map(places.outbound.map((row) => [checkedPacketId(row.packetId), row]));
  if (counts.outbound > 0) {
    const before = outboundRows(tenant, clientId);
    view.deleteRange(before, afterPrefix(before));
  }
  for (const row of outbound.values()) view.put(outboundKey(tenant, clientId, row.packetId), bytesOf(row));
  counts.outbound = outbound.size;
  rows.write();
  return counts;
}

/** Merges cursors, as a commit does unless told otherwise; answers how many are new. */
export function putCursors(
  rows: StagedRows,
  name: SessionName,
  cursors: readonly CursorRow[],
  merge: (known: CursorRow, cursor: CursorRow) => CursorRow = later,
): number {
  let added = 0;
  for (const cursor of cursors) {
    const key = keyOfCursor(name, cursor);
    const known = rows.get(key);
    const merged = known === undefined ? cursor : merge(fromBinary(CursorRowSchema, known), cursor);
    added += rows.put(key, toBinary(CursorRowSchema, merged));
  }
  return added;
}

/** @throws BrokerError `quota_exceeded` */
export function checkCursors({ cursors }: SessionCounts): void {
  if (cursors > MAX_CURSORS) throw new BrokerError('quota_exceeded', `at most ${MAX_CURSORS} cursors`);
}

/** @throws BrokerError `invalid_argument` */
export function checkedPacketId(packetId: number): number {
  if (packetId < 1 || packetId > MAX_PACKET_ID)
    throw new BrokerError('invalid_argument', `a Packet Identifier is 1 to ${MAX_PACKET_ID}`);
  return packetId;
}

/** A cursor never goes back within a leader epoch, nor to an earlier one, in whatever order commits come. */
function later(known: CursorRow, cursor: CursorRow): CursorRow {
  const before = known.position ?? create(ShardPositionSchema);
  const position = cursor.position ?? create(ShardPositionSchema);
  if (position.leaderEpoch < before.leaderEpoch) return known;
  if (position.leaderEpoch > before.leaderEpoch) return cursor;
  return create(CursorRowSchema, {
    position: position.offset < before.offset ? before : position,
    sentBelow: cursor.sentBelow < known.sentBelow ? known.sentBelow : cursor.sentBelow,
  });
}

/**
 * A release says anew what is in flight, so what an earlier one said was sent counts no more: its message may be in flight no
 * more because the owner between crashed, and is owed (I1, S3).
 */
function atRelease(known: CursorRow, cursor: CursorRow): CursorRow {
  const { position } = later(known, cursor);
  const isOlder = (position?.leaderEpoch ?? 0) > (cursor.position?.leaderEpoch ?? 0);
  return create(CursorRowSchema, {
    ...(position && { position }),
    sentBelow: isOlder ? 0n : cursor.sentBelow,
  });
}

const bytesOf = (row: OutboundRow): Uint8Array => toBinary(OutboundRowSchema, row);
