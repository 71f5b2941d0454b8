// The answer to an open, whole: a session that does not fit into it is read to its end, page by page.

import type { NodeIdentity, OpenSessionOutcome, SessionKey, SessionRows } from '@robustmq/rpc';
import { SessionChanges } from './session-changes.ts';
import { CollectedRows, type StoredSession } from './session-rows.ts';

/** A session that this gateway owns, unless another still serves it. */
export interface OpenedSession {
  readonly key: SessionKey;
  readonly isPresent: boolean;
  /** Its owner ended without saying what it had sent (rule S3). */
  readonly deliveryUncertain: boolean;
  /** Serves it still. */
  readonly previousOwner: NodeIdentity | undefined;
  readonly previousEpoch: bigint;
  /** What was stored; incomplete while another serves it, for it is opened again then. */
  readonly stored: StoredSession;
  readonly changes: SessionChanges;
}

/** Reads the page of a session that begins at a place. */
export type ReadPage = (key: SessionKey, from: Uint8Array) => Promise<SessionRows | undefined>;

/** Reads what the answer left out. */
export async function wholeSession(
  outcome: OpenSessionOutcome,
  key: SessionKey,
  readPage: ReadPage,
): Promise<OpenedSession> {
  const rows = new CollectedRows();
  let page = outcome.rows;
  while (page !== undefined) {
    rows.add(page);
    if (page.next.length === 0 || isServedElsewhere(outcome)) break;
    page = await readPage(key, page.next);
  }
  return openedSession(outcome, key, rows);
}

/** Whether an answer needs no further page. */
export function isWhole(outcome: OpenSessionOutcome): boolean {
  return isServedElsewhere(outcome) || (outcome.rows?.next.length ?? 0) === 0;
}

/** The session of an answer that is whole. */
export function openedSession(
  outcome: OpenSessionOutcome,
  key: SessionKey,
  rows = collected(outcome.rows),
): OpenedSession {
  return {
    key,
    isPresent: outcome.sessionPresent,
    deliveryUncertain: outcome.session?.deliveryUncertain ?? false,
    previousOwner: isServedElsewhere(outcome) ? outcome.previousOwner : undefined,
    previousEpoch: outcome.previousEpoch,
    stored: rows.session(outcome.session?.doubtful ?? false),
    changes: new SessionChanges(key, rows),
  };
}

function collected(page: SessionRows | undefined): CollectedRows {
  const rows = new CollectedRows();
  if (page !== undefined) rows.add(page);
  return rows;
}

function isServedElsewhere({ previousOwner }: OpenSessionOutcome): boolean {
  return previousOwner !== undefined && previousOwner.nodeId !== '';
}
