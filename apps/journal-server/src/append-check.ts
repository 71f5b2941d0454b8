// What an append must satisfy before it gets an offset. Cheap refusals come first; nothing is changed by a refusal.

import { BrokerError } from '@robustmq/errors';
import {
  baseSequenceOf,
  codecOf,
  isControl,
  isTransactional,
  lastSequenceOf,
  producerEpochOf,
  producerIdOf,
  validateBatch,
  validateRecords,
} from '@robustmq/record-batch';
import type { AppendRequest } from './pending.ts';
import type { ProducerBatch, RememberedBatch } from './producer-table.ts';
import type { Shard } from './shard.ts';

/** An accepted append: its producer's numbers if it is idempotent, and the first copy if it is a repeat. */
export interface CheckedAppend {
  readonly producer: ProducerBatch | undefined;
  readonly repeatOf: RememberedBatch | undefined;
}

const NOT_IDEMPOTENT: CheckedAppend = { producer: undefined, repeatOf: undefined };

/** @throws BrokerError why the append is refused; see the codes of `Shard.leaderFor`, `validateBatch`, `ProducerTable.check`. */
export function checkAppend(shard: Shard, request: AppendRequest, diskIsFull: boolean): CheckedAppend {
  const leader = shard.leaderFor(request.leaderEpoch);
  if (request.acks === -1 && !leader.enoughReplicas) {
    throw new BrokerError('not_enough_replicas', 'fewer in-sync replicas than min.insync.replicas');
  }
  if (diskIsFull) throw new BrokerError('storage_full', 'the disk of this journal is above its refuse mark');
  const { bytes } = request;
  const sizeBytes = validateBatch(bytes, 0, bytes.length, { maxBatchBytes: shard.config.maxMessageBytes });
  if (sizeBytes !== bytes.length) throw new BrokerError('corrupt', 'a section holds exactly one batch');
  if (isControl(bytes, 0))
    throw new BrokerError('invalid_argument', 'producers do not write control batches');
  if (isTransactional(bytes, 0)) throw new BrokerError('unsupported', 'transactions are not available yet');
  const producerId = producerIdOf(bytes, 0);
  const ofGateway = producerId >= 0 && request.origin.ownsProducer(producerId);
  // Gateways build their batches with the same library; all other records are walked once.
  if (!ofGateway && codecOf(bytes, 0) === 0) validateRecords(bytes, 0);
  if (producerId < 0) return NOT_IDEMPOTENT;
  const producer: ProducerBatch = {
    producerId,
    producerEpoch: producerEpochOf(bytes, 0),
    baseSequence: baseSequenceOf(bytes, 0),
    lastSequence: lastSequenceOf(bytes, 0),
  };
  if (producer.baseSequence < 0) throw new BrokerError('corrupt', 'a producer id without a sequence');
  return { producer, repeatOf: shard.producers.check(producer, ofGateway) };
}
