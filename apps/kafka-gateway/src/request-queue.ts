// RequestQueue: the order of one connection. Requests start as their kinds allow (see Overlap), answers leave in the
// order in which the requests came, whoever finishes first.
import type { Overlap } from './overlap.ts';
import type { TurnShare } from '@robustmq/runtime';

/** A request on its way. */
export interface QueuedRequest {
  /** May become exclusive when it starts. */
  overlap: Overlap;
  /** Bytes of the frame, held until it is answered. */
  readonly sizeBytes: number;
  /** Answers false when it needs a further turn to start; then it is called again. */
  readonly start: () => boolean;
  started: boolean;
  /** Undefined until done; empty when nothing is to be sent. */
  answer: readonly Buffer[] | undefined;
}

/** See the file head. */
export class RequestQueue {
  readonly #requests: QueuedRequest[] = [];

  get length(): number {
    return this.#requests.length;
  }

  /** Appends a request; {@link startReady} starts it when it may. */
  push(request: QueuedRequest): void {
    this.#requests.push(request);
  }

  /**
   * Starts, in order, every request that may start now, as far as the turn of the loop goes; answers false when one waits for
   * another turn (N8).
   */
  startReady(turns: Pick<TurnShare, 'isOpen'>): boolean {
    const running = { exclusive: false, ordered: false, waiting: false };
    // A start may finish at once, but never changes what lies before it.
    for (const request of this.#requests) {
      if (!request.started) {
        if (!mayStart(request.overlap, running)) return true;
        if (!turns.isOpen) return false;
        if (!request.start()) return false;
        request.started = true;
      }
      if (request.answer === undefined) running[request.overlap] = true;
    }
    return true;
  }

  /** Removes the answered requests at the head. */
  takeAnswered(): QueuedRequest[] {
    let count = 0;
    while (this.#requests[count]?.answer !== undefined) count += 1;
    return this.#requests.splice(0, count);
  }

  /** Removes everything. */
  clear(): QueuedRequest[] {
    return this.#requests.splice(0);
  }
}

function mayStart(overlap: Overlap, running: Readonly<Record<Overlap, boolean>>): boolean {
  if (running.exclusive) return false;
  if (overlap === 'exclusive') return !running.ordered;
  // One long poll at a time bounds what a connection can make us hold.
  return overlap === 'ordered' || !running.waiting;
}
