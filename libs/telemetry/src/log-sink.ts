// LogSink: writes log lines to a descriptor, off the loop and within a bound. Why not pino's own destination: when the
// reader of a pipe is gone, its flush at exit repeats the failing write for ever, and the process never ends.

import { write, writeSync } from 'node:fs';

/** Settings of a {@link LogSink}. */
export interface LogSinkOptions {
  readonly fd: number;
  /** Lines that would make more than this wait for a slow reader are dropped and counted (I8). */
  readonly maxWaitingBytes: number;
  /** How to write; tests put failing disks here. */
  readonly write?: typeof write;
  readonly writeSync?: typeof writeSync;
}

/** Wait before a full pipe is tried again. */
const RETRY_MS = 10;
/** Tries at exit while the pipe is full: about a second. */
const EXIT_TRIES = 100;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** A destination for pino. Lines of one turn leave in one write. */
export class LogSink {
  readonly #options: LogSinkOptions;
  readonly #write: typeof write;
  readonly #writeSync: typeof writeSync;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #isBusy = false;
  #isBroken = false;
  #droppedLines = 0;

  constructor(options: LogSinkOptions) {
    this.#options = options;
    this.#write = options.write ?? write;
    this.#writeSync = options.writeSync ?? writeSync;
  }

  /** Lines lost to a reader that is slow or gone. */
  get droppedLines(): number {
    return this.#droppedLines;
  }

  write(line: string): void {
    if (this.#isBroken || this.#waitingBytes + line.length > this.#options.maxWaitingBytes) {
      this.#droppedLines++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    if (this.#isBusy) return;
    this.#isBusy = true;
    setImmediate(() => this.#writeWaiting());
  }

  #writeWaiting(): void {
    if (this.#waiting.length === 0) {
      this.#isBusy = false;
      return;
    }
    const bytes = this.#take();
    this.#writeBytes(bytes, 0);
  }

  #take(): Buffer {
    const bytes = Buffer.from(this.#waiting.join(''), 'utf8');
    this.#waiting = [];
    this.#waitingBytes = 0;
    return bytes;
  }

  #writeBytes(bytes: Buffer, start: number): void {
    this.#write(this.#options.fd, bytes, start, bytes.length - start, null, (error, written) => {
      if (error === null) {
        const end = start + written;
        if (end < bytes.length) this.#writeBytes(bytes, end);
        else this.#writeWaiting();
      } else if (codeOf(error) === 'EAGAIN') {
        setTimeout(() => this.#writeBytes(bytes, start), RETRY_MS).unref();
      } else {
        // Nobody reads any more, and there is nowhere to say so.
        this.#isBroken = true;
        this.#droppedLines += this.#waiting.length;
        this.#waiting = [];
      }
    });
  }

  /** Writes what waits at once: for the exit of the process. Gives up on a reader that does not read for a second. */
  flushSync(): void {
    if (this.#isBroken || this.#waiting.length === 0) return;
    const bytes = this.#take();
    let tries = EXIT_TRIES;
    for (let start = 0; start < bytes.length && tries > 0;) {
      try {
        start += this.#writeSync(this.#options.fd, bytes, start, bytes.length - start);
      } catch (error) {
        if (codeOf(error) !== 'EAGAIN') {
          this.#isBroken = true;
          return;
        }
        tries--;
        Atomics.wait(sleeper, 0, 0, RETRY_MS);
      }
    }
  }
}

/** The sink of a process's stdout; what waits is written when the process exits. */
export function openStdoutSink(maxWaitingBytes: number): LogSink {
  const sink = new LogSink({ fd: 1, maxWaitingBytes });
  process.once('exit', () => sink.flushSync());
  return sink;
}
