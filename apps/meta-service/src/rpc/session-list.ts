// Lists sessions in byte order of their client ids, over all data groups. A page is bounded in bytes: a client id may have
// 64 KiB, and so may a filter.
import { create, fromBinary } from '@bufbuild/protobuf';
import {
  SessionSummarySchema,
  SubscriptionRowSchema,
  type ListSessionsRequest,
  type SessionHead,
  type SessionSummary,
} from '@robustmq/rpc';
import type { TurnBudget } from '@robustmq/runtime';
import { afterPrefix, filterRows, sessionHeads, sessionKey } from '../data/keys.ts';
import { decodeHead, keyOfHead } from '../data/session-heads.ts';
import { dataFamily } from '../families.ts';
import type { Meta } from '../meta.ts';

const MAX_LISTED = 1_000;
/** Bytes of rows in a page. */
const PAGE_BYTES = 2 * 1024 * 1024;
/** Heads per read of a group. */
const READ_HEADS = 64;
/** Subscriptions shown with a session. */
const SHOWN_SUBSCRIPTIONS = 16;

/** A head as stored. */
interface Listed {
  readonly group: number;
  readonly key: Buffer;
  readonly sizeBytes: number;
  readonly head: SessionHead;
}

/** One page. */
export async function listSessions(
  meta: Meta,
  { tenant, clientIdPrefix, afterClientId, limit }: ListSessionsRequest,
  budget: TurnBudget,
): Promise<{ sessions: SessionSummary[]; more: boolean }> {
  const wanted = Math.min(limit === 0 ? MAX_LISTED : limit, MAX_LISTED);
  const prefix = sessionHeads(tenant, clientIdPrefix);
  const after =
    afterClientId === '' ? prefix : Buffer.concat([sessionKey(tenant, afterClientId), Buffer.from([0])]);
  const from = Buffer.compare(after, prefix) > 0 ? after : prefix;
  const found: Listed[] = [];
  for (let group = 0; group < meta.dataGroups; group++)
    found.push(...(await headsOf(meta, group, { from, until: afterPrefix(prefix), wanted }, budget)));
  found.sort((a, b) => Buffer.compare(a.key, b.key));
  const sessions: SessionSummary[] = [];
  let sizeBytes = 0;
  for (const { group, head, sizeBytes: headBytes } of found) {
    if (sessions.length === wanted || sizeBytes >= PAGE_BYTES) return { sessions, more: true };
    if (budget.isSpent) await budget.yield();
    const { rows, rowBytes } = await subscriptionsOf(meta, group, head, PAGE_BYTES - sizeBytes);
    sessions.push(create(SessionSummarySchema, { head, subscriptions: rows }));
    sizeBytes += headBytes + rowBytes;
  }
  return { sessions, more: false };
}

/** Heads of a group: one more than wanted tells that there are more, and so does one beyond the page's bytes. */
async function headsOf(
  meta: Meta,
  group: number,
  { from, until, wanted }: { from: Buffer; until: Buffer; wanted: number },
  budget: TurnBudget,
): Promise<Listed[]> {
  const heads: Listed[] = [];
  let pageBytes = 0;
  for (let next = from; ;) {
    const rows = await meta.store.scan(dataFamily(group), { from: next, until, limit: READ_HEADS });
    for (const { key, value } of rows) {
      if (heads.length > wanted || pageBytes > PAGE_BYTES) return heads;
      if (budget.isSpent) await budget.yield();
      const sizeBytes = key.length + value.length;
      heads.push({ group, key, sizeBytes, head: decodeHead(value) });
      pageBytes += sizeBytes;
      next = Buffer.concat([key, Buffer.from([0])]);
    }
    if (rows.length < READ_HEADS) return heads;
  }
}

/** The first subscriptions, as far as they fit. */
async function subscriptionsOf(meta: Meta, group: number, head: SessionHead, maxBytes: number) {
  const subscriptions = head.counts?.subscriptions ?? 0;
  if (subscriptions === 0) return { rows: [], rowBytes: 0 };
  const { tenant, clientId } = keyOfHead(head);
  const prefix = filterRows(tenant, clientId);
  const range = { from: prefix, until: afterPrefix(prefix), limit: SHOWN_SUBSCRIPTIONS };
  let rowBytes = 0;
  const rows = (await meta.store.scan(dataFamily(group), range)).flatMap(({ value }) => {
    if (rowBytes + value.length > maxBytes) return [];
    rowBytes += value.length;
    return [fromBinary(SubscriptionRowSchema, value)];
  });
  return { rows, rowBytes };
}
