// Fetch (1): batches pass through as the log holds them. The long poll waits in the journal; an error or a change of
// the session answers at once.
import { KAFKA_ERRORS, type FetchRequest, type FetchResponseInput } from '@robustmq/kafka-codec';
import { codecOf, completeBatchBytes } from '@robustmq/record-batch';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import { kafkaErrorOf } from '../error-table.ts';
import {
  partitionKey,
  rotate,
  type FetchSession,
  type SessionPartition,
  type SessionUse,
} from '../fetch-session-cache.ts';
import type { FetchSectionResult, TopicView } from '../ports.ts';

type PartitionData = FetchResponseInput['responses'][number]['partitions'][number];

/** Versions from which topics come by id (KIP-516), and below which zstd is unknown to clients (KIP-110). */
const TOPIC_ID_VERSION = 13;
const ZSTD_VERSION = 10;
const ZSTD = 4;
const READ_COMMITTED = 1;
/** Clients take null records for a malformed answer; "nothing" is an empty section. */
const NO_RECORDS: readonly Buffer[] = [];
const NONE: PartitionData = { partitionIndex: 0, errorCode: 0, highWatermark: -1, records: NO_RECORDS };

/** A partition to be answered, with the topic that it belongs to if there is one. */
interface Wanted {
  readonly entry: SessionPartition;
  readonly topic: TopicView | undefined;
  result: PartitionData | undefined;
}

export const fetch = api(1, {
  access: [{ operation: 'read', resource: 'topic' }],
  overlap: 'waiting',
  handle: async (request, context): Promise<FetchResponseInput> => {
    const { gateway, apiVersion } = context;
    const use = gateway.fetchSessions.use(sessionRequestOf(request, apiVersion), gateway.nowMs());
    if (use.kind === 'error') return { errorCode: KAFKA_ERRORS[use.error], sessionId: 0, responses: [] };
    const wanted = partitionsOf(use).map((entry) => resolve(entry, context));
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

function sessionRequestOf(request: FetchRequest, apiVersion: number) {
  return {
    sessionId: request.sessionId,
    // Below version 7 there are no sessions.
    sessionEpoch: apiVersion < 7 ? -1 : request.sessionEpoch,
    usesTopicIds: apiVersion >= TOPIC_ID_VERSION,
    partitions: namedOnce(
      request.topics.flatMap(({ topic, topicId, partitions }) =>
        partitions.map((partition): SessionPartition => ({
          topic,
          topicId,
          partition: partition.partition,
          currentLeaderEpoch: partition.currentLeaderEpoch,
          fetchOffset: partition.fetchOffset,
          lastFetchedEpoch: partition.lastFetchedEpoch,
          maxBytes: partition.partitionMaxBytes,
          sentHighWatermark: -2,
          sentLogStartOffset: -2,
        })),
      ),
    ),
    forgotten: request.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
      partitions.map((partition) => ({ topic, topicId, partition })),
    ),
  };
}

/** A partition that is named twice is read once, as it was named last. */
function namedOnce(partitions: readonly SessionPartition[]): SessionPartition[] {
  return [...new Map(partitions.map((entry) => [partitionKey(entry), entry])).values()];
}

function partitionsOf(use: Exclude<SessionUse, { kind: 'error' }>): SessionPartition[] {
  return use.kind === 'sessionless' ? [...use.partitions] : [...use.session.partitions.values()];
}

function resolve(entry: SessionPartition, { gateway, apiVersion }: RequestContext): Wanted {
  const byId = apiVersion >= TOPIC_ID_VERSION;
  const topic = byId ? gateway.cluster.topicById(entry.topicId) : gateway.cluster.topicByName(entry.topic);
  if (topic?.partitions[entry.partition] !== undefined) return { entry, topic, result: undefined };
  const error = byId && topic === undefined ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION';
  return {
    entry,
    topic,
    result: { ...NONE, partitionIndex: entry.partition, errorCode: KAFKA_ERRORS[error] },
  };
}

/** Reads what can be read; a partition that already failed ends the long poll before it starts. */
async function read(
  wanted: readonly Wanted[],
  request: FetchRequest,
  context: RequestContext,
): Promise<void> {
  const { settings, answers } = context.gateway;
  const open = wanted.filter(({ result }) => result === undefined);
  if (open.length === 0) return;
  const failed = open.length < wanted.length;
  const { fetchWindow, closed } = context.connection;
  // A connection that ends waits for nothing new, and tells so only once.
  const waitsNot = failed || closed.aborted;
  const maxWaitMs = waitsNot ? 0 : Math.min(Math.max(request.maxWaitMs, 0), settings.maxFetchWaitMs);
  const claimBytes = fetchWindow.next(
    request.minBytes,
    Math.min(Math.max(request.maxBytes, 0), settings.maxFetchBytes),
  );
  if (answers.tryClaim(claimBytes)) {
    await readClaimed(open, request, { maxWaitMs, maxBytes: claimBytes }, context);
  } else if (await answers.claim(claimBytes, maxWaitMs, closed)) {
    // The wait for memory was the long poll.
    await readClaimed(open, request, { maxWaitMs: 0, maxBytes: claimBytes }, context);
  } else {
    // Each gets the least that there is, which is one batch, so that nobody is shut out.
    await readNow(open, request, { maxWaitMs: 0, maxBytes: 1 }, context);
  }
}

interface ReadLimits {
  readonly maxWaitMs: number;
  readonly maxBytes: number;
}

async function readClaimed(
  open: readonly Wanted[],
  request: FetchRequest,
  limits: ReadLimits,
  context: RequestContext,
): Promise<void> {
  try {
    await readNow(open, request, limits, context);
  } finally {
    context.gateway.answers.release(limits.maxBytes);
  }
}

/** Reads, and tells the connection's window what came. */
function readNow(
  open: readonly Wanted[],
  request: FetchRequest,
  limits: ReadLimits,
  { gateway, connection, apiVersion }: RequestContext,
): Promise<void> {
  const { journal, counters, answers } = gateway;
  return new Promise((resolve) => {
    const call = journal.fetch(
      {
        maxWaitMs: limits.maxWaitMs,
        minBytes: Math.min(Math.max(request.minBytes, 0), limits.maxBytes),
        maxBytes: limits.maxBytes,
        readCommitted: request.isolationLevel === READ_COMMITTED,
        sections: open.map(({ entry, topic }) => ({
          streamId: topic?.streamId ?? 0,
          shard: entry.partition,
          fetchOffset: entry.fetchOffset,
          maxBytes: Math.max(entry.maxBytes, 0),
          currentLeaderEpoch: entry.currentLeaderEpoch,
          lastFetchedEpoch: entry.lastFetchedEpoch,
        })),
      },
      (results) => {
        connection.closed.removeEventListener('abort', cancel);
        let sizeBytes = 0;
        open.forEach((one, index) => {
          const result = partitionData(one.entry, results[index], request, apiVersion);
          // With too much unread already the records have to be asked for again.
          one.result = answers.isOverrun ? { ...result, records: NO_RECORDS } : result;
          sizeBytes += results[index]?.sizeBytes ?? 0;
        });
        counters.fetchedBytes += sizeBytes;
        connection.fetchWindow.brought(sizeBytes, call.journals);
        resolve();
      },
    );
    const cancel = (): void => call.cancel();
    connection.closed.addEventListener('abort', cancel, { once: true });
  });
}

function partitionData(
  entry: SessionPartition,
  result: FetchSectionResult | undefined,
  request: FetchRequest,
  apiVersion: number,
): PartitionData {
  const partitionIndex = entry.partition;
  if (result === undefined) return { ...NONE, partitionIndex, errorCode: KAFKA_ERRORS.UNKNOWN_SERVER_ERROR };
  const { highWatermark, lastStableOffset, logStartOffset, diverging } = result;
  const marks = { partitionIndex, highWatermark, lastStableOffset, logStartOffset };
  if (result.error !== undefined)
    return { ...marks, errorCode: kafkaErrorOf(result.error), records: NO_RECORDS };
  if (apiVersion < ZSTD_VERSION && result.batches.some(holdsZstd)) {
    return { ...marks, errorCode: KAFKA_ERRORS.UNSUPPORTED_COMPRESSION_TYPE, records: NO_RECORDS };
  }
  const aborted = request.isolationLevel === READ_COMMITTED ? result.aborted : null;
  return {
    ...marks,
    errorCode: KAFKA_ERRORS.NONE,
    abortedTransactions: aborted,
    records: result.batches,
    ...(diverging === undefined
      ? {}
      : { divergingEpoch: { epoch: diverging.leaderEpoch, endOffset: diverging.endOffset } }),
  };
}

function holdsZstd(batches: Buffer): boolean {
  for (let at = 0; at < batches.length;) {
    const sizeBytes = completeBatchBytes(batches, at, batches.length);
    if (sizeBytes === 0) return false;
    if (codecOf(batches, at) === ZSTD) return true;
    at += sizeBytes;
  }
  return false;
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
