// What an opened log writes before it is used (L5): nothing is left whose durability is a guess.

import { BLOCK_BYTES, HEADER_BYTES } from './frame.ts';
import type { FilePool, LogFile } from './log-file.ts';
import { readFrame, type RecoveryPlan } from './recovery.ts';
import type { LocatedFrame, LogScan } from './scan.ts';

/**
 * Rewrites the frames that no other frame says were durable, so that even pages which a failed sync left clean reach
 * the disk, and makes the names of all files durable.
 */
export async function rewriteUnwitnessed(files: FilePool, scan: LogScan, plan: RecoveryPlan): Promise<void> {
  if (files.found.length === 0) return;
  const touched = new Set<LogFile>();
  for (const frame of unwitnessed(scan, plan)) {
    frame.file.file.write(readFrame(frame), frame.header.block * BLOCK_BYTES);
    touched.add(frame.file);
  }
  for (const file of touched) await file.file.sync();
  await files.syncNames();
}

/** Whether frames with content lack a witness, or frames behind the end may be the only one (then {@link eraseDead} takes it). */
export function needsWitness(scan: LogScan, plan: RecoveryPlan): boolean {
  return (
    unwitnessed(scan, plan).some((frame) => frame.header.sectionCount > 0) ||
    deadFrames(scan, plan).length > 0
  );
}

/**
 * Takes the headers off the frames behind the end of the log: their sequences are given again, and a checkpoint may
 * outlive the newer generation that makes them dead. `isOverwritten` tells of those that are gone already.
 */
export async function eraseDead(
  scan: LogScan,
  plan: RecoveryPlan,
  isOverwritten: (frame: LocatedFrame) => boolean,
): Promise<void> {
  const touched = new Set<LogFile>();
  for (const frame of deadFrames(scan, plan)) {
    if (isOverwritten(frame)) continue;
    frame.file.file.write(Buffer.alloc(HEADER_BYTES), frame.header.block * BLOCK_BYTES);
    touched.add(frame.file);
  }
  for (const file of touched) await file.file.sync();
}

function unwitnessed(scan: LogScan, plan: RecoveryPlan): LocatedFrame[] {
  return plan.live.filter((frame) => frame.header.sequence > scan.knownDurable);
}

function deadFrames(scan: LogScan, plan: RecoveryPlan): LocatedFrame[] {
  return scan.frames.filter((frame) => frame.header.sequence > plan.recovery.lastSequence);
}
