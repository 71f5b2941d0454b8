// The segments of one log in order: which one takes the next batch, which ones a truncation or retention takes away.

import { BrokerError } from '@robustmq/errors';
import type { FailureLatch } from './failure-latch.ts';
import type { LogDirectory } from './log-directory.ts';
import type { SegmentLogCheckpoint } from './log-checkpoint.ts';
import { segmentPath } from './names.ts';
import type { RetainedSegment } from './retention.ts';
import { Segment } from './segment.ts';

/** When an append begins a new segment. */
export interface RollLimits {
  /** `segment.bytes`: an append that would pass it begins a new segment. Default 1 GiB. */
  readonly segmentBytes?: number;
  /** `segment.ms`: a segment whose records span more time is rolled at the next append. Default 7 days. */
  readonly segmentMs?: number;
}

const DEFAULT_SEGMENT_BYTES = 1024 ** 3;
const DEFAULT_SEGMENT_MS = 7 * 24 * 3600 * 1000;
/** The index stores offsets relative to the base and positions as unsigned 32-bit numbers. */
const MAX_RELATIVE = 2 ** 31 - 1;

/** Never empty once the log is open; the last one is the active one. */
export class SegmentList {
  readonly all: Segment[];
  readonly #directory: LogDirectory;
  readonly #failures: FailureLatch;

  constructor(directory: LogDirectory, failures: FailureLatch, from: SegmentLogCheckpoint) {
    this.#directory = directory;
    this.#failures = failures;
    this.all = recovered(directory, from);
  }

  get active(): Segment {
    return this.all.at(-1)!;
  }

  /** Bytes of all segments, memory tail included. */
  get sizeBytes(): number {
    let total = 0;
    for (const segment of this.all) total += segment.sizeBytes;
    return total;
  }

  /** The segments for retention. */
  retained(): RetainedSegment[] {
    const { disk, path } = this.#directory;
    return this.all.map(({ baseOffset, sizeBytes, maxTimestampMs }) => ({
      baseOffset,
      lengthBytes: sizeBytes,
      timeMs: maxTimestampMs >= 0 ? maxTimestampMs : disk.modifiedAtMs(segmentPath(path, baseOffset, 'log')),
    }));
  }

  /** An empty segment that begins at `baseOffset`, behind all others. */
  begin(baseOffset: number): void {
    this.all.push(Segment.create(this.#directory.disk, this.#directory.path, baseOffset));
    this.#directory.namesChanged();
  }

  /** Whether the batch needs a segment of its own to begin with; never in an empty one. */
  isRollDue(sizeBytes: number, lastOffset: number, maxTimestampMs: number, limits: RollLimits): boolean {
    const { active } = this;
    const { segmentBytes = DEFAULT_SEGMENT_BYTES, segmentMs = DEFAULT_SEGMENT_MS } = limits;
    if (active.sizeBytes === 0) return false;
    const full = active.sizeBytes + sizeBytes > Math.min(segmentBytes, MAX_RELATIVE);
    const old = active.firstTimestampMs >= 0 && maxTimestampMs - active.firstTimestampMs > segmentMs;
    return full || old || lastOffset - active.baseOffset > MAX_RELATIVE;
  }

  /** Seals the active segment and begins another; answers the sealed one. */
  roll(baseOffset: number): Segment {
    const sealed = this.active;
    this.#failures.guard(() => {
      sealed.flush();
      const next = Segment.create(this.#directory.disk, this.#directory.path, baseOffset);
      sealed.storeIndexes();
      this.all.push(next);
    });
    this.#directory.namesChanged();
    return sealed;
  }

  /** Writes what the active segment has gathered; on a full disk it stays in memory, the commit log has it as well. */
  flushOrKeep(): void {
    try {
      this.#failures.guard(() => this.active.flush());
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'storage_full') throw error;
    }
  }

  /** The segment that holds what lies right below `offset`. */
  segmentBelow(offset: number): Segment {
    return this.all.findLast((candidate) => candidate.baseOffset < offset) ?? this.all[0]!;
  }

  /** Removes the segments that begin at or above `offset`, except the first; answers them. The caller notes that names went. */
  dropFrom(offset: number): Segment[] {
    const dropped: Segment[] = [];
    while (this.all.length > 1 && this.active.baseOffset >= offset) {
      const segment = this.all.pop()!;
      this.#unlink(segment);
      dropped.push(segment);
    }
    return dropped;
  }

  /** Removes all; answers them. One must {@link begin} in their place. */
  dropAll(): Segment[] {
    const dropped = this.all.splice(0);
    for (const segment of dropped) this.#unlink(segment);
    return dropped;
  }

  /** Takes out of the list whole segments that end at or below `floor`; the active one stays. */
  takeBelow(floor: number): Segment[] {
    const taken: Segment[] = [];
    while (this.all.length > 1 && this.all[1]!.baseOffset <= floor) taken.push(this.all.shift()!);
    if (taken.length > 0) this.#directory.namesChanged();
    return taken;
  }

  #unlink(segment: Segment): void {
    for (const path of segment.rename()) this.#directory.disk.unlink(path);
  }
}

function recovered({ disk, path }: LogDirectory, from: SegmentLogCheckpoint): Segment[] {
  return from.segments
    .filter((segment, i) => {
      // Below the log start deleteSegments may have removed it since.
      const endOffset = from.segments[i + 1]?.baseOffset ?? Infinity;
      const mayBeGone = endOffset <= from.logStartOffset;
      return !mayBeGone || disk.exists(segmentPath(path, segment.baseOffset, 'log'));
    })
    .map((segment, i, all) => {
      const found = Segment.recover(disk, path, segment);
      // At once: all of them open would be more files than a process may have.
      if (i < all.length - 1) found.cool();
      return found;
    });
}
