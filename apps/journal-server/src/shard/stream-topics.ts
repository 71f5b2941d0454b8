// Which MQTT topic a record of a stream has (design section 5): the stream's filter if it is one exact topic, else the
// key if it is a valid topic, else none.

import { batchHeader, RecordCursor } from '@robustmq/record-batch';
import { intersects, topicFilter, topicName } from '@robustmq/mqtt-topics';
import type { StreamFacts } from './stream-facts.ts';

/** How the records of a stream get their topics. */
export type TopicRule =
  | { readonly kind: 'none' }
  /** Every record has this topic. */
  | { readonly kind: 'exact'; readonly topic: string }
  | { readonly kind: 'key' };

/** The rule of a stream. */
export function topicRuleOf(stream: StreamFacts): TopicRule {
  if (stream.ownsRest) return { kind: 'key' };
  if (stream.mqttFilter === '') return { kind: 'none' };
  return topicFilter.hasWildcard(stream.mqttFilter)
    ? { kind: 'key' }
    : { kind: 'exact', topic: stream.mqttFilter };
}

/** Whether records of the stream may match the filter. */
export function mayHold(stream: StreamFacts, filter: string): boolean {
  if (stream.ownsRest) return true;
  return stream.mqttFilter !== '' && intersects(stream.mqttFilter, filter);
}

/**
 * So many records have their topics told in one turn of the loop, of one batch or of all that one tick brings; what is beyond
 * goes whole to whoever may want some of it, as a compressed batch does (N8).
 */
export const MAX_TOLD_RECORDS = 8_192;

/** Topics of a batch: per record, or none because telling them would take inflating it, or long. */
export type BatchTopics = readonly (string | undefined)[] | 'opaque';

const NO_TOPICS: readonly undefined[] = [];
const cursor = new RecordCursor();

/**
 * Topics of the records of the batch at `start`, for streams whose rule is `key`. Control batches have none; a
 * compressed batch, or one of very many records, is opaque: whoever may want the stream gets it whole and matches it
 * himself (rule X1).
 */
export function topicsOfBatch(bytes: Buffer, start: number): BatchTopics {
  if (batchHeader.isControl(bytes, start)) return NO_TOPICS;
  if (batchHeader.codec(bytes, start) !== 0 || batchHeader.recordCount(bytes, start) > MAX_TOLD_RECORDS)
    return 'opaque';
  const topics: (string | undefined)[] = [];
  cursor.reset(bytes, start);
  while (cursor.next()) topics.push(topicOfKey(bytes, cursor.keyStart, cursor.keyEnd));
  return topics;
}

/** The key as topic; undefined if it can't be one. */
function topicOfKey(bytes: Buffer, start: number, end: number): string | undefined {
  if (end <= start) return undefined;
  const topic = bytes.toString('utf8', start, end);
  return topicName.problem(topic) === undefined ? topic : undefined;
}
