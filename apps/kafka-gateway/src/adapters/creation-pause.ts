// What meta-service has refused because its tenant makes shards too fast would be refused again until the time that it named:
// until then the refusal is made here. A flood of them took meta-service the time for everybody's leases (N8).
import { BrokerError } from '@robustmq/errors';
import type { Clock } from '@robustmq/runtime';

interface Pause {
  readonly shards: number;
  readonly untilMs: number;
}

/** See the file head. */
export class CreationPause {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #pause: Pause | undefined;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /**
   * Lets a creation of so many shards through, unless so many or fewer were refused and it is too early.
   * @throws BrokerError `quota_exceeded` with details as of meta-service
   */
  check(shards: number): void {
    if (this.#pause === undefined || shards < this.#pause.shards) return;
    const retryAfterMs = Math.ceil(this.#pause.untilMs - this.#clock.monotonicMs());
    if (retryAfterMs <= 0) {
      this.#pause = undefined;
      return;
    }
    throw new BrokerError('quota_exceeded', `shards are made too fast: again in ${retryAfterMs} ms`, {
      details: { quota: 'rate', retryAfterMs },
    });
  }

  /** Learns from a failure to make so many shards; most failures say nothing of the rate. */
  failed(shards: number, thrown: unknown): void {
    if (shards === 0 || !(thrown instanceof BrokerError) || thrown.details['quota'] !== 'rate') return;
    const { retryAfterMs } = thrown.details;
    if (typeof retryAfterMs !== 'number') return;
    // One that asked for more, and has to wait longer, says nothing of those that ask for less.
    if (this.#pause !== undefined && this.#pause.shards < shards) return;
    this.#pause = { shards, untilMs: this.#clock.monotonicMs() + retryAfterMs };
  }
}
