// Reads the rows of a session, page by page: bounded in bytes, because an answer is one message, and in time per turn,
// because every lease is renewed through this loop (N8).
import { create, fromBinary } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import type { KeyValueEntry, KeyValueReader } from '@robustmq/kv-store';
import {
  CursorRowSchema,
  InboundRowSchema,
  OutboundRowSchema,
  SessionRowsSchema,
  StartVectorSchema,
  SubscriptionRowSchema,
  type SessionKey,
  type SessionRows,
} from '@robustmq/rpc';
import type { TurnBudget } from '@robustmq/runtime';
import { afterPrefix, SESSION_ROW, sessionRows } from '../data/keys.ts';

/** Rows per read of the store. One of them may be large, so it is not many. */
const READ_ROWS = 64;

/** The store and the slice of the loop that a read goes on in. */
export interface PageSource {
  readonly store: KeyValueReader;
  readonly family: string;
  readonly budget: TurnBudget;
}

/** Rows of a session, and what they take in the store. */
export interface SessionPage {
  readonly rows: SessionRows;
  readonly sizeBytes: number;
}

/**
 * Rows of a session from a place on, until `maxBytes` are passed; none for 0 bytes.
 * @throws BrokerError `invalid_argument` for a place outside the session
 */
export async function readSessionRows(
  { store, family, budget }: PageSource,
  { tenant, clientId }: Pick<SessionKey, 'tenant' | 'clientId'>,
  place: Uint8Array,
  maxBytes: number,
): Promise<SessionPage> {
  const prefix = sessionRows(tenant, clientId);
  const rows = create(SessionRowsSchema, maxBytes === 0 ? { next: prefix } : {});
  if (maxBytes === 0) return { rows, sizeBytes: 0 };
  let from = place.length === 0 ? prefix : Buffer.from(place);
  if (!from.subarray(0, prefix.length).equals(prefix))
    throw new BrokerError('invalid_argument', 'the place of a page lies in another session');
  for (let sizeBytes = 0; ;) {
    const found = await store.scan(family, { from, until: afterPrefix(prefix), limit: READ_ROWS });
    for (const row of found) {
      if (sizeBytes >= maxBytes) {
        rows.next = row.key;
        return { rows, sizeBytes };
      }
      if (budget.isSpent) await budget.yield();
      addRow(rows, row, String.fromCharCode(row.key[prefix.length] ?? 0));
      sizeBytes += row.key.length + row.value.length;
    }
    const last = found.at(-1);
    if (last === undefined || found.length < READ_ROWS) return { rows, sizeBytes };
    from = Buffer.concat([last.key, Buffer.from([0])]);
  }
}

/** Kinds that this release does not write are left out: they belong to others than the session's gateway. */
function addRow(rows: SessionRows, { value }: KeyValueEntry, kind: string): void {
  if (kind === SESSION_ROW.filter) rows.subscriptions.push(fromBinary(SubscriptionRowSchema, value));
  else if (kind === SESSION_ROW.start) rows.starts.push(fromBinary(StartVectorSchema, value));
  else if (kind === SESSION_ROW.cursor) rows.cursors.push(fromBinary(CursorRowSchema, value));
  else if (kind === SESSION_ROW.inbound) rows.inbound.push(fromBinary(InboundRowSchema, value));
  else if (kind === SESSION_ROW.outbound) rows.outbound.push(fromBinary(OutboundRowSchema, value));
}
