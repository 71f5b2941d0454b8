// A bounded map that forgets what was not used lately. Two generations instead of one list in order of age: the first key
// of a Map that has lost many is found by walking over all that it lost, so evicting one by one costs more the more it is done.

/** Keeps between half of `capacity` and `capacity` entries; what was neither set nor got for that long is forgotten. */
export class RecentMap<K, V> {
  readonly #half: number;
  readonly #onForgotten: ((value: V) => void) | undefined;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  /**
   * @param capacity entries at most; at least 2.
   * @param onForgotten told each value that makes room for others; not by `clear`.
   */
  constructor(capacity: number, onForgotten?: (value: V) => void) {
    this.#half = Math.max(1, Math.floor(capacity / 2));
    this.#onForgotten = onForgotten;
  }

  /** Entries kept now. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** The value of a key; undefined when it is not kept. */
  get(key: K): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined || this.#old.size === 0) return value;
    const known = this.#old.get(key);
    if (known === undefined) return undefined;
    this.#old.delete(key);
    this.#insert(key, known);
    return known;
  }

  /** Keeps a value, which must not be undefined. */
  set(key: K, value: V): void {
    this.#old.delete(key);
    if (this.#young.has(key)) this.#young.set(key, value);
    else this.#insert(key, value);
  }

  /** Everything that is kept, in no order. */
  *values(): Generator<V> {
    yield* this.#young.values();
    yield* this.#old.values();
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  #insert(key: K, value: V): void {
    if (this.#young.size >= this.#half) {
      const forgotten = this.#old;
      this.#old = this.#young;
      this.#young = new Map();
      if (this.#onForgotten !== undefined) for (const each of forgotten.values()) this.#onForgotten(each);
    }
    this.#young.set(key, value);
  }
}
