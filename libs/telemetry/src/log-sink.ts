// LogSink: writes log lines to a descriptor once per turn of the loop, within a bound. Why not pino's own destination:
// when the reader of a pipe is gone, its flush at exit repeats the failing write for ever, and the process never ends.
// Why not the thread pool: what is under way there when the process exits is lost or lands beside what is written then.

import { writeSync } from 'node:fs';

/** Settings of a {@link LogSink}. */
export interface LogSinkOptions {
  /** Pipes and sockets should be non-blocking, or a reader that stops reading stops the process. */
  readonly fd: number;
  /** Lines that would make more than this wait for a slow reader are dropped and counted (I8). */
  readonly maxWaitingBytes: number;
  /** How to write; tests put failing descriptors here. */
  readonly writeSync?: typeof writeSync;
}

/** Wait before a full pipe is tried again. */
const RETRY_MS = 10;
/** Wait before a disk without room is tried again. */
const NO_ROOM_RETRY_MS = 100;
/** A disk that is full, or a quota that is used up: there may be room again, and then the log is wanted most. */
const NO_ROOM: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);
/** Tries at exit while the pipe is full: about a second. */
const EXIT_TRIES = 100;
const NOTHING = Buffer.alloc(0);
const sleeper = new Int32Array(new SharedArrayBuffer(4));

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** A destination for pino. Lines of one turn leave in one write. */
export class LogSink {
  readonly #fd: number;
  readonly #maxWaitingBytes: number;
  readonly #writeSync: typeof writeSync;
  #waiting: string[] = [];
  #waitingBytes = 0;
  /** What a full pipe left over of earlier lines; it goes first. */
  #rest: Buffer = NOTHING;
  #isScheduled = false;
  #isBroken = false;
  #droppedLines = 0;

  constructor(options: LogSinkOptions) {
    this.#fd = options.fd;
    this.#maxWaitingBytes = options.maxWaitingBytes;
    this.#writeSync = options.writeSync ?? writeSync;
  }

  /** Lines lost to a reader that is slow or gone. */
  get droppedLines(): number {
    return this.#droppedLines;
  }

  write(line: string): void {
    if (this.#isBroken || this.#rest.length + this.#waitingBytes + line.length > this.#maxWaitingBytes) {
      this.#droppedLines++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#onTurn());
  }

  #onTurn(): void {
    const retryMs = this.#writeWaiting();
    if (retryMs === 0) this.#isScheduled = false;
    else setTimeout(() => this.#onTurn(), retryMs).unref();
  }

  /** Writes all that waits: 0; when the pipe or the disk is full before, the time after which that is worth another try. */
  #writeWaiting(): number {
    try {
      for (;;) {
        // New lines join only an empty rest, so that a full pipe costs no copying.
        if (this.#rest.length === 0) this.#rest = this.#take();
        if (this.#rest.length === 0) return 0;
        this.#rest = this.#rest.subarray(this.#writeSync(this.#fd, this.#rest));
      }
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EAGAIN') return RETRY_MS;
      if (NO_ROOM.has(code)) return NO_ROOM_RETRY_MS;
      // Nobody reads any more, and there is nowhere to say so.
      this.#isBroken = true;
      this.#rest = NOTHING;
      return 0;
    }
  }

  #take(): Buffer {
    if (this.#waiting.length === 0) return NOTHING;
    const lines = Buffer.from(this.#waiting.join(''), 'utf8');
    this.#waiting = [];
    this.#waitingBytes = 0;
    return lines;
  }

  /**
   * Writes what waits at once: for the exit of the process. Gives up on a reader that does not read for a second, and on a
   * disk without room at once.
   */
  flushSync(): void {
    for (let tries = EXIT_TRIES; tries > 0 && !this.#isBroken && this.#writeWaiting() === RETRY_MS; tries--) {
      Atomics.wait(sleeper, 0, 0, RETRY_MS);
    }
  }
}

/** The sink of a process's stdout; what waits is written when the process exits. */
export function openStdoutSink(maxWaitingBytes: number): LogSink {
  // Opening the stream makes a pipe or socket non-blocking; files and terminals stay as they are.
  const sink = new LogSink({ fd: process.stdout.fd, maxWaitingBytes });
  process.once('exit', () => sink.flushSync());
  return sink;
}
