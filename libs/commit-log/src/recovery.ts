// Decides from the frames found which of them are the log (rule L2) and hands them out in order.

import type { LocatedFrame, LogScan } from './scan.ts';
import { BLOCK_BYTES, readTable, sectionIntact } from './frame.ts';

/** A section as it was appended. */
export interface RecoveredSection {
  readonly kind: number;
  readonly key: number;
  readonly subKey: number;
  /** The appended bytes; empty if damaged. */
  readonly bytes: Buffer;
  /** The bytes were durable and are no longer what was written: quarantine the key. */
  readonly damaged: boolean;
}

/** A frame of the log, in order of `sequence`. */
export interface RecoveredFrame {
  readonly sequence: number;
  /** A durable frame whose header or section table can't be read: which keys it held is unknown. */
  readonly unreadable: boolean;
  readonly sections: readonly RecoveredSection[];
}

/** A durable section that is damaged. */
export interface SectionDamage {
  readonly sequence: number;
  readonly kind: number;
  readonly key: number;
  readonly subKey: number;
}

/** What a log held when it was opened. */
export interface CommitLogRecovery {
  /** Sequence of the first frame handed out; greater than `lastSequence` if there is none. */
  readonly firstSequence: number;
  /** Last frame of the log. All up to it are durable now (L5). */
  readonly lastSequence: number;
  /** Bytes of a frame that was never known durable were found and left behind (an ordinary power cut). */
  readonly tornTail: boolean;
  /** Keys with a damaged durable section: each must be quarantined (L2). */
  readonly damagedSections: readonly SectionDamage[];
  /** Inclusive ranges of durable frames that can't be read: if any, every key of the directory is quarantined (L2). */
  readonly unreadableFrames: readonly { readonly first: number; readonly last: number }[];
  /** The frames after the checkpoint, each read when it is asked for; may be run through more than once until the first {@link CommitLog.recycle}. */
  frames(): Generator<RecoveredFrame, void, undefined>;
}

/** The two decisions of L1 and L2, apart so that tests can plant wrong ones. */
export interface RecoveryRules {
  /** The frame that holds `sequence`, following `previous`; undefined if none is readable. */
  find(scan: LogScan, sequence: number, previous: LocatedFrame | undefined): LocatedFrame | undefined;
  /** Whether an unreadable frame is damage (and not the end of the log). */
  isDamage(scan: LogScan, sequence: number): boolean;
}

/**
 * A sequence belongs to the newest generation that began at or before it: when a generation begins at a sequence,
 * everything of older ones from there on was given up, however good its CRC is. Damage is what a readable frame
 * says was durable.
 */
export const RECOVERY_RULES: RecoveryRules = {
  find(scan, sequence) {
    let owner = 0;
    for (const [generation, start] of scan.generationStarts) {
      if (start <= sequence && generation > owner) owner = generation;
    }
    return scan.bySequence.get(sequence)?.find((frame) => frame.header.generation === owner);
  },
  isDamage: (scan, sequence) => sequence <= scan.knownDurable,
};

/** What recovery decided; `live` are the readable frames of the log in order. */
export interface RecoveryPlan {
  readonly recovery: CommitLogRecovery;
  readonly live: readonly LocatedFrame[];
}

/** Applies the rules to all sequences after the checkpoint; reads and checks every frame once. */
export function planRecovery(scan: LogScan, afterSequence: number, rules: RecoveryRules): RecoveryPlan {
  const live: LocatedFrame[] = [];
  const damagedSections: SectionDamage[] = [];
  const unreadableFrames: { first: number; last: number }[] = [];
  let previous: LocatedFrame | undefined;
  let sequence = afterSequence + 1;
  for (; ; sequence++) {
    const frame = rules.find(scan, sequence, previous);
    const sections = frame === undefined ? undefined : readSections(frame);
    const intact = sections?.every((section) => !section.damaged) ?? false;
    if (!intact && !rules.isDamage(scan, sequence)) break;
    if (frame === undefined || sections === undefined) {
      const range = unreadableFrames.at(-1);
      if (range?.last === sequence - 1) range.last = sequence;
      else unreadableFrames.push({ first: sequence, last: sequence });
      continue;
    }
    for (const { kind, key, subKey, damaged } of sections) {
      if (damaged) damagedSections.push({ sequence, kind, key, subKey });
    }
    live.push(frame);
    previous = frame;
  }
  const recovery: CommitLogRecovery = {
    firstSequence: afterSequence + 1,
    lastSequence: sequence - 1,
    tornTail: scan.frames.some((frame) => frame.header.sequence >= sequence),
    damagedSections,
    unreadableFrames,
    frames: () => framesInOrder(live, unreadableFrames),
  };
  return { recovery, live };
}

function* framesInOrder(
  live: readonly LocatedFrame[],
  unreadable: readonly { first: number; last: number }[],
): Generator<RecoveredFrame, void, undefined> {
  let nextRange = 0;
  const unreadableBefore = function* (sequence: number): Generator<RecoveredFrame, void, undefined> {
    for (
      let range = unreadable[nextRange];
      range !== undefined && range.first < sequence;
      range = unreadable[++nextRange]
    ) {
      for (let lost = range.first; lost <= range.last; lost++) {
        yield { sequence: lost, unreadable: true, sections: [] };
      }
    }
  };
  for (const frame of live) {
    yield* unreadableBefore(frame.header.sequence);
    yield { sequence: frame.header.sequence, unreadable: false, sections: readSections(frame) ?? [] };
  }
  yield* unreadableBefore(Infinity);
}

/** The sections of a frame, or undefined if its table can't be read. */
function readSections(frame: LocatedFrame): RecoveredSection[] | undefined {
  const bytes = readFrame(frame);
  const table = readTable(bytes, frame.header);
  return table?.map((entry) => {
    const { kind, key, subKey } = entry;
    const damaged = !sectionIntact(bytes, entry);
    const end = entry.start + entry.lengthBytes;
    return { kind, key, subKey, damaged, bytes: damaged ? EMPTY : bytes.subarray(entry.start, end) };
  });
}

/** The bytes of a frame without its padding, fewer if the file ends inside it. */
export function readFrame({ file, header }: LocatedFrame): Buffer {
  const available = Math.min(
    header.lengthBytes,
    file.capacityBlocks * BLOCK_BYTES - header.block * BLOCK_BYTES,
  );
  const bytes = Buffer.allocUnsafe(Math.max(0, available));
  return bytes.subarray(0, file.file.read(bytes, header.block * BLOCK_BYTES));
}

const EMPTY = Buffer.alloc(0);
