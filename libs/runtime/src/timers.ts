// Timers as a port beside the clock: what waits takes one, so that tests and the simulated world own when things happen.

/** Ends what it was returned for; nothing when that has happened already. */
export type Cancel = () => void;

/** When things happen later. What waits for `after` or `every` does not keep the process alive. */
export interface Timers {
  /** Runs `action` once, `delayMs` milliseconds from now. */
  after(delayMs: number, action: () => void): Cancel;
  /** Runs `action` again and again, `periodMs` milliseconds apart. */
  every(periodMs: number, action: () => void): Cancel;
  /** Runs `action` once the loop has done what is due now: the yield between two slices of work (N8). */
  soon(action: () => void): Cancel;
}

/** The platform's timers. */
export const systemTimers: Timers = {
  after(delayMs, action) {
    const handle = setTimeout(action, delayMs).unref();
    return () => clearTimeout(handle);
  },
  every(periodMs, action) {
    const handle = setInterval(action, periodMs).unref();
    return () => clearInterval(handle);
  },
  soon(action) {
    const handle = setImmediate(action);
    return () => clearImmediate(handle);
  },
};

/** Resolves at the next turn of the loop: what long work awaits between its slices (N8). */
export function nextTurn(timers: Timers): Promise<void> {
  return new Promise((resolve) => {
    timers.soon(resolve);
  });
}
