// MemberMemory: the one bound for what members of groups say of themselves and are assigned (I8). It outlives their connections
// by the session timeout that they ask for, so that no other bound holds it.

/** Bytes that all groups of a gateway hold of their members. */
const LIMIT_BYTES = 256 * 1024 * 1024;
/** What is no more than this is taken up to twice the limit: members of large groups must not keep those of small ones out. */
const SMALL_BYTES = 16 * 1024;

/** See the file head. */
export class MemberMemory {
  readonly #limitBytes: number;
  #countedBytes = 0;
  /** Taken since the groups were counted, and how much of it before the count that is under way. */
  #takenBytes = 0;
  #takenBeforeBytes = 0;

  constructor(limitBytes = LIMIT_BYTES) {
    this.#limitBytes = limitBytes;
  }

  /** Takes what a request brings; false when there is no room for it. */
  tryTake(sizeBytes: number): boolean {
    const limitBytes = sizeBytes <= SMALL_BYTES ? 2 * this.#limitBytes : this.#limitBytes;
    if (this.#countedBytes + this.#takenBytes + sizeBytes > limitBytes) return false;
    this.#takenBytes += sizeBytes;
    return true;
  }

  /** Gives back what was taken in this turn and is not held after all. */
  giveBack(sizeBytes: number): void {
    this.#takenBytes -= sizeBytes;
  }

  /** The groups are counted one after the other from now on. */
  beginCount(): void {
    this.#takenBeforeBytes = this.#takenBytes;
  }

  /**
   * What the groups hold, all that was taken before the count included. What was taken meanwhile may have come to a group that had
   * been counted: it stays beside it until the next count.
   */
  counted(sizeBytes: number): void {
    this.#countedBytes = sizeBytes;
    this.#takenBytes -= this.#takenBeforeBytes;
    this.#takenBeforeBytes = 0;
  }
}
