// Tells lost, repeated and reordered messages apart, for one receiver of one sender's numbered messages.

/** Counts over many receivers. */
export interface DeliveryFaults {
  duplicated: number;
  reordered: number;
}

/** Follows the sequence numbers 0, 1, 2, … of one sender as one receiver sees them. */
export class SequenceCheck {
  readonly #faults: DeliveryFaults;
  #next = 0;
  // Numbers that were skipped; a later arrival is a reorder, a second arrival a duplicate. Empty when all is well.
  readonly #skipped = new Set<number>();

  constructor(faults: DeliveryFaults) {
    this.#faults = faults;
  }

  /** Takes the next arrival; true when it is its first. */
  accept(sequence: number): boolean {
    if (sequence === this.#next) {
      this.#next += 1;
      return true;
    }
    if (sequence > this.#next) {
      for (let missing = this.#next; missing < sequence; missing += 1) this.#skipped.add(missing);
      this.#next = sequence + 1;
      return true;
    }
    if (this.#skipped.delete(sequence)) {
      this.#faults.reordered += 1;
      return true;
    }
    this.#faults.duplicated += 1;
    return false;
  }
}
