// Where a sync runs: on the event loop, which costs no thread hop (two wake-ups, half of what a small sync costs in all), or
// in the thread pool, where a stalled disk does not stall leases. Small syncs of a disk that has been quick go to the loop;
// one that was slow sends the next ones to the pool until the disk is known to be quick again.

/** Written since the last sync: more than this is never synced on the loop. */
const SMALL_BYTES = 32 * 1024;
/** A quick disk syncs a few pages within this. */
const QUICK_MS = 1;
/** Quick syncs in a row after which the disk is trusted: at most one slow sync in so many blocks the loop. */
const TRUSTED_AFTER = 64;

/** What is known of one disk. */
export class SyncPace {
  #quickInARow = 0;

  /** Whether a sync of so many bytes may block the event loop. */
  mayBlock(unsyncedBytes: number): boolean {
    return unsyncedBytes <= SMALL_BYTES && this.#quickInARow >= TRUSTED_AFTER;
  }

  /** A sync took so long. Large ones say nothing of small ones unless they were quick all the same. */
  took(unsyncedBytes: number, durationMs: number): void {
    if (durationMs <= QUICK_MS) this.#quickInARow++;
    else if (unsyncedBytes <= SMALL_BYTES) this.#quickInARow = 0;
  }
}
