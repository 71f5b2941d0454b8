// Subscriptions by filter: a trie over topic levels, matched without splitting or allocating per level.

interface TrieNode<T> {
  children: Map<string, TrieNode<T>> | undefined;
  /** The `+` child. */
  single: TrieNode<T> | undefined;
  /** Values of filters that end here. */
  values: Set<T> | undefined;
  /** Values of filters that end here with `/#` (or of `#` at the root). */
  multi: Set<T> | undefined;
}

function emptyNode<T>(): TrieNode<T> {
  return { children: undefined, single: undefined, values: undefined, multi: undefined };
}

/** Told of every value whose filter matches; a value added under several matching filters is told once per filter. */
export type MatchVisitor<T> = (value: T) => void;

/**
 * A set of (filter, value) pairs that answers which values match a topic.
 * Filters must be valid (see `topicFilter.problem`). Cost of a match: levels of the topic times wildcard branches.
 */
export class FilterTrie<T> {
  readonly #root: TrieNode<T> = emptyNode();
  #size = 0;
  #generation = 0;

  /** Number of (filter, value) pairs. */
  get size(): number {
    return this.#size;
  }

  /** Grows with every change: results that were cached under an older generation are stale. */
  get generation(): number {
    return this.#generation;
  }

  /** Adds a pair; false when it was there already. */
  add(filter: string, value: T): boolean {
    let node = this.#root;
    let multi = false;
    for (let start = 0; start <= filter.length;) {
      const end = levelEnd(filter, start);
      const level = filter.slice(start, end);
      if (level === '#') {
        multi = true;
        break;
      }
      if (level === '+') node = node.single ??= emptyNode();
      else {
        const children = (node.children ??= new Map<string, TrieNode<T>>());
        let child = children.get(level);
        if (child === undefined) children.set(level, (child = emptyNode()));
        node = child;
      }
      start = end + 1;
    }
    const set = multi ? (node.multi ??= new Set()) : (node.values ??= new Set());
    if (set.has(value)) return false;
    set.add(value);
    this.#size++;
    this.#generation++;
    return true;
  }

  /** Removes a pair and the nodes that it leaves empty; false when it was not there. */
  remove(filter: string, value: T): boolean {
    if (!this.#remove(this.#root, filter, 0, value)) return false;
    this.#size--;
    this.#generation++;
    return true;
  }

  #remove(node: TrieNode<T>, filter: string, start: number, value: T): boolean {
    if (start > filter.length) {
      const removed = node.values?.delete(value) ?? false;
      if (node.values?.size === 0) node.values = undefined;
      return removed;
    }
    const end = levelEnd(filter, start);
    const level = filter.slice(start, end);
    if (level === '#') {
      const removed = node.multi?.delete(value) ?? false;
      if (node.multi?.size === 0) node.multi = undefined;
      return removed;
    }
    const child = level === '+' ? node.single : node.children?.get(level);
    if (child === undefined || !this.#remove(child, filter, end + 1, value)) return false;
    if (isEmpty(child)) {
      if (level === '+') node.single = undefined;
      else node.children?.delete(level);
      if (node.children?.size === 0) node.children = undefined;
    }
    return true;
  }

  /** Visits the values whose filters match a valid Topic Name. */
  match(topic: string, visit: MatchVisitor<T>): void {
    const dollar = topic.charCodeAt(0) === 0x24;
    this.#match(this.#root, topic, 0, dollar, visit);
  }

  #match(node: TrieNode<T>, topic: string, start: number, dollar: boolean, visit: MatchVisitor<T>): void {
    // A wildcard at the first level never matches a `$` topic [MQTT-4.7.2-1].
    const wildcards = !dollar || start > 0;
    if (wildcards && node.multi !== undefined) for (const value of node.multi) visit(value);
    if (start > topic.length) {
      if (node.values !== undefined) for (const value of node.values) visit(value);
      return;
    }
    if (node.children === undefined && node.single === undefined) return;
    const end = levelEnd(topic, start);
    if (wildcards && node.single !== undefined) this.#match(node.single, topic, end + 1, dollar, visit);
    if (node.children !== undefined) {
      const child = node.children.get(topic.slice(start, end));
      if (child !== undefined) this.#match(child, topic, end + 1, dollar, visit);
    }
  }
}

function levelEnd(text: string, start: number): number {
  const slash = text.indexOf('/', start);
  return slash < 0 ? text.length : slash;
}

function isEmpty(node: TrieNode<unknown>): boolean {
  return (
    node.values === undefined &&
    node.multi === undefined &&
    node.single === undefined &&
    node.children === undefined
  );
}
