// Reading for a Fetch. What may come is claimed from the memory for answers before it is read; who waits for news waits in
// the journal and holds no claim meanwhile, so that long polls keep nobody from reading (I8).
import {
  KAFKA_ERRORS,
  type FetchRequest,
  type FetchResponseInput,
  type KafkaErrorName,
} from '@robustmq/kafka-codec';
import { batchHeader } from '@robustmq/record-batch';
import { batchHeaders } from './batch-headers.ts';
import type { RequestContext } from './context.ts';
import { kafkaErrorOf } from './error-table.ts';
import type { SessionPartition } from './fetch-session-cache.ts';
import { POLL_BYTES } from './fetch-window.ts';
import { READ_COMMITTED } from './isolation-level.ts';
import { mapLongInTurns } from './map-in-turns.ts';
import type { FetchSectionResult, TopicView } from './ports.ts';

/** A partition as Fetch answers it. */
export type PartitionData = FetchResponseInput['responses'][number]['partitions'][number];

/** Version below which zstd is unknown to clients (KIP-110). */
const ZSTD_VERSION = 10;
const ZSTD = 4;
/** Clients take null records for a malformed answer; "nothing" is an empty section. */
const NO_RECORDS: readonly Buffer[] = [];

/** A partition to be answered, with the topic that it belongs to if there is one. */
export interface Wanted {
  readonly entry: SessionPartition;
  readonly topic: TopicView | undefined;
  result: PartitionData | undefined;
}

/** One Fetch on its way through the journal: what is to be read, and for whom. */
interface Reading {
  readonly open: readonly Wanted[];
  readonly request: FetchRequest;
  readonly context: RequestContext;
  /** What the client waits for, as far as it takes it. */
  readonly minBytes: number;
  /** What one read may bring, and claims. */
  readonly windowBytes: number;
}

interface ReadLimits {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
}

/** The answer for a partition that cannot be read. */
export function noRecords(partitionIndex: number, error: KafkaErrorName): PartitionData {
  return { partitionIndex, errorCode: KAFKA_ERRORS[error], highWatermark: -1, records: NO_RECORDS };
}

/** Reads what can be read; a partition that already failed ends the long poll before it starts. */
export async function read(
  wanted: readonly Wanted[],
  request: FetchRequest,
  context: RequestContext,
): Promise<void> {
  const { settings, answers } = context.gateway;
  const { fetchWindow, closed } = context.connection;
  const open = wanted.filter(({ result }) => result === undefined);
  if (open.length === 0) return;
  // A connection that ends waits for nothing new, and tells so only once.
  const waitsNot = open.length < wanted.length || closed.aborted;
  const maxWaitMs = waitsNot ? 0 : Math.min(Math.max(request.maxWaitMs, 0), settings.maxFetchWaitMs);
  const mostBytes = Math.min(Math.max(request.maxBytes, 0), settings.maxFetchBytes);
  const windowBytes = fetchWindow.next(request.minBytes, mostBytes);
  const minBytes = Math.min(Math.max(request.minBytes, 0), windowBytes);
  const reading = { open, request, context, minBytes, windowBytes };
  if (maxWaitMs > 0 && !answers.isShort) {
    // The last Fetch of this connection brought little, and so will what is next.
    if (windowBytes <= POLL_BYTES) return poll(reading, maxWaitMs);
    if (answers.tryClaim(windowBytes)) {
      const broughtBytes = await readClaimed(reading);
      if (broughtBytes < minBytes && !hasFailed(open) && !isFull(reading, broughtBytes))
        await readLater(reading, broughtBytes, maxWaitMs);
      return;
    }
  }
  // The wait for memory is the long poll.
  await readInLine(reading, maxWaitMs);
}

/** Waits for the rest of what the client wants. A little is sent as it comes; for more, memory is claimed once it is there. */
async function readLater(reading: Reading, broughtBytes: number, maxWaitMs: number): Promise<void> {
  const { minBytes, windowBytes } = reading;
  // Meanwhile the connection may have ended, and waits for nothing new.
  if (reading.context.connection.closed.aborted) return;
  if (minBytes <= POLL_BYTES) return poll(reading, maxWaitMs);
  await waitForBytes(reading, { maxWaitMs, minBytes: minBytes - broughtBytes, maxBytes: windowBytes });
  await readInLine(reading, 0);
}

async function readInLine(reading: Reading, waitMs: number): Promise<void> {
  const { answers } = reading.context.gateway;
  if (await answers.claim(reading.windowBytes, waitMs, reading.context.connection.closed)) {
    await readClaimed(reading);
  } else {
    // Each gets the least that there is, which is one batch, so that nobody is shut out.
    await readNow(reading, { maxWaitMs: 0, minBytes: 0, maxBytes: 1 });
  }
}

/** The long poll of who gets little: one batch, or a few small ones. */
async function poll(reading: Reading, maxWaitMs: number): Promise<void> {
  const maxBytes = Math.min(POLL_BYTES, Math.max(reading.request.maxBytes, 0));
  await readNow(reading, { maxWaitMs, minBytes: Math.min(reading.minBytes, maxBytes), maxBytes });
}

/** Reads what there is into memory that was claimed, and gives the claim back; answers the bytes that came. */
async function readClaimed(reading: Reading): Promise<number> {
  try {
    return await readNow(reading, { maxWaitMs: 0, minBytes: 0, maxBytes: reading.windowBytes });
  } finally {
    reading.context.gateway.answers.release(reading.windowBytes);
  }
}

/** Whether there is more than the answer has room for (KIP-74): waiting brings no more of it. */
function isFull({ open, request }: Reading, broughtBytes: number): boolean {
  if (broughtBytes === 0) return false;
  return open.some(({ entry, result }) => {
    const end = request.isolationLevel === READ_COMMITTED ? result?.lastStableOffset : result?.highWatermark;
    let nextOffset = entry.fetchOffset;
    for (const header of batchHeaders(piecesOf(result))) nextOffset = batchHeader.lastOffset(header, 0) + 1;
    return nextOffset < (end ?? -1);
  });
}

/** As {@link partitionData} has put them. */
function piecesOf(result: PartitionData | undefined): readonly Buffer[] {
  const records = result?.records ?? NO_RECORDS;
  return Buffer.isBuffer(records) ? [records] : records;
}

function hasFailed(open: readonly Wanted[]): boolean {
  return open.some(
    ({ result }) => result?.errorCode !== KAFKA_ERRORS.NONE || result.divergingEpoch !== undefined,
  );
}

/** Resolves when so much was committed behind what was just read, or the time is over. */
async function waitForBytes({ open, request, context }: Reading, limits: ReadLimits): Promise<void> {
  const sections = await mapLongInTurns(open, context.gateway.turns, (wanted) => ({
    ...sectionOf(wanted),
    fetchOffset: Math.max(wanted.entry.fetchOffset, wanted.result?.highWatermark ?? -1),
    lastFetchedEpoch: -1,
  }));
  const readCommitted = request.isolationLevel === READ_COMMITTED;
  await new Promise<void>((resolve) => {
    untilClosed(context, (done) =>
      context.gateway.journal.fetch({ ...limits, readCommitted, waitOnly: true, sections }, () => {
        done();
        resolve();
      }),
    );
  });
}

/** Reads, and tells the connection's window what came. */
async function readNow({ open, request, context }: Reading, limits: ReadLimits): Promise<number> {
  const { journal, counters, answers, turns } = context.gateway;
  const readCommitted = request.isolationLevel === READ_COMMITTED;
  const sections = await mapLongInTurns(open, turns, sectionOf);
  let journals = 0;
  const results = await new Promise<readonly FetchSectionResult[]>((resolve) => {
    const call = untilClosed(context, (done) =>
      journal.fetch({ ...limits, readCommitted, sections }, (brought) => {
        done();
        journals = call.journals;
        resolve(brought);
      }),
    );
  });
  let sizeBytes = 0;
  await mapLongInTurns(open, turns, (one, index) => {
    const result = partitionData(one.entry, results[index], request, context.apiVersion);
    // With too much unread already the records have to be asked for again.
    one.result = answers.isOverrun ? { ...result, records: NO_RECORDS } : result;
    sizeBytes += results[index]?.sizeBytes ?? 0;
  });
  counters.fetchedBytes += sizeBytes;
  context.connection.fetchWindow.brought(sizeBytes, journals);
  return sizeBytes;
}

/** Cancels the call when the connection is gone, unless it was done before. */
function untilClosed<C extends { cancel(): void }>(
  { connection }: RequestContext,
  start: (done: () => void) => C,
): C {
  const cancel = (): void => call.cancel();
  const call = start(() => connection.closed.removeEventListener('abort', cancel));
  connection.closed.addEventListener('abort', cancel, { once: true });
  if (connection.closed.aborted) cancel();
  return call;
}

function sectionOf({ entry, topic }: Wanted) {
  return {
    streamId: topic?.streamId ?? 0,
    shard: entry.partition,
    fetchOffset: entry.fetchOffset,
    maxBytes: Math.max(entry.maxBytes, 0),
    currentLeaderEpoch: entry.currentLeaderEpoch,
    lastFetchedEpoch: entry.lastFetchedEpoch,
  };
}

function partitionData(
  entry: SessionPartition,
  result: FetchSectionResult | undefined,
  request: FetchRequest,
  apiVersion: number,
): PartitionData {
  const partitionIndex = entry.partition;
  if (result === undefined) return noRecords(partitionIndex, 'UNKNOWN_SERVER_ERROR');
  const { highWatermark, lastStableOffset, logStartOffset, diverging } = result;
  const marks = { partitionIndex, highWatermark, lastStableOffset, logStartOffset };
  if (result.error !== undefined)
    return { ...marks, errorCode: kafkaErrorOf(result.error), records: NO_RECORDS };
  if (apiVersion < ZSTD_VERSION && holdsZstd(result.batches)) {
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

function holdsZstd(pieces: readonly Buffer[]): boolean {
  for (const header of batchHeaders(pieces)) if (batchHeader.codec(header, 0) === ZSTD) return true;
  return false;
}
