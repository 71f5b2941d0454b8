// ListOffsets (2): offsets by time, and Kafka's marks: latest (-1), earliest (-2), max timestamp (-3), earliest local
// (-4, KIP-405) and latest tiered (-5). Nothing is tiered here, so -4 is the earliest and -5 finds nothing.
import type { Turn } from '@robustmq/batch-compression';
import { KAFKA_ERRORS, type ListOffsetsRequest, type ListOffsetsResponseInput } from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import { kafkaErrorOf } from '../error-table.ts';
import { mapBounded } from '../map-bounded.ts';
import { mapInTurns } from '../map-in-turns.ts';
import { isIsolationLevel, READ_COMMITTED } from '../isolation-level.ts';
import { exactOffset, MAX_TIMESTAMP } from '../offset-by-time.ts';
import type { OffsetAnswer, OffsetQuery } from '../ports.ts';

type PartitionResult = ListOffsetsResponseInput['topics'][number]['partitions'][number];

const EARLIEST = -2;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
/** KIP-1005 and later marks that this log has no meaning for. */
const LOWEST_MARK = -6;
/** The version from which a mark means something, by the mark. */
const VERSION_OF_MARK: ReadonlyMap<number, number> = new Map([
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [LOWEST_MARK, 11],
]);
/** Batches that one request reads at once to search them. */
const MAX_SEARCHES = 4;
const OFFSET_NOT_AVAILABLE_VERSION = 5;

export const listOffsets = api(2, {
  answer: 2,
  access: [{ operation: 'describe', resource: 'topic' }],
  handle: async (request, context): Promise<ListOffsetsResponseInput> => {
    const queries: OffsetQuery[] = [];
    const open: PartitionResult[] = [];
    const { turns } = context.gateway;
    const repeated = await repeatedPartitions(request.topics, turns);
    const topics = await mapInTurns(request.topics, turns, async ({ name, partitions }) => ({
      name,
      partitions: await mapInTurns(partitions, turns, (partition): PartitionResult => {
        const { partitionIndex, currentLeaderEpoch, timestamp } = partition;
        const result: PartitionResult = {
          partitionIndex,
          errorCode: 0,
          timestamp: -1,
          offset: -1,
          leaderEpoch: -1,
        };
        // As in Kafka; else a small request asks the journal for work without bound (N8).
        if (!isIsolationLevel(request.isolationLevel) || repeated.has(`${partitionIndex}/${name}`))
          return Object.assign(result, { errorCode: KAFKA_ERRORS.INVALID_REQUEST });
        const topic = context.gateway.cluster.topicByName(name);
        if (topic?.partitions[partitionIndex] === undefined) {
          return Object.assign(result, { errorCode: KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION });
        }
        if (timestamp < LOWEST_MARK || context.apiVersion < (VERSION_OF_MARK.get(timestamp) ?? 0))
          return Object.assign(result, { errorCode: KAFKA_ERRORS.UNSUPPORTED_VERSION });
        if (timestamp === LATEST_TIERED || timestamp === LOWEST_MARK) return result;
        const timestampMs = timestamp === EARLIEST_LOCAL ? EARLIEST : timestamp;
        queries.push({ streamId: topic.streamId, shard: partitionIndex, currentLeaderEpoch, timestampMs });
        open.push(result);
        return result;
      }),
    }));
    const answers = await ask(queries, request.isolationLevel === READ_COMMITTED, context);
    await mapInTurns(open, turns, (result, index) =>
      Object.assign(result, resultOf(answers[index], context.apiVersion)),
    );
    return { topics, throttleTimeMs: 0 };
  },
});

async function ask(
  queries: readonly OffsetQuery[],
  readCommitted: boolean,
  context: RequestContext,
): Promise<readonly (OffsetAnswer | { readonly error: unknown })[]> {
  if (queries.length === 0) return [];
  try {
    const answers = await context.gateway.journal.listOffsets(queries, readCommitted);
    return await mapBounded(
      answers,
      context.gateway.turns,
      (answer, index) => exactOffset(queries[index] as OffsetQuery, answer, context),
      MAX_SEARCHES,
    );
  } catch (error) {
    return queries.map(() => ({ error }));
  }
}

/** Partitions that are named more than once. */
async function repeatedPartitions(
  topics: ListOffsetsRequest['topics'],
  turns: Turn,
): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { name, partitions } of topics) {
    await mapInTurns(partitions, turns, ({ partitionIndex }) => {
      const key = `${partitionIndex}/${name}`;
      if (seen.has(key)) repeated.add(key);
      seen.add(key);
    });
  }
  return repeated;
}

/** KIP-207: a client that is too old to know OFFSET_NOT_AVAILABLE gets another retriable code. */
function errorOf(error: unknown, apiVersion: number): number {
  const errorCode = kafkaErrorOf(error);
  const isUnknown =
    errorCode === KAFKA_ERRORS.OFFSET_NOT_AVAILABLE && apiVersion < OFFSET_NOT_AVAILABLE_VERSION;
  return isUnknown ? KAFKA_ERRORS.LEADER_NOT_AVAILABLE : errorCode;
}

function resultOf(
  answer: OffsetAnswer | { readonly error: unknown } | undefined,
  apiVersion: number,
): Partial<PartitionResult> {
  if (answer === undefined || !('offset' in answer)) return { errorCode: errorOf(answer?.error, apiVersion) };
  if (answer.error !== undefined) return { errorCode: errorOf(answer.error, apiVersion) };
  return { timestamp: answer.timestampMs, offset: answer.offset, leaderEpoch: answer.leaderEpoch };
}
