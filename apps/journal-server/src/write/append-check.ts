// What an append must satisfy before it gets an offset. Cheap refusals come first; nothing is changed by a refusal. What lies
// inside of a batch was checked by the gateway that took it from a client, in slices (N1): to walk a million records here
// would hold up everybody (N8).

import { BrokerError } from '@robustmq/errors';
import { batchHeader, validateBatch } from '@robustmq/record-batch';
import type { ProducerBatch, ProducerState } from '@robustmq/producer-state';
import type { AppendRequest } from '../shard/pending.ts';
import type { Shard } from '../shard/shard.ts';

/** An accepted append: its producer's numbers if it is idempotent, and the first copy if it is a repeat. */
export interface CheckedAppend {
  readonly producer: ProducerBatch | undefined;
  readonly repeatOf: ReturnType<ProducerState['check']>;
}

const NOT_IDEMPOTENT: CheckedAppend = { producer: undefined, repeatOf: undefined };

/**
 * A repeat is told before anything is refused that the stream's configuration or the disk decide: both may have changed since
 * the first copy was appended, and its sender takes such a refusal for "never written" (rules I1, R6).
 * @throws BrokerError why the append is refused; see the codes of `Shard.leaderFor`, `validateBatch`, `ProducerState.check`.
 */
export function checkAppend(shard: Shard, request: AppendRequest, diskIsFull: boolean): CheckedAppend {
  const leader = shard.leaderFor(request.leaderEpoch);
  const { bytes } = request;
  const sizeBytes = validateBatch(bytes, 0, bytes.length, { maxBatchBytes: Infinity });
  if (sizeBytes !== bytes.length) throw new BrokerError('corrupt', 'a section holds exactly one batch');
  const producer = producerOf(bytes);
  const ofGateway = producer !== undefined && request.origin.ownsProducer(producer.producerId);
  const repeatOf = producer && shard.producers.check(producer, ofGateway);
  if (repeatOf !== undefined) return { producer, repeatOf };
  if (request.acks === -1 && !leader.enoughReplicas) {
    throw new BrokerError('not_enough_replicas', 'fewer in-sync replicas than min.insync.replicas');
  }
  if (diskIsFull) throw new BrokerError('storage_full', 'the disk of this journal is above its refuse mark');
  const { maxMessageBytes } = shard.config;
  if (sizeBytes > maxMessageBytes) {
    throw new BrokerError(
      'too_large',
      `batch of ${sizeBytes} bytes is over the limit of ${maxMessageBytes}`,
      {
        details: { sizeBytes, limitBytes: maxMessageBytes },
      },
    );
  }
  if (batchHeader.isControl(bytes, 0))
    throw new BrokerError('invalid_argument', 'producers do not write control batches');
  if (batchHeader.isTransactional(bytes, 0))
    throw new BrokerError('unsupported', 'transactions are not available yet');
  return producer === undefined ? NOT_IDEMPOTENT : { producer, repeatOf };
}

function producerOf(bytes: Buffer): ProducerBatch | undefined {
  const producerId = batchHeader.producerId(bytes, 0);
  if (producerId < 0) return undefined;
  const baseSequence = batchHeader.baseSequence(bytes, 0);
  if (baseSequence < 0) throw new BrokerError('corrupt', 'a producer id without a sequence');
  return {
    producerId,
    producerEpoch: batchHeader.producerEpoch(bytes, 0),
    baseSequence,
    lastSequence: batchHeader.lastSequence(bytes, 0),
  };
}
