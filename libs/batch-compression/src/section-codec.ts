// One compression of a batch's records section. Every inflation is bounded before memory is taken for it: a batch of
// a few kilobytes may claim to be gigabytes.

import { BrokerError } from '@robustmq/errors';

/**
 * Inflates and deflates a records section. Inflation throws BrokerError: too_large above `maxInflatedBytes`, corrupt when
 * the bytes are not of this format, unsupported for parts of the format that no Kafka client writes.
 */
export interface SectionCodec {
  inflate(section: Buffer, maxInflatedBytes: number): Buffer;
  /** As `inflate`, on the thread pool. */
  inflateAsync(section: Buffer, maxInflatedBytes: number): Promise<Buffer>;
  deflate(section: Buffer): Buffer;
  /** As `deflate`, on the thread pool. */
  deflateAsync(section: Buffer): Promise<Buffer>;
}

export function tooLarge(maxInflatedBytes: number): BrokerError {
  return new BrokerError('too_large', `records inflate to more than ${maxInflatedBytes} bytes`, {
    details: { limitBytes: maxInflatedBytes },
  });
}

export function damaged(format: string, cause?: unknown): BrokerError {
  return new BrokerError('corrupt', `records section is no sound ${format} data`, { cause });
}
