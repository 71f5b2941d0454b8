// DeleteRecords (21): moves the log start of partitions, so that what lies below may go. Kafka Streams does so with its
// repartition topics, which have no retention of their own.
import { KAFKA_ERRORS, type DeleteRecordsResponseInput } from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import { kafkaErrorOf } from '../error-table.ts';
import { mapInTurns } from '../map-in-turns.ts';
import type { DeleteAnswer, DeleteQuery } from '../ports.ts';
import { MQTT_TOPIC } from '../topic-name.ts';

type PartitionResult = DeleteRecordsResponseInput['topics'][number]['partitions'][number];

export const deleteRecords = api(21, {
  answer: 2,
  access: [{ operation: 'delete', resource: 'topic' }],
  handle: async (request, context): Promise<DeleteRecordsResponseInput> => {
    const queries: DeleteQuery[] = [];
    const open: PartitionResult[] = [];
    const { turns } = context.gateway;
    const topics = await mapInTurns(request.topics, turns, async ({ name, partitions }) => ({
      name,
      partitions: await mapInTurns(partitions, turns, ({ partitionIndex, offset }): PartitionResult => {
        const topic = context.gateway.cluster.topicByName(name);
        const result = { partitionIndex, lowWatermark: -1, errorCode: KAFKA_ERRORS.NONE };
        if (topic?.partitions[partitionIndex] === undefined)
          return { ...result, errorCode: KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION };
        // MQTT sessions are still owed what lies there.
        if (topic.internal || name === MQTT_TOPIC)
          return { ...result, errorCode: KAFKA_ERRORS.TOPIC_AUTHORIZATION_FAILED };
        if (offset < -1) return { ...result, errorCode: KAFKA_ERRORS.OFFSET_OUT_OF_RANGE };
        queries.push({ streamId: topic.streamId, shard: partitionIndex, beforeOffset: offset });
        open.push(result);
        return result;
      }),
    }));
    const answers = await remove(queries, context);
    await mapInTurns(open, turns, (result, index) => Object.assign(result, resultOf(answers[index])));
    return { throttleTimeMs: 0, topics };
  },
});

async function remove(
  queries: readonly DeleteQuery[],
  { gateway }: RequestContext,
): Promise<readonly (DeleteAnswer | { readonly error: unknown })[]> {
  if (queries.length === 0) return [];
  try {
    return await gateway.journal.deleteRecords(queries);
  } catch (error) {
    return queries.map(() => ({ error }));
  }
}

function resultOf(answer: DeleteAnswer | { readonly error: unknown } | undefined): Partial<PartitionResult> {
  if (answer === undefined || !('logStartOffset' in answer))
    return { errorCode: kafkaErrorOf(answer?.error) };
  if (answer.error !== undefined) return { errorCode: kafkaErrorOf(answer.error) };
  return { lowWatermark: answer.logStartOffset };
}
