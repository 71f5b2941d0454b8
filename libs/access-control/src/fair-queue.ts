// FairQueue: what waits is taken in turns, first over where it came from, then over the names it is about. Who asks a
// thousand times waits behind himself.

/** Where something waits. */
export interface Lane {
  readonly source: string;
  readonly name: string;
}

interface Waiting<T> {
  size: number;
  readonly byName: Map<string, T[]>;
}

/** A bounded queue. Maps keep the order of insertion: the first key is the one whose turn it is. */
export class FairQueue<T> {
  readonly #capacity: number;
  readonly #bySource = new Map<string, Waiting<T>>();
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Adds `item`, and returns what has to leave for it: nothing while there is room, else the youngest of the source that
   * has most waiting, which may be `item` itself.
   */
  push(lane: Lane, item: T): T | undefined {
    this.#add(lane, item);
    return this.#size > this.#capacity ? this.#dropOfLargest() : undefined;
  }

  #add({ source, name }: Lane, item: T): void {
    let waiting = this.#bySource.get(source);
    if (waiting === undefined) this.#bySource.set(source, (waiting = { size: 0, byName: new Map() }));
    const items = waiting.byName.get(name);
    if (items === undefined) waiting.byName.set(name, [item]);
    else items.push(item);
    waiting.size++;
    this.#size++;
  }

  #dropOfLargest(): T {
    const largest = largestOf(this.#bySource, ({ size }) => size);
    const [source, waiting] = largest;
    const [name, items] = largestOf(waiting.byName, ({ length }) => length);
    const item = items.pop()!;
    this.#taken(source, waiting, name, items);
    return item;
  }

  /** The next item; undefined when nothing waits. */
  shift(): T | undefined {
    const first = this.#bySource.entries().next();
    if (first.done === true) return undefined;
    const [source, waiting] = first.value;
    const [name, items] = waiting.byName.entries().next().value!;
    const item = items.shift()!;
    // To the end of the line, both of them.
    waiting.byName.delete(name);
    if (items.length > 0) waiting.byName.set(name, items);
    this.#bySource.delete(source);
    if (waiting.size > 1) this.#bySource.set(source, waiting);
    waiting.size--;
    this.#size--;
    return item;
  }

  #taken(source: string, waiting: Waiting<T>, name: string, items: readonly T[]): void {
    if (items.length === 0) waiting.byName.delete(name);
    if (--waiting.size === 0) this.#bySource.delete(source);
    this.#size--;
  }
}

function largestOf<V>(map: ReadonlyMap<string, V>, sizeOf: (value: V) => number): [string, V] {
  let largest: [string, V] | undefined;
  for (const entry of map) {
    if (largest === undefined || sizeOf(entry[1]) > sizeOf(largest[1])) largest = entry;
  }
  return largest!;
}
