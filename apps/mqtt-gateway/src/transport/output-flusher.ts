// Writes the output of all connections that have some, once per turn of the event loop, and keeps their chunks. What very many
// connections have is written in slices (N8).

import { TurnBudget, type Turns } from '@robustmq/runtime';

/** Size of a borrowed chunk: one write of this size costs little more than one of a packet. */
export const CHUNK_BYTES = 16 * 1024;

/** Output that waits for the end of a turn. */
interface Output {
  flush(): void;
  /** Cuts its connection. */
  destroy(): void;
}

/** What flushing needs around it. */
export interface FlushPorts extends Turns {
  /** An output could not be written: its connection is cut, the others are written all the same (N9). */
  failed(thrown: unknown, where: string): void;
}

/** Chunks kept for reuse; more are left to the garbage collector. */
const MAX_POOLED_CHUNKS = 256;

/** Outputs between two looks at the clock. */
const STEPS = 32;

/** One per process. */
export class OutputFlusher {
  flushes = 0;
  readonly #dirty: Output[] = [];
  /** The first that is not written. */
  #next = 0;
  readonly #budget: TurnBudget;
  readonly #pool: Buffer[] = [];
  #scheduled = false;
  readonly #ports: FlushPorts;

  constructor(ports: FlushPorts) {
    this.#ports = ports;
    this.#budget = new TurnBudget(ports.clock, ports.timers);
  }

  /** Called by an output that has become dirty. */
  add(output: Output): void {
    this.#dirty.push(output);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#ports.timers.soon(this.#run);
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    this.#budget.restart();
    // What becomes dirty by that waits for the next time.
    const end = this.#dirty.length;
    this.flushes++;
    do this.#write(Math.min(end, this.#next + STEPS));
    while (this.#next < end && !this.#budget.isSpent);
    this.#forgetWritten();
    if (this.#dirty.length > 0) this.#schedule();
  };

  /** Writes everything now: before the process ends, and in tests. */
  flush(): void {
    this.flushes++;
    this.#write(this.#dirty.length);
    this.#forgetWritten();
  }

  #write(end: number): void {
    const dirty = this.#dirty;
    while (this.#next < end) {
      try {
        while (this.#next < end) dirty[this.#next++]!.flush();
      } catch (thrown) {
        this.#ports.failed(thrown, 'output');
        dirty[this.#next - 1]!.destroy();
      }
    }
  }

  #forgetWritten(): void {
    if (this.#next === this.#dirty.length) this.#dirty.length = 0;
    else this.#dirty.splice(0, this.#next);
    this.#next = 0;
  }

  borrow(): Buffer {
    return this.#pool.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  giveBack(chunk: Buffer): void {
    if (chunk.length === CHUNK_BYTES && this.#pool.length < MAX_POOLED_CHUNKS) this.#pool.push(chunk);
  }
}
