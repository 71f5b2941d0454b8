// Keeps a ClusterView fed: one watch stream, resumed from the revision reached, for ever.
import { backoffDelayMs } from '@robustmq/runtime';
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
}

const MAX_RECONNECT_DELAY_MS = 1_000;

/** A watch that runs until stopped. */
export class ClusterWatch {
  readonly #client: () => ServiceClient<typeof ClusterService>;
  readonly #view: ClusterView;
  readonly #events: WatchEvents;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;

  /** @param client the client to use for the next attempt; the owner may switch servers. */
  constructor(
    client: () => ServiceClient<typeof ClusterService>,
    view: ClusterView,
    events: WatchEvents = {},
  ) {
    this.#client = client;
    this.#view = view;
    this.#events = events;
    this.#open();
  }

  /** Ends the watch. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#cancel?.();
  }

  #open(): void {
    const stream = this.#client().watchCluster({ fromRevision: BigInt(this.#view.revision) });
    let over = false;
    const end = (error: unknown): void => {
      if (over) return;
      over = true;
      stream.cancel();
      this.#view.abandonSnapshot();
      if (this.#stopped) return;
      this.#failures++;
      const delayMs = backoffDelayMs(this.#failures, { maxDelayMs: MAX_RECONNECT_DELAY_MS });
      this.#events.onBroken?.(error, delayMs);
      this.#timer = setTimeout(() => this.#open(), delayMs);
    };
    this.#cancel = () => end(undefined);
    stream.on('data', (message: WatchClusterResponse) => {
      if (over) return;
      this.#failures = 0;
      this.#view.apply(message);
    });
    stream.on('error', (error: unknown) => end(fromServiceError(error)));
    stream.on('end', () => end(undefined));
  }
}
