// What a correct store would hold: the operations by position, applied in order.

import { batchHeader } from '@robustmq/record-batch';

type Operation =
  | { readonly position: number; readonly shard: number; readonly batch: Buffer }
  | { readonly position: number; readonly shard: number; readonly truncateTo: number };

/** The expected content of a shard. */
export interface ExpectedShard {
  readonly batches: Buffer[];
  logEndOffset: number;
}

/** Everything ever appended in this run that may still be there. */
export class Model {
  #operations: Operation[] = [];
  /** Highest position reported durable, by a sync or by a recovery (L5). */
  acknowledged = 0;
  end = 0;

  append(position: number, shard: number, batch: Buffer): void {
    this.end = position;
    this.#operations.push({ position, shard, batch });
  }

  truncate(position: number, shard: number, offset: number): void {
    this.end = position;
    this.#operations.push({ position, shard, truncateTo: offset });
  }

  /** The operations after `position` were refused. */
  takeBack(position: number): void {
    this.#operations = this.#operations.filter((operation) => operation.position <= position);
    this.end = position;
  }

  /** A crash left the operations up to `position`: the others never happened. */
  forgetAfter(position: number): void {
    this.takeBack(position);
    this.acknowledged = position;
  }

  /** The content of a shard when all operations up to `position` were applied. */
  expected(shard: number, position = Infinity): ExpectedShard {
    const state: ExpectedShard = { batches: [], logEndOffset: 0 };
    for (const operation of this.#operations) {
      if (operation.shard !== shard || operation.position > position) continue;
      if ('batch' in operation) state.batches.push(operation.batch);
      else
        while (
          state.batches.length > 0 &&
          batchHeader.lastOffset(state.batches.at(-1)!, 0) >= operation.truncateTo
        )
          state.batches.pop();
      const last = state.batches.at(-1);
      state.logEndOffset = last === undefined ? 0 : batchHeader.lastOffset(last, 0) + 1;
    }
    return state;
  }

  /** Base offsets of the batches of a shard that are acknowledged: where a truncation or a log start may lie. */
  committedOffsets(shard: number): number[] {
    return this.expected(shard, this.acknowledged).batches.map((batch) => batchHeader.baseOffset(batch, 0));
  }
}
