// Log starts on their way (DeleteRecords, retention): durable with the next tick, in force when it is written. Whoever asked
// hears what became of it, whatever happens to the shard or the disk meanwhile (rule N7).

import type { Section } from '@robustmq/commit-log';
import type { BrokerError } from '@robustmq/errors';
import type { Shard } from '../shard/shard.ts';
import { offsetSection, SECTION_LOG_START } from './sections.ts';

interface LogStart {
  readonly offset: number;
  readonly done: ((error: BrokerError | undefined) => void)[];
}

/** Log starts that wait for a tick, or are in one. */
export class LogStarts {
  #starts = new Map<Shard, LogStart>();

  get size(): number {
    return this.#starts.size;
  }

  /** Resolves when it is durable; rejects with why it never will be. */
  raise(shard: Shard, offset: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const known = this.#starts.get(shard);
      const done = known?.done ?? [];
      done.push((error) => (error === undefined ? resolve() : reject(error)));
      this.#starts.set(shard, { offset: Math.max(offset, known?.offset ?? 0), done });
    });
  }

  /**
   * What goes into this tick. None of a shard that was deleted or damaged meanwhile: a replay of its section would bring the
   * shard back (rule L3).
   */
  take(): LogStarts {
    const taken = new LogStarts();
    for (const [shard, start] of this.#starts) {
      if (shard.failure === undefined) taken.#starts.set(shard, start);
      else for (const each of start.done) each(shard.failure);
    }
    this.#starts.clear();
    return taken;
  }

  sections(): Section[] {
    return [...this.#starts].map(([shard, { offset }]) => offsetSection(SECTION_LOG_START, shard, offset));
  }

  /** In force as soon as they are written, so that a checkpoint never covers a section that it does not show. */
  apply(): void {
    for (const [shard, { offset }] of this.#starts) shard.log.advanceLogStart(offset);
  }

  /** Tells who asked: durable, or why not. */
  settle(error?: BrokerError): void {
    for (const { done } of this.#starts.values()) for (const each of done) each(error);
    this.#starts.clear();
  }
}
