// The same contract in memory, for tests and simulations: sorted arrays, copied on snapshot.
import { BrokerError } from '@robustmq/errors';
import type {
  KeyRange,
  KeyValueBatch,
  KeyValueEntry,
  KeyValueSnapshot,
  KeyValueStore,
} from './key-value-store.ts';

/** A family: hex of the key to its entry, with the keys kept sorted on demand. */
class MemoryFamily {
  readonly entries: Map<string, KeyValueEntry>;
  #sorted: string[] | undefined;

  constructor(entries = new Map<string, KeyValueEntry>()) {
    this.entries = entries;
  }

  put(key: Buffer, value: Buffer): void {
    const name = key.toString('hex');
    if (!this.entries.has(name)) this.#sorted = undefined;
    this.entries.set(name, { key: Buffer.from(key), value: Buffer.from(value) });
  }

  delete(key: Buffer): void {
    if (this.entries.delete(key.toString('hex'))) this.#sorted = undefined;
  }

  scan(range: KeyRange): KeyValueEntry[] {
    const sorted = (this.#sorted ??= [...this.entries.keys()].sort());
    const from = range.from.toString('hex');
    const until = range.until?.toString('hex');
    const names = sorted.filter((name) => name >= from && (until === undefined || name < until));
    if (range.reverse === true) names.reverse();
    return names
      .slice(0, Math.max(0, range.limit))
      .map((name) => copyOf(this.entries.get(name) as KeyValueEntry));
  }
}

function copyOf(entry: KeyValueEntry): KeyValueEntry {
  return { key: Buffer.from(entry.key), value: Buffer.from(entry.value) };
}

/** A store in memory. What was flushed is remembered apart, so that a test can look at what a power cut would leave. */
export class MemoryStore implements KeyValueStore {
  readonly #families: Map<string, MemoryFamily>;
  readonly #flushed = new Map<string, ReadonlyMap<string, KeyValueEntry>>();
  #closed = false;

  constructor(families: readonly string[]) {
    this.#families = new Map(families.map((name) => [name, new MemoryFamily()]));
  }

  get(family: string, key: Buffer): Promise<Buffer | undefined> {
    return asPromise(() => this.#get(family, key));
  }

  getMany(family: string, keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return asPromise(() => keys.map((key) => this.#get(family, key)));
  }

  scan(family: string, range: KeyRange): Promise<KeyValueEntry[]> {
    return asPromise(() => this.#family(family).scan(range));
  }

  write(batch: KeyValueBatch): Promise<void> {
    return asPromise(() => {
      for (const change of batch.changes) this.#family(change.family);
      for (const change of batch.changes) {
        const family = this.#family(change.family);
        if (change.kind === 'put') family.put(change.key, change.value);
        else if (change.kind === 'delete') family.delete(change.key);
        else {
          const range = { from: change.from, until: change.until, limit: family.entries.size };
          for (const entry of family.scan(range)) family.delete(entry.key);
        }
      }
    });
  }

  snapshot(): KeyValueSnapshot {
    const frozen = new MemoryStore([]);
    for (const [name, family] of this.#families)
      frozen.#families.set(name, new MemoryFamily(new Map(family.entries)));
    return {
      get: (family, key) => frozen.get(family, key),
      getMany: (family, keys) => frozen.getMany(family, keys),
      scan: (family, range) => frozen.scan(family, range),
      release: () => frozen.close(),
    };
  }

  flush(family: string): Promise<void> {
    return asPromise(() => {
      this.#flushed.set(family, new Map(this.#family(family).entries));
    });
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  /** What a power cut leaves at least: each family as it was last flushed. The families are independent of each other. */
  afterPowerCut(): MemoryStore {
    const survivor = new MemoryStore([]);
    for (const name of this.#families.keys()) {
      survivor.#families.set(name, new MemoryFamily(new Map(this.#flushed.get(name) ?? [])));
      survivor.#flushed.set(name, new Map(this.#flushed.get(name) ?? []));
    }
    return survivor;
  }

  #get(family: string, key: Buffer): Buffer | undefined {
    const found = this.#family(family).entries.get(key.toString('hex'));
    return found === undefined ? undefined : Buffer.from(found.value);
  }

  #family(name: string): MemoryFamily {
    if (this.#closed) throw new BrokerError('unavailable', 'the store is closed');
    const family = this.#families.get(name);
    if (family === undefined) throw new BrokerError('invalid_argument', `no column family ${name}`);
    return family;
  }
}

function asPromise<R>(run: () => R): Promise<R> {
  return new Promise((resolve) => resolve(run()));
}
