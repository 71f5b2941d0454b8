// One incarnation of this process after the other (rule F1): register, begin what the lease covers, end it at once when the lease
// is lost, register again with backoff. One flow at a time, so that a process registers once however long meta-service is away.
import { BrokerError } from '@robustmq/errors';
import { backoffDelayMs, systemTimers, type Cancel, type Log, type Timers } from '@robustmq/runtime';
import type { NodeDescription, Registration } from './meta-client.ts';

/** The part of {@link MetaClient} that incarnations need. */
export interface IncarnationsMeta {
  readonly view: {
    readonly ownershipEpoch: number;
    waitForRevision(revision: number, timeoutMs: number): Promise<void>;
    onChange(listener: () => void): () => void;
  };
  register(description: NodeDescription, onLost: (reason: string) => void): Promise<Registration>;
  acknowledgeOwnership(registration: Registration, ownershipEpoch: number): Promise<void>;
}

/** What an incarnation is made of. */
export interface IncarnationsOptions<Serving> {
  readonly meta: IncarnationsMeta;
  readonly description: NodeDescription;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  readonly timers?: Timers;
  /** Begins what the lease covers; the view shows the registration by then. */
  readonly begin: (registration: Registration) => Serving;
  /** Ends it, in this turn: the lease is over. Not called for a release. */
  readonly end: (serving: Serving, reason: string) => void;
  /** A gateway says by which owners of MQTT topics it routes; whoever listens to the view before it has switched (rule O2). */
  readonly acknowledgesOwnership: boolean;
}

const VIEW_TIMEOUT_MS = 10_000;
const MAX_RETRY_MS = 5_000;

/** See the file head. */
export class Incarnations<Serving> {
  readonly #options: IncarnationsOptions<Serving>;
  readonly #timers: Timers;
  #current: { readonly registration: Registration; readonly serving: Serving } | undefined;
  #acknowledged = 0;
  /** Whose call is under way. */
  #acknowledging: Registration | undefined;
  /** Calls that failed since the last one that did not. */
  #failures = 0;
  #cancelRepeat: Cancel | undefined;
  #stopFollowing: (() => void) | undefined;
  #isClosed = false;

  constructor(options: IncarnationsOptions<Serving>) {
    this.#options = options;
    this.#timers = options.timers ?? systemTimers;
  }

  /** What serves now; undefined between two incarnations. */
  get serving(): Serving | undefined {
    return this.#current?.serving;
  }

  /** @throws BrokerError `unavailable` between two incarnations */
  get registration(): Registration {
    if (this.#current === undefined) throw new BrokerError('unavailable', 'not registered');
    return this.#current.registration;
  }

  /** Whether the lease is held. */
  get held(): boolean {
    return this.#current?.registration.held ?? false;
  }

  /**
   * Begins the first incarnation.
   * @throws BrokerError when meta-service refuses this process; while it is away, this waits
   */
  async start(): Promise<void> {
    if (this.#options.acknowledgesOwnership)
      this.#stopFollowing = this.#options.meta.view.onChange(() => this.#acknowledge());
    await this.#next((error) => error.retriable);
  }

  /** Ends the lease at once; what it covered has been ended by the caller. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopFollowing?.();
    this.#cancelRepeat?.();
    const registration = this.#current?.registration;
    this.#current = undefined;
    await registration?.release();
  }

  async #next(isRetried: (error: BrokerError) => boolean): Promise<void> {
    for (let attempt = 1; !this.#isClosed; attempt++) {
      try {
        if (await this.#begun()) return;
      } catch (thrown) {
        const error = BrokerError.from(thrown);
        if (!isRetried(error)) throw error;
        this.#options.log.warn({ err: error }, 'registration failed');
      }
      const delayMs = backoffDelayMs(attempt, { maxDelayMs: MAX_RETRY_MS });
      await new Promise<void>((resolve) => void this.#timers.after(delayMs, resolve));
    }
  }

  /** Whether an incarnation serves; false when its lease was lost before it could. */
  async #begun(): Promise<boolean> {
    const { meta, description, begin, log } = this.#options;
    const registration = await meta.register(description, (reason) => this.#lost(registration, reason));
    try {
      await meta.view.waitForRevision(registration.revision, VIEW_TIMEOUT_MS);
    } catch (error) {
      await registration.release();
      throw error;
    }
    if (this.#isClosed) await registration.release();
    if (!registration.held) return this.#isClosed;
    this.#current = { registration, serving: begin(registration) };
    this.#acknowledged = 0;
    log.info({ incarnation: registration.node.incarnation, number: registration.node.number }, 'registered');
    this.#acknowledge();
    return true;
  }

  #lost(registration: Registration, reason: string): void {
    const ended = this.#current;
    if (ended === undefined || ended.registration !== registration) return;
    this.#current = undefined;
    this.#options.log.error({ reason }, 'lease lost: what it covered ends, and this process registers again');
    this.#options.end(ended.serving, reason);
    // Every failure from here on may pass: what was right at the start still is.
    void this.#next(() => true);
  }

  /** One call at a time: while it is under way many streams may be created, and the next one covers all of them. */
  #acknowledge(): void {
    const { meta, acknowledgesOwnership } = this.#options;
    const registration = this.#current?.registration;
    const epoch = meta.view.ownershipEpoch;
    if (!acknowledgesOwnership || registration === undefined || epoch <= this.#acknowledged) return;
    if (this.#acknowledging === registration) return;
    this.#acknowledging = registration;
    meta.acknowledgeOwnership(registration, epoch).then(
      () => this.#hasAcknowledged(registration, epoch),
      (err: unknown) => {
        this.#options.log.warn({ err, epoch }, 'ownership could not be acknowledged');
        this.#hasAcknowledged(registration, 0, epoch);
        this.#acknowledgeLater();
      },
    );
  }

  /** The next change of the view tries again, and so does the next incarnation; but neither may come, and new owners wait (N7). */
  #acknowledgeLater(): void {
    if (this.#isClosed) return;
    this.#failures++;
    this.#cancelRepeat?.();
    const delayMs = backoffDelayMs(this.#failures, { maxDelayMs: MAX_RETRY_MS });
    this.#cancelRepeat = this.#timers.after(delayMs, () => this.#acknowledge());
  }

  /** The call of an incarnation has ended: what has changed meanwhile, beyond what was tried, is told as well. */
  #hasAcknowledged(registration: Registration, epoch: number, tried = epoch): void {
    if (this.#acknowledging !== registration) return;
    this.#acknowledging = undefined;
    this.#acknowledged = epoch;
    if (epoch > 0) this.#failures = 0;
    if (this.#options.meta.view.ownershipEpoch > tried) this.#acknowledge();
  }
}
