// OrderedWrites: what one group asks of meta, one after the other (N11). Calls that are repeated after a failure could
// pass each other otherwise, and an old record would end on top of a newer one.

/** See the file head. */
export class OrderedWrites {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs the write once all earlier ones are over, whatever came of them. */
  run<T>(write: () => Promise<T>): Promise<T> {
    const result = this.#last.then(write, write);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
