// The three decisions of rule M1, apart so that tests can plant wrong ones.
import type { KeyValueBatch, KeyValueStore } from '@robustmq/kv-store';
import { encodeMark, type AppliedMark } from './log-entries.ts';

/** Key of the applied mark in every family. */
export const APPLIED_KEY = Buffer.from('a');

/** How the log is truncated safely. */
export interface CheckpointRule {
  /** Adds a group's mark to the batch that holds its rows. */
  mark(batch: KeyValueBatch, family: string, mark: AppliedMark): void;
  /** The family that holds the mark of a family's group. */
  familyOfMark(family: string): string;
  /** Makes all families durable; answers the position up to which the log may be truncated then. */
  flush(store: KeyValueStore, families: readonly string[], appliedPosition: () => number): Promise<number>;
}

/**
 * The mark is in the same batch and the same family as the rows, so that after a power cut, when each family comes back as
 * of its own last flush, a mark never claims rows that are gone. The position is read before the first flush is
 * called: what is applied while a flush runs may not be in it. Idle families are flushed too.
 */
export const CHECKPOINT_RULE: CheckpointRule = {
  mark: (batch, family, mark) => void batch.put(family, APPLIED_KEY, encodeMark(mark)),
  familyOfMark: (family) => family,
  async flush(store, families, appliedPosition) {
    const position = appliedPosition();
    for (const family of families) await store.flush(family);
    return position;
  },
};
