// One compression of a batch's records section. Every inflation is bounded before memory is taken for it: a batch of
// a few kilobytes may claim to be gigabytes.

import { BrokerError } from '@robustmq/errors';

/** What long work asks between two steps, so that it never takes the loop for long (N8). A `TurnBudget` is one. */
export interface Turn {
  readonly isSpent: boolean;
  yield(): Promise<void>;
}

/**
 * Inflates and deflates a records section. Inflation throws BrokerError: too_large above `maxInflatedBytes`, corrupt when
 * the bytes are not of this format, unsupported for parts of the format that no Kafka client writes.
 */
export interface SectionCodec {
  /** All at once, for small sections; too_large also for what would take the loop for long. */
  inflate(section: Buffer, maxInflatedBytes: number): Buffer;
  /** On the thread pool, and in slices where the loop is needed. The parts lie end to end. */
  inflateInTurns(section: Buffer, maxInflatedBytes: number, turn: Turn): Promise<readonly Buffer[]>;
  deflate(section: Buffer): Buffer;
}

export function tooLarge(maxInflatedBytes: number): BrokerError {
  return new BrokerError('too_large', `records inflate to more than ${maxInflatedBytes} bytes`, {
    details: { limitBytes: maxInflatedBytes },
  });
}

export function damaged(format: string, cause?: unknown): BrokerError {
  return new BrokerError('corrupt', `records section is no sound ${format} data`, { cause });
}
