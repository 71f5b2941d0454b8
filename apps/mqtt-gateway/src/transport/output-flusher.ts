// Writes the output of all connections that have some, once per turn of the event loop, and keeps their chunks.

import type { Timers } from '@robustmq/runtime';

/** Size of a borrowed chunk: one write of this size costs little more than one of a packet. */
export const CHUNK_BYTES = 16 * 1024;

/** Output that waits for the end of a turn. */
interface Output {
  flush(): void;
  /** Cuts its connection. */
  destroy(): void;
}

/** What flushing needs around it. */
export interface FlushPorts {
  readonly timers: Pick<Timers, 'soon'>;
  /** An output could not be written: its connection is cut, the others are written all the same (N9). */
  failed(thrown: unknown, where: string): void;
}

/** Chunks kept for reuse; more are left to the garbage collector. */
const MAX_POOLED_CHUNKS = 256;

/** One per process. */
export class OutputFlusher {
  flushes = 0;
  #dirty: Output[] = [];
  #spare: Output[] = [];
  readonly #pool: Buffer[] = [];
  #scheduled = false;
  readonly #ports: FlushPorts;

  constructor(ports: FlushPorts) {
    this.#ports = ports;
  }

  /** Called by an output that has become dirty. */
  add(output: Output): void {
    this.#dirty.push(output);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#ports.timers.soon(this.#run);
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  /** Writes everything now: before the process ends, and in tests. */
  flush(): void {
    const dirty = this.#dirty;
    this.#dirty = this.#spare;
    this.#spare = dirty;
    this.flushes++;
    for (let index = 0; index < dirty.length;) {
      try {
        for (; index < dirty.length; index++) dirty[index]!.flush();
      } catch (thrown) {
        this.#ports.failed(thrown, 'output');
        dirty[index++]!.destroy();
      }
    }
    dirty.length = 0;
  }

  borrow(): Buffer {
    return this.#pool.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  }

  giveBack(chunk: Buffer): void {
    if (chunk.length === CHUNK_BYTES && this.#pool.length < MAX_POOLED_CHUNKS) this.#pool.push(chunk);
  }
}
