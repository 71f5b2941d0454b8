// Reads the whole log at the end of a run and compares it with what was acknowledged (I1, I2, I3, R6).

import type { StreamView } from '@robustmq/meta-client';
import type { FetchSectionResult } from '@robustmq/journal-client';
import { batchHeader, completeBatchBytes, RecordCursor } from '@robustmq/record-batch';
import { invariant } from '@robustmq/testkit';
import type { KafkaAccess } from './kafka-process.ts';
import type { KafkaProducer } from './kafka-producer.ts';
import { maySwitchOwner, sendingOf } from './ledger.ts';

const FETCH_BYTES = 64 * 1024;
const RETRY_MS = 20;
/** An answer that did not come by then never comes: who was asked is gone. */
const ANSWER_MS = 1_000;

/** By whom the log is read: the gateway may lose its lease, or die, meanwhile. */
export interface LogReader {
  access(): KafkaAccess;
  wait(durationMs: number): Promise<void>;
}

/** What the log is compared with. */
export interface Expected {
  readonly streams: readonly StreamView[];
  readonly producers: readonly KafkaProducer[];
  readonly acknowledged: readonly { readonly message: string; readonly topic: string }[];
  readonly isExcused: (topic: string) => boolean;
}

interface LogRecord {
  readonly offset: number;
  readonly value: string;
}

/** @throws InvariantViolation */
export async function checkLog(reader: LogReader, expected: Expected): Promise<void> {
  const messages = new Set<string>();
  const topics = new Map(expected.acknowledged.map(({ message, topic }) => [message, topic]));
  for (const stream of expected.streams) {
    const logs = await Promise.all(
      stream.shards.map(({ shard }) => readShard(reader, stream.streamId, shard)),
    );
    // The view at the beginning may have lagged behind a deletion.
    if (isGone(reader, stream.streamId)) continue;
    for (const records of logs) {
      checkOrder(stream.name, records, topics);
      for (const { value } of records) messages.add(value.slice(0, value.indexOf('#')));
    }
    checkProduced(stream, logs[0]!, expected.producers);
  }
  const lost = expected.acknowledged.filter(
    ({ message, topic }) => !messages.has(message) && !expected.isExcused(topic),
  );
  invariant(
    lost.length === 0,
    `I1: acknowledged and not in the log: ${lost.map(({ message }) => message).join(' ')}`,
  );
}

/**
 * I3: each sending once; the messages of a publisher on a topic for the first time in the order in which it sent them.
 * @param topics of the messages that MQTT clients published
 * @throws InvariantViolation
 */
export function checkOrder(
  stream: string,
  records: readonly Pick<LogRecord, 'value'>[],
  topics: ReadonlyMap<string, string>,
): void {
  const sendings = new Set<string>();
  const messages = new Set<string>();
  const newest = new Map<string, number>();
  for (const { value } of records) {
    invariant(!sendings.has(value), `I3: ${value} is in ${stream} twice`);
    sendings.add(value);
    const { publisher, number } = sendingOf(value);
    const message = `${publisher}:${number}`;
    const topic = topics.get(message);
    if (topic === undefined || maySwitchOwner(topic) || messages.has(message)) continue;
    messages.add(message);
    const order = `${publisher} ${topic}`;
    const before = newest.get(order) ?? 0;
    invariant(number > before, `I3: ${value} of ${topic} is in ${stream} for the first time after ${before}`);
    newest.set(order, number);
  }
}

function checkProduced(
  stream: StreamView,
  records: readonly LogRecord[],
  producers: readonly KafkaProducer[],
): void {
  const producer = producers.find(({ name }) => name === stream.name);
  const incarnation = producer?.incarnations.find(({ streamId }) => streamId === stream.streamId);
  if (producer === undefined || incarnation === undefined) return;
  const found = new Map(records.map(({ offset, value }) => [offset, value]));
  for (const [offset, value] of incarnation.acknowledged)
    invariant(
      found.get(offset) === value,
      `I1: ${value} was acknowledged at ${offset}, there is ${found.get(offset)}`,
    );
  const own = records.map(({ value }) => value).filter((value) => value.startsWith(`${producer.name}@`));
  const foreign = own.filter((value) => !value.startsWith(`${producer.name}@${stream.streamId}:`));
  invariant(foreign.length === 0, `N2: ${foreign[0]} of a deleted stream is in ${stream.streamId}`);
  own.forEach((value, index) =>
    invariant(value === incarnation.sent[index], `I3: ${value} is where ${incarnation.sent[index]} belongs`),
  );
  for (const value of own)
    invariant(sendingOf(value).attempt === 1, 'a producer sends the same record again');
}

/** The records of batches end to end. */
export function recordsOf(bytes: Buffer): (LogRecord & { readonly producer: string })[] {
  const cursor = new RecordCursor();
  const records = [];
  for (let at = 0; at < bytes.length; at += completeBatchBytes(bytes, at, bytes.length)) {
    const producer = `${batchHeader.producerId(bytes, at)} ${batchHeader.baseSequence(bytes, at)}`;
    cursor.reset(bytes, at);
    while (cursor.next()) records.push({ offset: cursor.offset, value: String(cursor.value), producer });
  }
  return records;
}

/** Everything below HW. */
async function readShard(reader: LogReader, streamId: number, shard: number): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  const cursor = new RecordCursor();
  for (let from = 0; ;) {
    const result = await fetchFrom(reader, streamId, shard, from);
    if (isGone(reader, streamId)) return records;
    if (result?.error !== undefined || result === undefined) {
      // Leader or gateway may still be on its way back.
      await reader.wait(RETRY_MS);
      continue;
    }
    const bytes = Buffer.concat(result.batches);
    for (let at = 0; at < bytes.length; at += completeBatchBytes(bytes, at, bytes.length)) {
      cursor.reset(bytes, at);
      while (cursor.next()) {
        if (cursor.offset < from) continue;
        records.push({ offset: cursor.offset, value: String(cursor.value) });
        from = cursor.offset + 1;
      }
    }
    if (from >= result.highWatermark) return records;
    invariant(
      bytes.length > 0,
      `I1: nothing at ${from} of ${streamId}/${shard}, HW is ${result.highWatermark}`,
    );
  }
}

function isGone(reader: LogReader, streamId: number): boolean {
  return !reader.access().meta.view.streams.has(streamId);
}

function fetchFrom(
  reader: LogReader,
  streamId: number,
  shard: number,
  fetchOffset: number,
): Promise<FetchSectionResult | undefined> {
  const section = { streamId, shard, fetchOffset, maxBytes: FETCH_BYTES };
  return new Promise((resolve) => {
    void reader.wait(ANSWER_MS).then(() => resolve(undefined));
    reader
      .access()
      .journal.fetch(
        { maxWaitMs: 100, minBytes: 1, maxBytes: FETCH_BYTES, readCommitted: false, sections: [section] },
        ([result]) => resolve(result),
      );
  });
}
