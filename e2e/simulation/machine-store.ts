// The key-value store of one simulated machine: it outlives the processes that open it, and loses in a power cut what no
// flush had made durable.

import { CrashingStore, StoreImage } from '../../apps/meta-service/test/support/crashing-store.ts';
import type { KeyValueStore } from '@robustmq/kv-store';
import type { Life, Random } from '@robustmq/testkit';

/** Longest duration of a flush. */
const FLUSH_MS = 10;

/** See the file head. */
export class MachineStore {
  readonly #random: Random;
  #image: Promise<StoreImage>;
  #open: CrashingStore | undefined;

  constructor(families: readonly string[], random: Random) {
    this.#random = random;
    this.#image = Promise.resolve(new StoreImage(families));
  }

  /** Opens it for one life of a process. */
  async open(life: Life): Promise<KeyValueStore> {
    const pause = (): Promise<void> =>
      new Promise((resolve) => void life.clock.after(this.#random.between(0, FLUSH_MS), resolve));
    return (this.#open = await CrashingStore.open(await this.#image, pause));
  }

  /** The process died; after a power cut a random part of what was not flushed is gone. */
  crash(isPowerCut: boolean): void {
    const store = this.#open;
    this.#open = undefined;
    if (store === undefined) return;
    const total = store.image.batches.length;
    this.#image = store.cutPower(isPowerCut ? this.#random.between(0, total) : total);
  }
}
