// A period out of single events: the clocks of a simulation know only those.

import { assert } from '@robustmq/errors';
import type { Cancel, Timers } from '@robustmq/runtime';

/** Runs `action` each `periodMs` milliseconds by events that `after` plans; the returned function ends it. */
export function repeat(after: Timers['after'], periodMs: number, action: () => void): Cancel {
  assert(periodMs > 0, 'a period takes time');
  let cancel: Cancel;
  const run = (): void => {
    cancel = after(periodMs, run);
    action();
  };
  cancel = after(periodMs, run);
  return () => cancel();
}
