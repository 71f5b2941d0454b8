// The answer to an open, whole: a session that does not fit into it is read to its end, page by page.

import { toNumber } from '@robustmq/meta-client';
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
  /** Highest sequence that a QoS 2 PUBLISH of the session has got (rule R7). */
  readonly lastInboundSequence: number;
  /** What was stored, as far as it was read. */
  readonly stored: StoredSession;
  /** Where reading goes on; empty: it was read to its end. */
  readonly next: Uint8Array;
  readonly rows: CollectedRows;
  readonly changes: SessionChanges;
}

const END = new Uint8Array();

/** Reads the page of a session that begins at a place. */
export type ReadPage = (key: SessionKey, from: Uint8Array) => Promise<SessionRows | undefined>;

/** Reads what the answer left out. Nobody else can change it any more: the open has fenced them. */
export async function wholeSession(opened: OpenedSession, readPage: ReadPage): Promise<OpenedSession> {
  const { key, rows } = opened;
  let { next } = opened;
  while (next.length > 0) {
    const page = await readPage(key, next);
    if (page !== undefined) rows.add(page);
    next = page?.next ?? END;
  }
  const stored = rows.session(opened.stored.doubtful);
  return { ...opened, stored, next, changes: new SessionChanges(key, rows) };
}

/** The session of an answer. */
export function openedSession(outcome: OpenSessionOutcome, key: SessionKey): OpenedSession {
  const rows = new CollectedRows();
  if (outcome.rows !== undefined) rows.add(outcome.rows);
  return {
    key,
    isPresent: outcome.sessionPresent,
    deliveryUncertain: outcome.session?.deliveryUncertain ?? false,
    previousOwner: isServedElsewhere(outcome) ? outcome.previousOwner : undefined,
    previousEpoch: outcome.previousEpoch,
    lastInboundSequence: toNumber(outcome.session?.lastInboundSequence ?? 0n),
    stored: rows.session(outcome.session?.doubtful ?? false),
    next: outcome.rows?.next ?? END,
    rows,
    changes: new SessionChanges(key, rows),
  };
}

function isServedElsewhere({ previousOwner }: OpenSessionOutcome): boolean {
  return previousOwner !== undefined && previousOwner.nodeId !== '';
}
