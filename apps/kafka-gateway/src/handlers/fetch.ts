// Fetch (1): batches pass through as the log holds them. An error or a change of the session answers at once.
import type { Turn } from '@robustmq/batch-compression';
import { KAFKA_ERRORS, type FetchRequest, type FetchResponseInput } from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import { noRecords, read, type PartitionData, type Wanted } from '../fetch-read.ts';
import {
  partitionKey,
  rotate,
  type FetchSession,
  type SessionPartition,
  type SessionRequest,
  type SessionUse,
} from '../fetch-session-cache.ts';
import { isIsolationLevel } from '../isolation-level.ts';
import { mapInTurns, mapLongInTurns } from '../map-in-turns.ts';

/** Version from which topics come by id (KIP-516). */
const TOPIC_ID_VERSION = 13;

export const fetch = api(1, {
  answer: 'claimed',
  access: [{ operation: 'read', resource: 'topic' }],
  overlap: 'waiting',
  handle: async (request, context): Promise<FetchResponseInput> => {
    const { gateway, apiVersion } = context;
    const { turns } = gateway;
    if (!isIsolationLevel(request.isolationLevel)) return refused(request, apiVersion, turns);
    const use = gateway.fetchSessions.use(
      await sessionRequestOf(request, apiVersion, turns),
      gateway.nowMs(),
    );
    if (use.kind === 'error') return { errorCode: KAFKA_ERRORS[use.error], sessionId: 0, responses: [] };
    const wanted = await mapLongInTurns(partitionsOf(use), turns, (entry) => resolve(entry, context));
    await read(wanted, request, context);
    const shown = use.kind === 'incremental' ? wanted.filter(isNews) : wanted;
    if (use.kind !== 'sessionless') remember(use.session, shown);
    return {
      throttleTimeMs: 0,
      errorCode: KAFKA_ERRORS.NONE,
      sessionId: use.kind === 'sessionless' ? 0 : use.session.id,
      responses: groupByTopic(shown),
    };
  },
});

/** Before topics came by id the error is with each partition as well, as in Kafka: the oldest clients look for it nowhere else. */
async function refused(
  { topics }: FetchRequest,
  apiVersion: number,
  turns: Turn,
): Promise<FetchResponseInput> {
  const named = apiVersion < TOPIC_ID_VERSION ? topics : [];
  const responses = await mapInTurns(named, turns, async ({ topic, partitions }) => ({
    topic,
    partitions: await mapInTurns(partitions, turns, ({ partition }) =>
      noRecords(partition, 'INVALID_REQUEST'),
    ),
  }));
  return { errorCode: KAFKA_ERRORS.INVALID_REQUEST, sessionId: 0, responses };
}

async function sessionRequestOf(
  request: FetchRequest,
  apiVersion: number,
  turns: Turn,
): Promise<SessionRequest> {
  // A partition that is named twice is read once, as it was named last.
  const partitions = new Map<string, SessionPartition>();
  for (const { topic, topicId, partitions: named } of request.topics) {
    await mapInTurns(named, turns, (asked) => {
      const entry: SessionPartition = {
        topic,
        topicId,
        partition: asked.partition,
        currentLeaderEpoch: asked.currentLeaderEpoch,
        fetchOffset: asked.fetchOffset,
        lastFetchedEpoch: asked.lastFetchedEpoch,
        maxBytes: asked.partitionMaxBytes,
        sentHighWatermark: -2,
        sentLogStartOffset: -2,
      };
      partitions.set(partitionKey(entry), entry);
    });
  }
  return {
    sessionId: request.sessionId,
    // Below version 7 there are no sessions.
    sessionEpoch: apiVersion < 7 ? -1 : request.sessionEpoch,
    usesTopicIds: apiVersion >= TOPIC_ID_VERSION,
    partitions: [...partitions.values()],
    forgotten: request.forgottenTopicsData.flatMap(({ topic, topicId, partitions: forgotten }) =>
      forgotten.map((partition) => ({ topic, topicId, partition })),
    ),
  };
}

function partitionsOf(use: Exclude<SessionUse, { kind: 'error' }>): SessionPartition[] {
  return use.kind === 'sessionless' ? [...use.partitions] : [...use.session.partitions.values()];
}

function resolve(entry: SessionPartition, { gateway, apiVersion }: RequestContext): Wanted {
  const byId = apiVersion >= TOPIC_ID_VERSION;
  const topic = byId ? gateway.cluster.topicById(entry.topicId) : gateway.cluster.topicByName(entry.topic);
  if (topic?.partitions[entry.partition] !== undefined) return { entry, topic, result: undefined };
  const error = byId && topic === undefined ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION';
  return { entry, topic, result: noRecords(entry.partition, error) };
}

/** In an incremental answer a partition appears when it has records, an error, or marks that moved. */
function isNews({ entry, result }: Wanted): boolean {
  if (result === undefined) return false;
  return (
    result.errorCode !== KAFKA_ERRORS.NONE ||
    hasRecords(result) ||
    result.divergingEpoch !== undefined ||
    result.highWatermark !== entry.sentHighWatermark ||
    result.logStartOffset !== entry.sentLogStartOffset
  );
}

function hasRecords({ records }: PartitionData): boolean {
  return records !== null && records.length > 0;
}

function remember(session: FetchSession, shown: readonly Wanted[]): void {
  for (const { entry, result } of shown) {
    // After an error the partition is told again, whatever its marks are then.
    const sound = result?.errorCode === KAFKA_ERRORS.NONE;
    entry.sentHighWatermark = sound ? result.highWatermark : -2;
    entry.sentLogStartOffset = sound ? (result.logStartOffset ?? -2) : -2;
  }
  rotate(
    session,
    shown.filter(({ result }) => result !== undefined && hasRecords(result)).map(({ entry }) => entry),
  );
}

function groupByTopic(shown: readonly Wanted[]): FetchResponseInput['responses'] {
  const topics = new Map<string, { topic: string; topicId: string; partitions: PartitionData[] }>();
  for (const { entry, result } of shown) {
    if (result === undefined) continue;
    const key = `${entry.topic}/${entry.topicId}`;
    let topic = topics.get(key);
    if (topic === undefined) {
      topic = { topic: entry.topic, topicId: entry.topicId, partitions: [] };
      topics.set(key, topic);
    }
    topic.partitions.push(result);
  }
  return [...topics.values()];
}
