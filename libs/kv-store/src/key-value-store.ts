// The port to an ordered key-value store with column families. What it holds can be rebuilt from a log: no write here
// is durable before a flush of its family has returned (decision 1, rule M1).

/** A key and its value. */
export interface KeyValueEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** A page of keys in byte order. */
export interface KeyRange {
  /** First key, inclusive. */
  readonly from: Buffer;
  /** End, exclusive; undefined: to the end of the family. */
  readonly until?: Buffer;
  /** Largest page: every scan is bounded. */
  readonly limit: number;
  /** From the end of the range downwards. */
  readonly reverse?: boolean;
}

/** Reads of one moment. */
export interface KeyValueReader {
  get(family: string, key: Buffer): Promise<Buffer | undefined>;
  /** Values in the order of the keys. */
  getMany(family: string, keys: readonly Buffer[]): Promise<(Buffer | undefined)[]>;
  scan(family: string, range: KeyRange): Promise<KeyValueEntry[]>;
}

/** A frozen view. Must be released: the store can't close before. */
export interface KeyValueSnapshot extends KeyValueReader {
  release(): Promise<void>;
}

/** The store. Failures are BrokerError `storage_failed`; an unknown family is `invalid_argument`. */
export interface KeyValueStore extends KeyValueReader {
  /** Applies all changes or none, in order. */
  write(batch: KeyValueBatch): Promise<void>;
  snapshot(): KeyValueSnapshot;
  /** Resolves when everything written to the family before the call is durable. */
  flush(family: string): Promise<void>;
  close(): Promise<void>;
}

/** One change of a batch. */
export type KeyValueChange =
  | { readonly kind: 'put'; readonly family: string; readonly key: Buffer; readonly value: Buffer }
  | { readonly kind: 'delete'; readonly family: string; readonly key: Buffer }
  | { readonly kind: 'deleteRange'; readonly family: string; readonly from: Buffer; readonly until: Buffer };

/** Changes that are applied atomically, in the order they were added. Keys and values must not change until written. */
export class KeyValueBatch {
  readonly changes: KeyValueChange[] = [];

  /** Takes the changes out, as a batch of their own. */
  take(): KeyValueBatch {
    const taken = new KeyValueBatch();
    for (const change of this.changes) taken.changes.push(change);
    this.changes.length = 0;
    return taken;
  }

  put(family: string, key: Buffer, value: Buffer): this {
    this.changes.push({ kind: 'put', family, key, value });
    return this;
  }

  delete(family: string, key: Buffer): this {
    this.changes.push({ kind: 'delete', family, key });
    return this;
  }

  /** Removes from (inclusive) to until (exclusive). */
  deleteRange(family: string, from: Buffer, until: Buffer): this {
    this.changes.push({ kind: 'deleteRange', family, from, until });
    return this;
  }
}
