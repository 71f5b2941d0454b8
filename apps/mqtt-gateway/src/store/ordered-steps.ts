// One chain of steps per session (N11): what is asked of meta for a client id is asked one after the other, whichever call
// it travels in. Two that are under way at once could be applied in either order, also when each is retried.

/** Ends a step; the next of its name begins. Calls after the first do nothing. */
export type EndStep = () => void;

type Step = (end: EndStep) => void;

/** Chains by name; a chain that is idle costs nothing. */
export class OrderedSteps {
  /** Steps that wait, by the name of the chain whose step is under way. */
  readonly #waiting = new Map<string, Step[]>();

  /** Chains with a step under way. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Whether a step of the chain is under way. */
  isBusy(name: string): boolean {
    return this.#waiting.has(name);
  }

  /** Begins `step` once every earlier step of the chain has ended: at once if there is none. */
  run(name: string, step: Step): void {
    const waiting = this.#waiting.get(name);
    if (waiting !== undefined) {
      waiting.push(step);
      return;
    }
    this.#waiting.set(name, []);
    this.#begin(name, step);
  }

  /** In a loop: any number of steps may end at once. */
  #begin(name: string, first: Step): void {
    for (let step: Step | undefined = first; step !== undefined; step = this.#next(name)) {
      let hasEnded = false;
      let isUnderWay = false;
      step(() => {
        if (hasEnded) return;
        hasEnded = true;
        if (isUnderWay) this.#goOn(name);
      });
      if (!hasEnded) {
        isUnderWay = true;
        return;
      }
    }
  }

  #goOn(name: string): void {
    const next = this.#next(name);
    if (next !== undefined) this.#begin(name, next);
  }

  #next(name: string): Step | undefined {
    const next = this.#waiting.get(name)!.shift();
    if (next === undefined) this.#waiting.delete(name);
    return next;
  }
}
