// Slices: how a long request is read, and a long answer written, without the loop for long (N8). Generated code knows nothing of
// turns and cannot wait in the middle. So when the turn is spent, the array at work ends by an exception, each array around it
// keeps how far it has come, and the next slice runs the same code once more: it repeats the few fields on the way, and finds
// each array as it was left.

/** What is asked between two elements. */
export interface TurnLook {
  readonly isSpent: boolean;
}

/** Elements between two looks: far less than a slice is worth. */
const LOOK_EVERY = 64;

class Suspension extends Error {}

/** One for all, since to make one costs more than a slice of few elements. */
const SUSPENDED = new Suspension('the turn is spent');

/** See the file head. `K` is what an array keeps; arrays are known by the position at which they begin. */
export class Slices<K> {
  #turn: TurnLook | undefined;
  #untilLook = LOOK_EVERY;
  #kept: Map<number, K> | undefined;

  /** Runs a slice of the work: answers false when the turn was spent before its end. */
  run(turn: TurnLook, work: () => void): boolean {
    this.#turn = turn;
    this.#untilLook = LOOK_EVERY;
    try {
      work();
    } catch (error) {
      if (error === SUSPENDED) return false;
      throw error;
    } finally {
      this.#turn = undefined;
    }
    this.#kept = undefined;
    return true;
  }

  /** Whether the error ends a slice, and no more than that. */
  isSuspension(error: unknown): boolean {
    return error === SUSPENDED;
  }

  /** Before each element: the slice ends here when the turn is spent. */
  tick(): void {
    this.#untilLook -= 1;
    if (this.#untilLook >= 0 || this.#turn === undefined) return;
    this.#untilLook = LOOK_EVERY;
    if (this.#turn.isSpent) throw SUSPENDED;
  }

  /** What the array that begins there has kept. */
  of(start: number): K | undefined {
    return this.#kept?.get(start);
  }

  /** Keeps how far the array has come that begins there. */
  keep(start: number, kept: K): void {
    this.#kept ??= new Map();
    this.#kept.set(start, kept);
  }
}
