// Keeps a ClusterView fed: one watch stream, resumed from the revision reached, for ever.
import { backoffDelayMs, type Cancel, type Timers, type Turns, TurnShare } from '@robustmq/runtime';
import {
  fromServiceError,
  type ClusterService,
  type ServiceClient,
  type WatchClusterResponse,
} from '@robustmq/rpc';
import type { ClusterView } from './cluster-view.ts';

/** What the watch tells its owner; for logs and metrics. */
export interface WatchEvents {
  /** The stream broke; it is opened again after `delayMs`. */
  readonly onBroken?: (error: unknown, delayMs: number) => void;
  /** Spreads repeats; default Math.random. */
  readonly random?: () => number;
}

const MAX_RECONNECT_DELAY_MS = 1_000;

/** A watch that runs until stopped. */
export class ClusterWatch {
  readonly #client: () => ServiceClient<typeof ClusterService>;
  readonly #view: ClusterView;
  readonly #events: WatchEvents;
  #failures = 0;
  readonly #timers: Timers;
  /** A flood of changes takes a slice of each turn: what follows the view has others to serve (N8). */
  readonly #share: TurnShare;
  #cancelRetry: Cancel | undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;

  /** @param client the client to use for the next attempt; the owner may switch servers. */
  constructor(
    client: () => ServiceClient<typeof ClusterService>,
    view: ClusterView,
    events: WatchEvents,
    { clock, timers }: Turns,
  ) {
    this.#timers = timers;
    this.#share = new TurnShare(clock, timers);
    this.#client = client;
    this.#view = view;
    this.#events = events;
    this.#open();
  }

  /** Ends the watch. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.#cancel?.();
  }

  #open(): void {
    // After a refused snapshot only another snapshot can tell whether the cluster has become the one that is known.
    const fromRevision = this.#view.problem === null ? BigInt(this.#view.revision) : 0n;
    const stream = this.#client().watchCluster({ fromRevision, history: this.#view.history });
    let over = false;
    const end = (error: unknown): void => {
      if (over) return;
      over = true;
      stream.cancel();
      this.#view.abandonPart();
      if (this.#stopped) return;
      this.#failures++;
      const delayMs = backoffDelayMs(this.#failures, {
        maxDelayMs: MAX_RECONNECT_DELAY_MS,
        ...(this.#events.random && { random: this.#events.random }),
      });
      this.#events.onBroken?.(error, delayMs);
      this.#cancelRetry = this.#timers.after(delayMs, () => this.#open());
    };
    this.#cancel = () => end(undefined);
    const goOn = (): void => void stream.resume();
    stream.on('data', (message: WatchClusterResponse) => {
      if (over) return;
      // The first message of a turn begins its slice.
      this.#share.begin();
      try {
        this.#view.apply(message);
        this.#failures = 0;
      } catch (error) {
        // One boundary for what comes from outside and for the listeners of the view (N9).
        end(error);
      }
      if (this.#share.isSpent && !over) {
        stream.pause();
        this.#share.wait(goOn);
      }
    });
    stream.on('error', (error: unknown) => end(fromServiceError(error)));
    stream.on('end', () => end(undefined));
  }
}
