// The only source of chance in a simulation: the same seed gives the same run on every machine.

/** A small, fast generator (splitmix32); not for secrets. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer in `[0, bound)`. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound);
  }

  /** An integer in `[from, to]`. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** A number in `[0, 1)`. */
  fraction(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state ^ (this.#state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  /** True with that probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** Bytes of no meaning. */
  bytes(lengthBytes: number): Buffer {
    const bytes = Buffer.allocUnsafe(lengthBytes);
    for (let i = 0; i < lengthBytes; i++) bytes[i] = this.below(256);
    return bytes;
  }
}
