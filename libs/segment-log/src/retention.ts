// What retention by time and size would delete (L4): a pure decision on segment descriptions. The journal makes the
// new log start durable, then SegmentLog.deleteSegments removes the files.

/** A segment as retention sees it. */
export interface RetainedSegment {
  readonly baseOffset: number;
  readonly lengthBytes: number;
  /** Of its newest record; of its last write if no record has a timestamp, as Kafka does. */
  readonly timeMs: number;
}

/** `retention.ms` and `retention.bytes`; -1 means no limit. */
export interface RetentionConfig {
  readonly retentionMs: number;
  readonly retentionBytes: number;
}

/**
 * The log start that retention asks for, at most `limitOffset` (the HW); the first base offset if nothing expires.
 * Time deletes from the front while a segment's newest record is too old, size while the log without the segment
 * still has `retentionBytes`. The active segment stays: roll it first if it should expire.
 */
export function retentionStart(
  segments: readonly RetainedSegment[],
  config: RetentionConfig,
  nowMs: number,
  limitOffset: number,
): number {
  let totalBytes = segments.reduce((sum, segment) => sum + segment.lengthBytes, 0);
  let start = segments[0]?.baseOffset ?? 0;
  for (let i = 0; i + 1 < segments.length; i++) {
    const segment = segments[i]!;
    const endOffset = segments[i + 1]!.baseOffset;
    const old = config.retentionMs >= 0 && nowMs - segment.timeMs > config.retentionMs;
    totalBytes -= segment.lengthBytes;
    const beyond = config.retentionBytes >= 0 && totalBytes >= config.retentionBytes;
    if ((!old && !beyond) || endOffset > limitOffset) break;
    start = endOffset;
  }
  return start;
}
