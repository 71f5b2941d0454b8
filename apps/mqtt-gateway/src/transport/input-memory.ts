// Memory that clients keep in use by what they send: packets and WebSocket messages that are not complete, and topic aliases. Each
// is bounded per connection, but whoever has many connections may keep as many; together they take from one budget (I8). Aliases
// stay until their connection ends and get one half; the other is for what comes and goes, so that neither starves the other.

/** What a connection may keep of each kind without taking from the budget: ordinary clients don't depend on others (I10). */
export const FREE_BYTES = 1024;

/** Whoever has received a part of something, and waits for the rest. */
export interface UnfinishedInput {
  /** It has been unfinished for longest, and others need its memory: its connection ends. It gives back what it has counted. */
  overdrawn(): void;
}

/** Counts; one per process. */
export class InputMemory {
  /** Connections that were ended for want of memory. */
  refused = 0;
  readonly #halfBytes: number;
  #aliasBytes = 0;
  #unfinishedBytes = 0;
  /** The one that began first, first. */
  readonly #unfinished = new Set<UnfinishedInput>();

  constructor(limitBytes: number) {
    this.#halfBytes = limitBytes / 2;
  }

  /** Bytes in use, without the free ones. */
  get usedBytes(): number {
    return this.#aliasBytes + this.#unfinishedBytes;
  }

  /** Whether a connection that keeps so many bytes of aliases may keep so many more; 0: anything at all. */
  hasAliasRoom(keptBytes: number, moreBytes: number): boolean {
    const takenBytes = counted(keptBytes + moreBytes) - counted(keptBytes);
    if (takenBytes > 0) return this.#aliasBytes + takenBytes <= this.#halfBytes;
    return keptBytes < FREE_BYTES || this.#aliasBytes < this.#halfBytes;
  }

  /** A connection keeps more bytes of aliases, or fewer. False: there is no room, and it is refused. */
  takeAliases(keptBytes: number, moreBytes: number): boolean {
    if (moreBytes > 0 && !this.hasAliasRoom(keptBytes, moreBytes)) {
      this.refused++;
      return false;
    }
    this.#aliasBytes += counted(keptBytes + moreBytes) - counted(keptBytes);
    return true;
  }

  /**
   * What is unfinished of `input` has grown or shrunk. `isAnother`: what was unfinished before is complete by now. When the half is
   * in use, those end that have been unfinished for longest: who sends on is done before them, who drips is not.
   */
  unfinished(input: UnfinishedInput, beforeBytes: number, keptBytes: number, isAnother: boolean): void {
    this.#unfinishedBytes += counted(keptBytes) - counted(beforeBytes);
    if (isAnother || keptBytes <= FREE_BYTES) this.#unfinished.delete(input);
    if (keptBytes > FREE_BYTES) this.#unfinished.add(input);
    if (keptBytes > beforeBytes) this.#makeRoom();
  }

  #makeRoom(): void {
    while (this.#unfinishedBytes > this.#halfBytes) {
      const [oldest] = this.#unfinished;
      if (oldest === undefined) return;
      this.#unfinished.delete(oldest);
      this.refused++;
      oldest.overdrawn();
    }
  }
}

function counted(keptBytes: number): number {
  return Math.max(0, keptBytes - FREE_BYTES);
}
