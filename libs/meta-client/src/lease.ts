// The lease of this incarnation, kept by renewing and judged by our own monotonic clock (rule F1).
import { BrokerError } from '@robustmq/errors';
import { systemTimers, type Cancel, type Clock, type Timers } from '@robustmq/runtime';

/** We stop this much before meta may consider the lease over: clocks drift and work takes time to stop. */
export const LEASE_SAFETY_MS = 200;

/** How a lease is kept. */
export interface LeaseOptions {
  readonly durationMs: number;
  readonly renewIntervalMs: number;
  readonly clock: Clock;
  readonly timers?: Timers;
  /** One renewal, bounded by `timeoutMs`. BrokerError `fenced` or `not_found` ends the lease at once; other failures are tried again. */
  readonly renew: (timeoutMs: number) => Promise<unknown>;
  /** Called once: whatever the lease covers must stop now. */
  readonly onLost: (reason: string) => void;
}

/** Renews until lost or stopped. */
export class LeaseKeeper {
  readonly #options: LeaseOptions;
  readonly #timers: Timers;
  #endsAtMs: number;
  #cancelRenewal: Cancel | undefined;
  #cancelEnd: Cancel | undefined;
  #over = false;

  /** @param grantedAtMs monotonic time at which the request that granted it was *sent*. */
  constructor(options: LeaseOptions, grantedAtMs: number) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
    this.#endsAtMs = grantedAtMs + options.durationMs - LEASE_SAFETY_MS;
    this.#scheduleRenewal(grantedAtMs);
    this.#watchEnd();
  }

  /** Whether what the lease covers may go on. Asks the clock, so that a paused process notices on its first step. */
  get held(): boolean {
    return !this.#over && this.#options.clock.monotonicMs() < this.#endsAtMs;
  }

  /** Ends without a loss: the node was released. */
  stop(): void {
    this.#over = true;
    this.#cancelRenewal?.();
    this.#cancelEnd?.();
  }

  /** Counted from the last sending, as the lease is: behind a slow answer a whole interval more could be the lease's end. */
  #scheduleRenewal(sentAtMs: number): void {
    const { renewIntervalMs, clock } = this.#options;
    const waitMs = Math.max(1, sentAtMs + renewIntervalMs - clock.monotonicMs());
    this.#cancelRenewal = this.#timers.after(waitMs, () => void this.#renewOnce());
  }

  async #renewOnce(): Promise<void> {
    const sentAtMs = this.#options.clock.monotonicMs();
    try {
      // A renewal that answers after the lease's end is of no use.
      await this.#options.renew(Math.max(1, this.#endsAtMs - sentAtMs));
      if (this.#over) return;
      this.#endsAtMs = sentAtMs + this.#options.durationMs - LEASE_SAFETY_MS;
      this.#watchEnd();
    } catch (thrown) {
      const error = BrokerError.from(thrown);
      if (error.code === 'fenced' || error.code === 'not_found') return this.#lose(error.message);
    }
    if (!this.#over) this.#scheduleRenewal(sentAtMs);
  }

  #watchEnd(): void {
    this.#cancelEnd?.();
    const leftMs = this.#endsAtMs - this.#options.clock.monotonicMs();
    this.#cancelEnd = this.#timers.after(Math.max(1, leftMs), () => {
      if (this.held) this.#watchEnd();
      else this.#lose('no renewal succeeded in time');
    });
  }

  #lose(reason: string): void {
    if (this.#over) return;
    this.stop();
    this.#options.onLost(reason);
  }
}
