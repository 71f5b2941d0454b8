// Compressed batches, opened for reading: inflated on the thread pool, bounded in size and number, and every record
// checked before anybody uses one. What a producer wrote inside of it is believed by nobody (N1).

import { inflateForReading } from '@robustmq/batch-compression';
import { RecordsCheck, checkRecordCount } from '@robustmq/record-batch';
import { TurnBudget, type Clock, type Timers } from '@robustmq/runtime';

/** Inflated batches at once, over all shards and sessions: as many as the thread pool has threads. */
const MAX_INFLATIONS = 4;
/** Records and headers between two looks at the clock. */
const STEPS = 1_000;

/** Opens batches, the oldest request first. */
export class Inflation {
  readonly #maxBatchBytes: number;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param maxBatchBytes a batch that inflates beyond this can't be read. */
  constructor(maxBatchBytes: number, clock: Clock, timers: Timers) {
    this.#maxBatchBytes = maxBatchBytes;
    this.#clock = clock;
    this.#timers = timers;
  }

  /**
   * The batch at `start`, uncompressed and checked; the bytes must not change until then. Whoever got one says
   * {@link done} when it is read, so that no more than a few lie in memory.
   * @throws BrokerError too_large, corrupt or unsupported; nothing is to be said then.
   */
  async open(buffer: Buffer, start: number): Promise<Buffer> {
    if (this.#running >= MAX_INFLATIONS) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    } else {
      this.#running++;
    }
    try {
      const turn = new TurnBudget(this.#clock, this.#timers);
      const batch = await inflateForReading(buffer, start, this.#maxBatchBytes, turn);
      await this.#check(batch, turn);
      return batch;
    } catch (error) {
      this.done();
      throw error;
    }
  }

  /** A batch that was opened is read, or nobody wants it any more. */
  done(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next();
  }

  /** In slices: a batch of 16 MiB may hold millions of records. */
  async #check(batch: Buffer, turn: TurnBudget): Promise<void> {
    checkRecordCount(batch, 0);
    const check = new RecordsCheck().begin(batch, 0, true);
    while (!check.step(STEPS)) if (turn.isSpent) await turn.yield();
  }
}
