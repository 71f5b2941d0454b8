// One incarnation of this journal-server after the other: a lost lease ends what it covered at once (rule F1), and the node
// registers again as a new incarnation, which leads only under new epochs (rule R3). The process stays.

import { BrokerError } from '@robustmq/errors';
import type { Journal } from '../journal.ts';
import type { JournalServer } from './server.ts';

/** Surroundings of {@link Incarnations}. */
export interface IncarnationsOptions {
  /** Starts the next incarnation; `onLeaseLost` is called at most once, perhaps before it resolves. */
  readonly start: (onLeaseLost: (reason: string) => void) => Promise<JournalServer>;
  readonly log: {
    info(fields: Record<string, unknown>, message: string): void;
    error(fields: Record<string, unknown>, message: string): void;
  };
  /** The next incarnation could not begin: the process must end. */
  readonly onFatal: (error: BrokerError) => void;
}

/** Keeps a journal-server serving until it is closed. */
export class Incarnations {
  readonly #options: IncarnationsOptions;
  #server: JournalServer | undefined;
  /** The last incarnation that lost its lease, on its way out. */
  #ending: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: IncarnationsOptions) {
    this.#options = options;
  }

  /** The journal that serves; undefined between two incarnations. */
  get journal(): Journal | undefined {
    return this.#server?.journal;
  }

  /** host:port of gRPC; undefined between two incarnations. */
  get address(): string | undefined {
    return this.#server?.address;
  }

  /** What keeps it from serving; null when nothing does. */
  get problem(): string | null {
    return this.#server === undefined ? 'no lease' : this.#server.problem;
  }

  /** Begins the first incarnation. @throws BrokerError */
  async begin(): Promise<void> {
    for (;;) {
      let lost: string | undefined;
      const server = await this.#options.start((reason) => {
        lost = reason;
        if (this.#server !== undefined) this.#leaseLost(reason);
      });
      if (this.#isClosed) return server.end();
      if (lost === undefined) {
        this.#server = server;
        return;
      }
      await server.end();
    }
  }

  #leaseLost(reason: string): void {
    const ended = this.#server;
    this.#server = undefined;
    if (ended === undefined || this.#isClosed) return;
    this.#options.log.error({ reason }, 'lease lost: this incarnation ends, the next one begins');
    // Streams are closed and appends refused before `end` first waits.
    this.#ending = ended.end();
    this.#next().catch((thrown: unknown) => this.#options.onFatal(BrokerError.from(thrown)));
  }

  async #next(): Promise<void> {
    await this.#ending;
    if (this.#isClosed) return;
    await this.begin();
    this.#options.log.info({ address: this.address }, 'a new incarnation serves');
  }

  /** Drains and ends. Does not wait for an incarnation that is still trying to begin. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const server = this.#server;
    this.#server = undefined;
    await this.#ending;
    if (server !== undefined) await server.close();
  }
}
