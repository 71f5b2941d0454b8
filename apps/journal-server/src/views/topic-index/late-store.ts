// The store under the topic index while its disk has no room for one (rule L6). It begins empty, so that what would be read
// from it is scanned (rule X1), and is opened when something is to be written: whatever lies there is as true then as it was.

import type { KeyValueBatch, KeyValueEntry, KeyValueStore } from '@robustmq/kv-store';
import { BrokerError } from '@robustmq/errors';

/** A store that is opened with its first write. */
export class LateStore implements KeyValueStore {
  readonly #open: () => Promise<KeyValueStore>;
  #store: KeyValueStore | undefined;
  /** One opening at a time, each write tries again. */
  #opening: Promise<KeyValueStore> | undefined;
  #isClosed = false;

  /** @param open rejects with `storage_full` as long as there is no room */
  constructor(open: () => Promise<KeyValueStore>) {
    this.#open = open;
  }

  get(family: string, key: Buffer): Promise<Buffer | undefined> {
    return this.#store?.get(family, key) ?? Promise.resolve(undefined);
  }

  getMany(family: string, keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return this.#store?.getMany(family, keys) ?? Promise.resolve(keys.map(() => undefined));
  }

  scan(family: string, range: Parameters<KeyValueStore['scan']>[1]): Promise<KeyValueEntry[]> {
    return this.#store?.scan(family, range) ?? Promise.resolve([]);
  }

  async write(batch: KeyValueBatch): Promise<void> {
    await (this.#store ?? (await this.#opened())).write(batch);
  }

  snapshot(): ReturnType<KeyValueStore['snapshot']> {
    if (this.#store === undefined) throw new BrokerError('unavailable', 'the store is not open');
    return this.#store.snapshot();
  }

  async flush(family: string): Promise<void> {
    await this.#store?.flush(family);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => undefined);
    await this.#store?.close();
  }

  async #opened(): Promise<KeyValueStore> {
    if (this.#isClosed) throw new BrokerError('unavailable', 'the store is closed');
    this.#opening ??= this.#open().then(
      (store) => (this.#store = store),
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }
}
