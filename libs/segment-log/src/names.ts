// File names of a shard's directory, as Kafka lays them out: the 20-digit base offset and what the file is.

const LOG_NAME = /^(\d{20})\.log$/;
const SEGMENT_FILE = /^\d{20}\.(log|index|timeindex|txnindex|rewrite)(\.(cleaned|deleted|tmp))?$/;

/** Leader epochs and their start offsets, as text. */
export const LEADER_EPOCH_FILE = 'leader-epoch-checkpoint';

/** Files of one segment, besides `.log` all rebuildable. */
export type SegmentSuffix = 'log' | 'index' | 'timeindex' | 'txnindex' | 'rewrite';

/** All suffixes, the records first. */
export const SEGMENT_SUFFIXES: readonly SegmentSuffix[] = [
  'log',
  'index',
  'timeindex',
  'txnindex',
  'rewrite',
];

/** Path of a segment's file. */
export function segmentPath(directory: string, baseOffset: number, suffix: SegmentSuffix): string {
  return `${directory}/${String(baseOffset).padStart(20, '0')}.${suffix}`;
}

/** Base offsets of the `.log` files among the names, ascending. */
export function baseOffsetsOf(names: readonly string[]): number[] {
  return names
    .flatMap((name) => LOG_NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Whether a name belongs to a segment (also one half deleted or half rewritten). */
export function isSegmentFile(name: string): boolean {
  return SEGMENT_FILE.test(name);
}
