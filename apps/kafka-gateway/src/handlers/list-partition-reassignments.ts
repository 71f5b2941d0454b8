// ListPartitionReassignments (46): replicas move on the journal's side without Kafka's admin protocol, so none is ever
// under way. kafka-topics --describe asks.
import { KAFKA_ERRORS, type ListPartitionReassignmentsResponseInput } from '@robustmq/kafka-codec';
import { api } from '../api.ts';

export const listPartitionReassignments = api(46, {
  answer: 'fixed',
  access: [{ operation: 'describe', resource: 'cluster' }],
  handle: (): ListPartitionReassignmentsResponseInput => answer(KAFKA_ERRORS.NONE),
});

function answer(errorCode: number): ListPartitionReassignmentsResponseInput {
  return { throttleTimeMs: 0, errorCode, errorMessage: null, topics: [] };
}
