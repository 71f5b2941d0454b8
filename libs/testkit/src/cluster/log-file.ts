// The log of one process, bounded: when it has grown large it becomes the previous one, and begins anew.
import { appendFileSync, closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';

const OWNER_ONLY = 0o600;
const COPY_BYTES = 1024 * 1024;
/** Of a log and of the previous one, each. */
const MAX_BYTES = 32 * 1024 * 1024;

/** A file that a child process appends to through a descriptor of its own. */
export class LogFile {
  readonly #path: string;
  readonly #maxBytes: number;

  constructor(path: string, maxBytes: number = MAX_BYTES) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  /** A descriptor to append with; the caller closes it. */
  open(): number {
    return openSync(this.#path, 'a', OWNER_ONLY);
  }

  /**
   * Moves what a large log holds to `<path>.1`; true when it did. The child goes on writing to the same file, now empty:
   * it appends, so it needs not be told. A line written between the last read and the cut is lost. When there is no room
   * for the copy the log stays as it is, and the next call tries again.
   */
  rotateWhenLarge(): boolean {
    let log: number | undefined;
    let previous: number | undefined;
    try {
      log = openSync(this.#path, 'r+');
      if (fstatSync(log).size < this.#maxBytes) return false;
      previous = openSync(`${this.#path}.1`, 'w', OWNER_ONLY);
      const part = Buffer.allocUnsafe(COPY_BYTES);
      let atByte = 0;
      for (let count = 1; count > 0; atByte += count) {
        count = readSync(log, part, 0, part.length, atByte);
        appendFileSync(previous, part.subarray(0, count));
      }
      ftruncateSync(log, 0);
      return true;
    } catch {
      return false;
    } finally {
      if (log !== undefined) closeSync(log);
      if (previous !== undefined) closeSync(previous);
    }
  }
}
