// FetchWindow: how much a connection's next Fetch may bring. It follows what its last ones brought: who reads a backlog
// soon gets all that he asks for, and thousands who wait for news get next to nothing at first (see fetch-read.ts).

/** At first; enough for one batch of most producers. */
const INITIAL_BYTES = 1024 * 1024;
/** What a long poll brings at first: it waits without a claim, so little that thousands may wake at once. */
export const POLL_BYTES = 8 * 1024;

/** See the file head. */
export class FetchWindow {
  #sizeBytes = INITIAL_BYTES;
  #journals = 1;

  /** Bytes to claim and to ask for: what the client waits for, and no more than it would take. */
  next(minBytes: number, maxBytes: number): number {
    // Any one of several journals may have it all, in half of its share.
    const leastBytes = this.#journals > 1 ? 2 * this.#journals * minBytes : minBytes;
    return Math.min(maxBytes, Math.max(leastBytes, this.#sizeBytes));
  }

  /**
   * Learns what a Fetch has brought from how many journals; at least one batch always comes, however small the window.
   * Each journal has a share of the window, and a single one may have brought everything.
   */
  brought(sizeBytes: number, journals: number): void {
    this.#journals = Math.max(1, journals);
    this.#sizeBytes = Math.max(POLL_BYTES, 2 * this.#journals * sizeBytes);
  }
}
