// A key-value store that dies like RocksDB: writes reach an unsynced log that all families share, a flush makes one family
// durable as of the moment it was called, once it returns.
import { KeyValueBatch, type KeyValueEntry, type KeyValueStore } from '@robustmq/kv-store';
import { MemoryStore, type KeyRange, type KeyValueSnapshot } from '@robustmq/kv-store/testing';

/** What is left on the disk. */
export class StoreImage {
  readonly families: readonly string[];
  /** All batches ever written that some family still needs, oldest first. */
  readonly batches: KeyValueBatch[] = [];
  /** Batches that each family has for sure. */
  readonly durable = new Map<string, number>();

  constructor(families: readonly string[]) {
    this.families = families;
  }

  /** What survives when `kept` batches of the shared log did. */
  async after(kept: number): Promise<StoreImage> {
    const image = new StoreImage(this.families);
    const batch = new KeyValueBatch();
    for (const [i, { changes }] of this.batches.entries()) {
      batch.changes.push(
        ...changes.filter(({ family }) => i < Math.max(kept, this.durable.get(family) ?? 0)),
      );
    }
    image.batches.push(batch);
    for (const family of this.families) image.durable.set(family, 1);
    return image;
  }
}

/** An open store over an image. */
export class CrashingStore implements KeyValueStore {
  readonly image: StoreImage;
  readonly #memory: MemoryStore;
  readonly #pause: () => Promise<void>;
  #dead = false;

  private constructor(image: StoreImage, pause: () => Promise<void>) {
    this.image = image;
    this.#memory = new MemoryStore(image.families);
    this.#pause = pause;
  }

  /** @param pause how long a flush takes */
  static async open(image: StoreImage, pause: () => Promise<void>): Promise<CrashingStore> {
    const store = new CrashingStore(image, pause);
    for (const batch of image.batches) await store.#memory.write(batch);
    return store;
  }

  /** Power is cut: `kept` of the batches written survive in the log. */
  cutPower(kept: number): Promise<StoreImage> {
    this.#dead = true;
    return this.image.after(kept);
  }

  get(family: string, key: Buffer): Promise<Buffer | undefined> {
    return this.#alive(() => this.#memory.get(family, key));
  }

  getMany(family: string, keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return this.#alive(() => this.#memory.getMany(family, keys));
  }

  scan(family: string, range: KeyRange): Promise<KeyValueEntry[]> {
    return this.#alive(() => this.#memory.scan(family, range));
  }

  write(batch: KeyValueBatch): Promise<void> {
    return this.#alive(() => {
      this.image.batches.push(batch);
      return this.#memory.write(batch);
    });
  }

  snapshot(): KeyValueSnapshot {
    return this.#memory.snapshot();
  }

  flush(family: string): Promise<void> {
    return this.#alive(async () => {
      const batches = this.image.batches.length;
      await this.#pause();
      await this.#alive(() => Promise.resolve());
      this.image.durable.set(family, Math.max(batches, this.image.durable.get(family) ?? 0));
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** A dead process waits for ever. */
  #alive<T>(work: () => Promise<T>): Promise<T> {
    return this.#dead ? new Promise(() => undefined) : work();
  }
}
