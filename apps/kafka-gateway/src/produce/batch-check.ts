// What the header of a batch from a Kafka client must satisfy, and what refusals are called. Its records: record-check.ts.
import { BrokerError } from '@robustmq/errors';
import type { KafkaErrorName } from '@robustmq/kafka-codec';
import { batchHeader, completeBatchBytes, gatewayProducerIds, validateBatch } from '@robustmq/record-batch';
import type { NamedError } from '../named-error.ts';
import type { TimestampLimits } from '../topic-config.ts';
import { shapeProblem } from './batch-shape.ts';

const ZSTD = 4;
/** KIP-110: clients that speak less than this do not know zstd. */
const ZSTD_PRODUCE_VERSION = 7;

/** What the topic and the request demand. */
export interface BatchRules {
  readonly maxBatchBytes: number;
  readonly apiVersion: number;
  /** Undefined where the broker gives the timestamps. */
  readonly timestamps: TimestampLimits | undefined;
  readonly nowMs: number;
}

const ERROR_OF: Partial<Record<string, KafkaErrorName>> = {
  corrupt: 'CORRUPT_MESSAGE',
  malformed: 'CORRUPT_MESSAGE',
  out_of_range: 'CORRUPT_MESSAGE',
  too_large: 'MESSAGE_TOO_LARGE',
};

/** Why what one partition got is refused, or undefined when it is exactly one batch with a sound header. */
export function headerProblem(records: Buffer | null, rules: BatchRules): NamedError | undefined {
  if (records === null || records.length === 0) {
    return { name: 'INVALID_RECORD', message: 'a partition without a record batch' };
  }
  const problem = shapeProblem(records);
  if (problem !== undefined) return problem;
  try {
    const sizeBytes = validateBatch(records, 0, records.length, { maxBatchBytes: rules.maxBatchBytes });
    if (sizeBytes !== records.length) {
      return { name: 'INVALID_RECORD', message: 'a partition with bytes behind its record batch' };
    }
  } catch (error) {
    return problemOf(error, records);
  }
  return attributeProblem(records, rules);
}

/** What Kafka calls the reason why a batch is refused. @throws what is no BrokerError */
export function problemOf(error: unknown, records: Buffer): NamedError {
  if (!(error instanceof BrokerError)) throw error;
  if (error.code === 'unsupported') {
    const name = error.message.startsWith('magic') ? 'INVALID_RECORD' : 'UNSUPPORTED_COMPRESSION_TYPE';
    return { name, message: error.message };
  }
  // Clients send a corrupt batch again without end, but give up on a time that cannot be.
  if (error.details['field'] === 'timestamp') return { name: 'INVALID_TIMESTAMP', message: error.message };
  // Under a good CRC it is not damaged but made so: sending it again would not help.
  if (error.code === 'corrupt' && isIntact(records))
    return { name: 'INVALID_RECORD', message: error.message };
  return { name: ERROR_OF[error.code] ?? 'CORRUPT_MESSAGE', message: error.message };
}

function isIntact(records: Buffer): boolean {
  const sizeBytes = completeBatchBytes(records, 0, records.length);
  return sizeBytes === records.length && batchHeader.crcMatches(records, 0);
}

function attributeProblem(records: Buffer, rules: BatchRules): NamedError | undefined {
  if (batchHeader.recordCount(records, 0) === 0)
    return { name: 'INVALID_RECORD', message: 'an empty record batch' };
  if (batchHeader.isControl(records, 0))
    return { name: 'INVALID_RECORD', message: 'clients may not write control records' };
  if (batchHeader.isTransactional(records, 0)) {
    return { name: 'INVALID_TXN_STATE', message: 'transactions are not supported' };
  }
  if (batchHeader.isLogAppendTime(records, 0)) {
    return { name: 'INVALID_TIMESTAMP', message: 'clients may not set LogAppendTime' };
  }
  if (batchHeader.codec(records, 0) === ZSTD && rules.apiVersion < ZSTD_PRODUCE_VERSION) {
    return { name: 'UNSUPPORTED_COMPRESSION_TYPE', message: 'zstd needs Produce version 7 (KIP-110)' };
  }
  const producerId = batchHeader.producerId(records, 0);
  if (producerId >= 0 && batchHeader.baseSequence(records, 0) < 0) {
    return { name: 'INVALID_RECORD', message: 'an idempotent batch without a sequence' };
  }
  // Header `mqtt` counts in batches of gateways' producer ids, so nobody else may use them (rule O7).
  if (gatewayProducerIds.include(producerId)) {
    return { name: 'INVALID_PRODUCER_ID_MAPPING', message: 'the producer id is reserved' };
  }
  return undefined;
}
