// The head of a session and the indexes that follow it: by owner while connected, by expiry while not (rule S1).
import { clone, create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  SessionCountsSchema,
  SessionHeadSchema,
  type NodeIdentity,
  type SessionCounts,
  type SessionHead,
  type SessionKey,
} from '@robustmq/rpc';
import type { ApplyView } from '../group-machine.ts';
import { afterPrefix, expiryKey, ownerKey, sessionKey, sessionRows } from './keys.ts';

/** MQTT 5: this expiry means never. */
const NEVER_EXPIRES = 0xffff_ffff;
const NOTHING = Buffer.alloc(0);

/** A stored head. */
export function decodeHead(bytes: Uint8Array): SessionHead {
  return fromBinary(SessionHeadSchema, bytes);
}

export function readHead(view: ApplyView, tenant: string, clientId: string): SessionHead | undefined {
  const bytes = view.get(sessionKey(tenant, clientId));
  return bytes === undefined ? undefined : decodeHead(bytes);
}

/** The key of a head, which every stored head has. */
export function keyOfHead(head: SessionHead): SessionKey {
  if (head.key === undefined) throw new BrokerError('corrupt', 'the head of a session has no key');
  return head.key;
}

/** Puts a head in the place of `before`, with its index rows. */
export function replaceHead(view: ApplyView, before: SessionHead | undefined, head: SessionHead): void {
  if (before !== undefined) dropIndexes(view, before);
  const { tenant, clientId } = keyOfHead(head);
  view.put(sessionKey(tenant, clientId), toBinary(SessionHeadSchema, head));
  if (head.connected) view.put(ownerKey(head.ownerNodeId, head.ownerIncarnation, tenant, clientId), NOTHING);
  const at = expiresAt(head);
  if (at !== undefined) view.put(expiryKey(at, tenant, clientId), NOTHING);
}

/** Writes a head whose owner and expiry are unchanged. */
export function writeHead(view: ApplyView, head: SessionHead): void {
  const { tenant, clientId } = keyOfHead(head);
  view.put(sessionKey(tenant, clientId), toBinary(SessionHeadSchema, head));
}

/** Removes a session with all its rows. */
export function deleteSession(view: ApplyView, head: SessionHead): void {
  const { tenant, clientId } = keyOfHead(head);
  dropIndexes(view, head);
  deleteRows(view, head);
  view.delete(sessionKey(tenant, clientId));
}

/** Removes the rows beside the head. A session without any costs no range: most have expiry 0. */
export function deleteRows(view: ApplyView, head: SessionHead): void {
  if (!hasRows(head.counts)) return;
  const { tenant, clientId } = keyOfHead(head);
  const rows = sessionRows(tenant, clientId);
  view.deleteRange(rows, afterPrefix(rows));
}

/** The counts of a head, to be changed. */
export function countsOf(head: SessionHead): SessionCounts {
  return head.counts === undefined ? create(SessionCountsSchema) : clone(SessionCountsSchema, head.counts);
}

/** Whether there is anything beside the head. */
export function hasRows(counts: SessionCounts | undefined): boolean {
  if (counts === undefined) return false;
  const { subscriptions, starts, cursors, inbound, outbound } = counts;
  return subscriptions + starts + cursors + inbound + outbound > 0;
}

/** The head if the caller's generation and epoch are the current ones (I6). @throws BrokerError `fenced` */
export function ownedHead(view: ApplyView, key: SessionKey | undefined): SessionHead {
  const head = key === undefined ? undefined : readHead(view, key.tenant, key.clientId);
  if (head === undefined || !isCurrent(head, key)) throw notOwned();
  return head;
}

/** Whether a key names the current ownership of a connected session. */
export function isCurrent(head: SessionHead, key: SessionKey | undefined): boolean {
  return head.connected && head.key?.generation === key?.generation && head.key?.epoch === key?.epoch;
}

/** The answer to everybody but the current owner (I6). */
export function notOwned(): BrokerError {
  return new BrokerError('fenced', 'the session has another owner or is gone');
}

export function isOwner(head: SessionHead, node: NodeIdentity): boolean {
  return head.ownerNodeId === node.nodeId && head.ownerIncarnation === node.incarnation;
}

export function isExpired(head: SessionHead, nowMs: bigint): boolean {
  const at = expiresAt(head);
  return at !== undefined && at <= nowMs;
}

function expiresAt(head: SessionHead): bigint | undefined {
  if (head.connected || head.expiryIntervalS === NEVER_EXPIRES) return undefined;
  return head.updatedAtMs + BigInt(head.expiryIntervalS) * 1_000n;
}

function dropIndexes(view: ApplyView, head: SessionHead): void {
  const { tenant, clientId } = keyOfHead(head);
  if (head.connected) view.delete(ownerKey(head.ownerNodeId, head.ownerIncarnation, tenant, clientId));
  const at = expiresAt(head);
  if (at !== undefined) view.delete(expiryKey(at, tenant, clientId));
}
