// A packet may name thousands of filters: they are begun with in slices, out of one share of the loop for all connections (N8).

import type { TurnShare } from '@robustmq/runtime';
import type { Client } from './client.ts';
import type { ClientSession } from './client-session.ts';
import { HOLD_FILTERS } from './read-holds.ts';

/** Filters of all connections have so much of a turn, beside what they share with other packets. */
export const FILTER_TURN_MS = 2;

/** A part of each turn. */
export type FilterShare = Pick<TurnShare, 'isOpen' | 'isSpent' | 'wait'>;

/**
 * Serves each entry, in order, then calls back. Nothing that came behind is read before. The end of the session's connection
 * ends it without a call back: what is there of the session by then goes with it.
 */
export function inFilterTurns<T>(
  share: FilterShare,
  client: Client,
  session: ClientSession,
  entries: readonly T[],
  serve: (entry: T) => void,
  done: () => void = () => undefined,
): void {
  let next = 0;
  let isHeld = false;
  const goOn = (): void => {
    if (session.output === null) return;
    while (next < entries.length) {
      serve(entries[next]!);
      next += 1;
      if (next < entries.length && share.isSpent) {
        wait();
        return;
      }
    }
    done();
    if (isHeld) client.release(HOLD_FILTERS);
  };
  const wait = (): void => {
    if (!isHeld) client.hold(HOLD_FILTERS);
    isHeld = true;
    share.wait(() => client.guard(goOn));
  };
  if (share.isOpen) goOn();
  else wait();
}
