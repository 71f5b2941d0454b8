// Keys of a round by the prefix that a range deletes: all rows of a session or of a group. A command that ends a hundred sessions
// looks at the rows of these, however many others its round touches (N8).

/** Texts before the rows of a session or a group: their kind, the tenant and the name (data/keys.ts). */
const PREFIX_TEXTS = 3;
const SEPARATOR = '\u0000';
const AFTER_SEPARATOR = '\u0001';

/** Keys as latin1 text, which keeps the order of their bytes. */
export class KeysByPrefix {
  readonly #keys = new Map<string, string[]>();

  /** Adds a key that is not here. */
  add(key: string): void {
    const prefix = prefixOf(key);
    if (prefix === undefined) return;
    const others = this.#keys.get(prefix);
    if (others === undefined) this.#keys.set(prefix, [key]);
    else others.push(key);
  }

  /** The keys with the prefix that a range is within; undefined for a range of more than one, in which any key may lie. */
  around(from: string, until: string): readonly string[] | undefined {
    const prefix = prefixOf(from);
    if (prefix === undefined || until > prefix + AFTER_SEPARATOR) return undefined;
    return this.#keys.get(prefix) ?? [];
  }
}

/** The first texts of a key that has more behind them. */
function prefixOf(key: string): string | undefined {
  let end = -1;
  for (let texts = 0; texts < PREFIX_TEXTS; texts++) {
    end = key.indexOf(SEPARATOR, end + 1);
    if (end < 0) return undefined;
  }
  return key.slice(0, end);
}
