// CallLine: what all connections ask of meta-service, a few calls at a time and in their order (I8). Each request of a client may
// need a call, and there are thousands of connections: all at once held meta-service for longer than leases last (N8).
import { BrokerError } from '@robustmq/errors';
import type { MetaClient } from '@robustmq/meta-client';
import type { Timers } from '@robustmq/runtime';

/** Bounds of a {@link CallLine}. */
export interface CallLineOptions {
  readonly maxUnderWay: number;
  /**
   * As many are begun per turn of the loop, for a call takes a part of a millisecond of it, most of which comes behind its
   * beginning: answers come many at once, and each would begin the next one.
   */
  readonly maxPerTurn: number;
  /** Whoever has not been sent by then is refused: a client that comes again is served sooner than one that waits on. */
  readonly maxWaitMs: number;
  readonly timers: Pick<Timers, 'after' | 'soon'>;
}

/** See the file head. */
export class CallLine {
  readonly #options: CallLineOptions;
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>();
  #underWay = 0;
  #begunInTurn = 0;

  constructor(options: CallLineOptions) {
    this.#options = options;
  }

  /** Calls that wait for their turn. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Makes the call when its turn has come. @throws BrokerError `unavailable` when that takes too long */
  run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#waiting.size === 0 && this.#hasRoom) return this.#begin(call);
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        cancel();
        resolve(this.#begin(call));
      };
      const cancel = this.#options.timers.after(this.#options.maxWaitMs, () => {
        this.#waiting.delete(begin);
        reject(new BrokerError('unavailable', 'too many calls wait for meta-service'));
      });
      this.#waiting.add(begin);
    });
  }

  async #begin<T>(call: () => Promise<T>): Promise<T> {
    this.#underWay += 1;
    this.#countInTurn();
    try {
      return await call();
    } finally {
      this.#underWay -= 1;
      this.#beginNext();
    }
  }

  get #hasRoom(): boolean {
    return this.#underWay < this.#options.maxUnderWay && this.#begunInTurn < this.#options.maxPerTurn;
  }

  #countInTurn(): void {
    this.#begunInTurn += 1;
    if (this.#begunInTurn > 1) return;
    this.#options.timers.soon(() => {
      this.#begunInTurn = 0;
      this.#beginNext();
    });
  }

  #beginNext(): void {
    for (const begin of this.#waiting) {
      if (!this.#hasRoom) return;
      this.#waiting.delete(begin);
      begin();
    }
  }
}

/** The same meta-service, asked in line. What keeps the lease goes past the line. */
export function inLine(
  meta: MetaClient,
  line: CallLine,
): Pick<MetaClient, 'cluster' | 'groups' | 'persist' | 'requestId' | 'view'> {
  return {
    get cluster() {
      return meta.cluster;
    },
    get groups() {
      return meta.groups;
    },
    view: meta.view,
    requestId: () => meta.requestId(),
    persist: (call, attempts) => line.run(() => meta.persist(call, attempts)),
  };
}
