// OffsetForLeaderEpoch (23): where an epoch ended, so that consumers notice truncation (KIP-320).
import { KAFKA_ERRORS, type OffsetForLeaderEpochResponseInput } from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import { kafkaErrorOf } from '../error-table.ts';
import { mapInTurns } from '../map-in-turns.ts';
import type { EpochAnswer, EpochQuery } from '../ports.ts';

type Result = OffsetForLeaderEpochResponseInput['topics'][number]['partitions'][number];

export const offsetForLeaderEpoch = api(23, {
  answer: 3,
  access: [{ operation: 'describe', resource: 'topic' }],
  handle: async (request, context): Promise<OffsetForLeaderEpochResponseInput> => {
    const queries: EpochQuery[] = [];
    const open: Result[] = [];
    const { turns } = context.gateway;
    const topics = await mapInTurns(request.topics, turns, async ({ topic: name, partitions }) => ({
      topic: name,
      partitions: await mapInTurns(
        partitions,
        turns,
        ({ partition, currentLeaderEpoch, leaderEpoch }): Result => {
          const result: Result = { partition, errorCode: KAFKA_ERRORS.NONE, leaderEpoch: -1, endOffset: -1 };
          const topic = context.gateway.cluster.topicByName(name);
          if (topic?.partitions[partition] === undefined) {
            return Object.assign(result, { errorCode: KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION });
          }
          queries.push({ streamId: topic.streamId, shard: partition, currentLeaderEpoch, leaderEpoch });
          open.push(result);
          return result;
        },
      ),
    }));
    const answers = await ask(queries, context);
    await mapInTurns(open, turns, (result, index) => Object.assign(result, resultOf(answers[index])));
    return { throttleTimeMs: 0, topics };
  },
});

async function ask(
  queries: readonly EpochQuery[],
  { gateway }: RequestContext,
): Promise<readonly (EpochAnswer | { readonly error: unknown })[]> {
  if (queries.length === 0) return [];
  try {
    return await gateway.journal.endOffsetsForEpochs(queries);
  } catch (error) {
    return queries.map(() => ({ error }));
  }
}

function resultOf(answer: EpochAnswer | { readonly error: unknown } | undefined): Partial<Result> {
  if (answer === undefined || !('endOffset' in answer)) return { errorCode: kafkaErrorOf(answer?.error) };
  if (answer.error !== undefined) return { errorCode: kafkaErrorOf(answer.error) };
  return { leaderEpoch: answer.leaderEpoch, endOffset: answer.endOffset };
}
