// How many sockets one source may have, over all listeners: a peer beyond that is cut before anything is made for it (I8).

import type { Socket } from 'node:net';
import { loginSourceOf } from '@robustmq/access-control';

/** Open sockets by source. */
export class SourceBound {
  readonly #maxPerSource: number;
  readonly #onRefused: () => void;
  readonly #open = new Map<string, number>();

  /** @param maxPerSource 0: no bound, and nothing is counted. */
  constructor(maxPerSource: number, onRefused: () => void) {
    this.#maxPerSource = maxPerSource;
    this.#onRefused = onRefused;
  }

  /** Sources with an open socket. */
  get size(): number {
    return this.#open.size;
  }

  /** Takes a socket in until it closes; false: its source has as many as it may, and it is cut. */
  takes(socket: Socket): boolean {
    if (this.#maxPerSource === 0) return true;
    const source = loginSourceOf(socket.remoteAddress ?? '');
    const count = this.#open.get(source) ?? 0;
    if (count >= this.#maxPerSource) {
      this.#onRefused();
      socket.destroy();
      return false;
    }
    this.#open.set(source, count + 1);
    socket.once('close', () => this.#closed(source));
    return true;
  }

  #closed(source: string): void {
    const count = this.#open.get(source)! - 1;
    if (count === 0) this.#open.delete(source);
    else this.#open.set(source, count);
  }
}
