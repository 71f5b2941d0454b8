// What the configuration of a stream means to its shards. Names and defaults are Kafka's topic configs; meta has checked
// the values, so that an unreadable one falls back to its default.

import { DEFAULT_MAX_MESSAGE_BYTES } from '@robustmq/record-batch';

/** Configuration of one stream as the journal uses it. */
export interface StreamConfig {
  readonly maxMessageBytes: number;
  readonly logAppendTime: boolean;
  /** -1: for ever. */
  readonly retentionMs: number;
  /** Per shard; -1: no limit. */
  readonly retentionBytes: number;
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly minInsyncReplicas: number;
}

const DAY_MS = 86_400_000;

/** Reads the map of a stream's row. */
export function streamConfigOf(config: Readonly<Record<string, string>>): StreamConfig {
  return {
    maxMessageBytes: numberOf(config['max.message.bytes'], DEFAULT_MAX_MESSAGE_BYTES),
    logAppendTime: config['message.timestamp.type'] === 'LogAppendTime',
    retentionMs: numberOf(config['retention.ms'], 7 * DAY_MS),
    retentionBytes: numberOf(config['retention.bytes'], -1),
    segmentBytes: numberOf(config['segment.bytes'], 1 << 30),
    segmentMs: numberOf(config['segment.ms'], 7 * DAY_MS),
    minInsyncReplicas: numberOf(config['min.insync.replicas'], 1),
  };
}

function numberOf(text: string | undefined, fallback: number): number {
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  return Number.isFinite(value) ? value : fallback;
}
