// What the owner of a session changes while it serves it (rules S2, X3, X4): filters and their start vectors, cursors, ledgers.
// A change reads and writes the rows that it names, and the head.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { topicFilter } from '@robustmq/mqtt-topics';
import {
  InboundRowSchema,
  OutboundRowSchema,
  SessionHeadSchema,
  StartVectorSchema,
  SubscriptionRowSchema,
  UpdateSessionsResponseSchema,
  type InboundRow,
  type SessionCounts,
  type SessionHead,
  type SessionKey,
  type SessionUpdate,
} from '@robustmq/rpc';
import { noRoom } from '../growth.ts';
import type { ApplyView } from '../group-machine.ts';
import { attempt, dataCommand } from './commands.ts';
import { cursorKey, filterKey, inboundKey, outboundKey, sessionKey, startKey } from './keys.ts';
import { countsOf, keyOfHead, ownedHead, writeHead } from './session-heads.ts';
import { checkCursors, checkedPacketId, keyOfCursor, putCursors } from './session-places.ts';
import { StagedRows } from './staged-rows.ts';

/** Positions of a start vector: shards that MQTT can see are fewer (rule O1). */
export const MAX_START_POSITIONS = 4_096;
const MAX_SEQUENCE = BigInt(Number.MAX_SAFE_INTEGER);

/** Changes sessions of their owner. */
export const updateSessions = dataCommand({
  case: 'updateSessions',
  keysOf: ({ updates }) => updates.flatMap(keysOfUpdate),
  apply: (view, { updates }, { refusesGrowth }) => {
    const outcomes = updates.map((update) => attempt(() => updateSession(view, update, refusesGrowth)));
    return toBinary(UpdateSessionsResponseSchema, create(UpdateSessionsResponseSchema, { outcomes }));
  },
});

function keysOfUpdate(update: SessionUpdate): Buffer[] {
  const { key } = update;
  if (key === undefined) return [];
  const { tenant, clientId } = key;
  return [
    sessionKey(tenant, clientId),
    ...update.putSubscriptions.map(({ filter }) => filterKey(tenant, clientId, filter)),
    ...update.putSubscriptions.map(({ start }) => startKey(tenant, clientId, start)),
    ...update.removeSubscriptions.map((filter) => filterKey(tenant, clientId, filter)),
    ...update.putStarts.map(({ id }) => startKey(tenant, clientId, id)),
    ...update.removeStarts.map((id) => startKey(tenant, clientId, id)),
    ...update.putCursors.map((row) => keyOfCursor(key, row)),
    ...update.removeCursors.map(({ streamId, shard }) => cursorKey(tenant, clientId, streamId, shard)),
    ...update.putInbound.map(({ packetId }) => inboundKey(tenant, clientId, packetId)),
    ...update.removeInbound.map((packetId) => inboundKey(tenant, clientId, packetId)),
    ...update.putOutbound.map(({ packetId }) => outboundKey(tenant, clientId, packetId)),
    ...update.removeOutbound.map((packetId) => outboundKey(tenant, clientId, packetId)),
  ];
}

function updateSession(view: ApplyView, update: SessionUpdate, refusesGrowth: boolean): void {
  const head = ownedHead(view, update.key);
  checkOrder(head, update);
  const key = update.key as SessionKey;
  const rows = new StagedRows(view);
  const counts = countsOf(head);
  changeSubscriptions(rows, key, update, counts);
  changeCursors(rows, key, update, counts);
  const lastInboundSequence = changeInbound(rows, head, update, counts);
  changeOutbound(rows, key, update, counts);
  if (refusesGrowth && owedRows(counts) > owedRows(head.counts)) throw noRoom('rows of sessions are added');
  rows.write();
  // A commit of known cursors leaves the head alone.
  if (update.change === 0n && !differs(counts, head.counts)) return;
  const lastChange = update.change === 0n ? head.lastChange : update.change;
  writeHead(view, create(SessionHeadSchema, { ...head, counts, lastChange, lastInboundSequence }));
}

/** Rows without cursors: these are few, and they move when something was acknowledged, which makes room. */
function owedRows(counts: SessionCounts | undefined): number {
  const { subscriptions = 0, starts = 0, inbound = 0, outbound = 0 } = counts ?? {};
  return subscriptions + starts + inbound + outbound;
}

/**
 * An earlier change that arrives after a later one would bring back what that removed (N11).
 * @throws BrokerError
 */
function checkOrder(head: SessionHead, update: SessionUpdate): void {
  if (update.change === 0n) {
    if (!isCursorsAlone(update))
      throw new BrokerError('invalid_argument', 'a change of filters or ledgers has a number');
    return;
  }
  if (update.change <= head.lastChange)
    throw new BrokerError('out_of_order', `change ${update.change} comes after ${head.lastChange}`);
}

function isCursorsAlone(update: SessionUpdate): boolean {
  return [
    update.putSubscriptions,
    update.removeSubscriptions,
    update.putStarts,
    update.removeStarts,
    update.removeCursors,
    update.putInbound,
    update.removeInbound,
    update.putOutbound,
    update.removeOutbound,
  ].every((rows) => rows.length === 0);
}

/** A filter that exists keeps its start vector; only its options change (rule X3). */
function changeSubscriptions(
  rows: StagedRows,
  { tenant, clientId }: SessionKey,
  update: SessionUpdate,
  counts: SessionCounts,
): void {
  for (const filter of update.removeSubscriptions)
    counts.subscriptions -= rows.delete(filterKey(tenant, clientId, filter));
  for (const start of update.putStarts) {
    if (start.id === 0) throw new BrokerError('invalid_argument', 'start vectors are numbered from 1');
    if (start.positions.length > MAX_START_POSITIONS)
      throw new BrokerError('too_large', `a start vector has at most ${MAX_START_POSITIONS} positions`);
    counts.starts += rows.put(startKey(tenant, clientId, start.id), toBinary(StartVectorSchema, start));
  }
  for (const row of update.putSubscriptions) {
    const key = filterKey(tenant, clientId, row.filter);
    const stored = rows.get(key);
    const known = stored === undefined ? undefined : fromBinary(SubscriptionRowSchema, stored);
    const { start, createdAtRevision } = known ?? row;
    if (known === undefined && start !== 0 && !rows.has(startKey(tenant, clientId, start)))
      throw new BrokerError('invalid_argument', `there is no start vector ${start}`);
    const kept = create(SubscriptionRowSchema, { ...row, start, createdAtRevision });
    counts.subscriptions += rows.put(key, toBinary(SubscriptionRowSchema, kept));
  }
  for (const id of update.removeStarts) counts.starts -= rows.delete(startKey(tenant, clientId, id));
  if (counts.subscriptions > topicFilter.maxPerSession || counts.starts > topicFilter.maxPerSession)
    throw new BrokerError('quota_exceeded', `at most ${topicFilter.maxPerSession} subscriptions`);
}

function changeCursors(
  rows: StagedRows,
  key: SessionKey,
  update: SessionUpdate,
  counts: SessionCounts,
): void {
  for (const { streamId, shard } of update.removeCursors)
    counts.cursors -= rows.delete(cursorKey(key.tenant, key.clientId, streamId, shard));
  counts.cursors += putCursors(rows, key, update.putCursors);
  checkCursors(counts);
}

/** Answers the highest sequence that was given by now. */
function changeInbound(
  rows: StagedRows,
  head: SessionHead,
  update: SessionUpdate,
  counts: SessionCounts,
): bigint {
  const { tenant, clientId } = keyOfHead(head);
  const given = new Set<bigint>();
  let last = head.lastInboundSequence;
  for (const packetId of update.removeInbound)
    counts.inbound -= rows.delete(inboundKey(tenant, clientId, packetId));
  for (const row of update.putInbound) {
    const key = inboundKey(tenant, clientId, checkedPacketId(row.packetId));
    checkSequence(row, head.lastInboundSequence, rows.get(key));
    if (given.has(row.sequence)) throw givenBefore(row.sequence);
    given.add(row.sequence);
    counts.inbound += rows.put(key, toBinary(InboundRowSchema, row));
    if (row.sequence > last) last = row.sequence;
  }
  return last;
}

/**
 * Sequences are numbers in every process, and no two publishes of a session state have the same: the second would count as a
 * repeat of the first, and be lost (rule R7).
 * @throws BrokerError
 */
function checkSequence({ sequence }: InboundRow, last: bigint, stored: Uint8Array | undefined): void {
  if (sequence > MAX_SEQUENCE) throw new BrokerError('out_of_range', 'a sequence is at most 2^53 - 1');
  if (sequence === 0n) throw new BrokerError('invalid_argument', 'sequences are counted from 1');
  if (sequence > last) return;
  if (stored === undefined || fromBinary(InboundRowSchema, stored).sequence !== sequence)
    throw givenBefore(sequence);
}

function givenBefore(sequence: bigint): BrokerError {
  return new BrokerError('invalid_argument', `sequence ${sequence} was given before`);
}

function changeOutbound(
  rows: StagedRows,
  { tenant, clientId }: SessionKey,
  update: SessionUpdate,
  counts: SessionCounts,
): void {
  for (const packetId of update.removeOutbound)
    counts.outbound -= rows.delete(outboundKey(tenant, clientId, packetId));
  for (const row of update.putOutbound) {
    const key = outboundKey(tenant, clientId, checkedPacketId(row.packetId));
    counts.outbound += rows.put(key, toBinary(OutboundRowSchema, row));
  }
}

function differs(counts: SessionCounts, before: SessionCounts | undefined): boolean {
  return (
    counts.subscriptions !== (before?.subscriptions ?? 0) ||
    counts.starts !== (before?.starts ?? 0) ||
    counts.cursors !== (before?.cursors ?? 0) ||
    counts.inbound !== (before?.inbound ?? 0) ||
    counts.outbound !== (before?.outbound ?? 0)
  );
}
