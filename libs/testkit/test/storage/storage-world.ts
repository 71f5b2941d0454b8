// One seeded run: a journal that appends, truncates, checkpoints and deletes on a disk that loses, tears, flips and
// fills up, is killed or loses power, and must recover exactly the operations up to some position at or after the
// last acknowledged one.

import { batchHeader, RecordBatchBuilder } from '@robustmq/record-batch';
import { BrokerError } from '@robustmq/errors';
import type { Disk } from '@robustmq/commit-log';
import {
  drained,
  invariant,
  InvariantViolation,
  Random,
  SimulatedDisk,
  VirtualClock,
} from '../../src/index.ts';
import { readForeignFrames, type ForeignFrame } from './frame-reader.ts';
import { CORRECT_STEPS, MAX_FRAME_BYTES, MiniJournal, SHARDS, type JournalSteps } from './mini-journal.ts';
import { Model } from './model.ts';

/** What to run; mutants replace parts. */
export interface WorldOptions {
  readonly lives?: number;
  readonly stepsPerLife?: number;
  readonly steps?: Partial<JournalSteps>;
  /** The disk that the journal sees. */
  readonly wrapDisk?: (disk: SimulatedDisk) => Disk;
}

/** How often what happens; drawn once per seed, so that runs differ in kind. */
interface Mix {
  readonly append: number;
  readonly sync: number;
  readonly checkpoint: number;
  readonly truncate: number;
  readonly logStart: number;
  readonly pause: number;
}

/** What happened over all runs, to prove that the runs are not idle. */
export const COVERAGE = {
  recoveries: 0,
  kills: 0,
  powerCuts: 0,
  startsCut: 0,
  flippedFrames: 0,
  flippedSegments: 0,
  flippedCheckpoints: 0,
  tornTails: 0,
  damagedFrames: 0,
  damagedSections: 0,
  damagedSegments: 0,
  failures: 0,
  fullDisks: 0,
  checkpoints: 0,
  truncations: 0,
};

/** Runs one seed to its end; throws InvariantViolation. */
export async function runStorageWorld(seed: number, options: WorldOptions = {}): Promise<void> {
  const world = new StorageWorld(seed, options);
  try {
    await world.run();
  } catch (error) {
    if (error instanceof InvariantViolation) throw error;
    // A typed error or a failed assertion where none is expected breaks the run as well.
    throw new InvariantViolation(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

class StorageWorld {
  readonly #seed: number;
  readonly #random: Random;
  readonly #clock = new VirtualClock();
  readonly #disk: SimulatedDisk;
  readonly #seenDisk: Disk;
  readonly #options: WorldOptions;
  readonly #steps: JournalSteps;
  readonly #model = new Model();
  readonly #mix: Mix;
  readonly #builder = new RecordBatchBuilder();
  #epoch = 0;
  #counter = 0;
  /** Offsets below are committed for good: neither truncated nor, once deleted, expected. */
  readonly #floors = new Array<number>(SHARDS).fill(0);
  readonly #busy = new Set<number>();
  readonly #quarantined = new Set<number>();
  #expectDamage = false;
  #unexpected: BrokerError | undefined;

  constructor(seed: number, options: WorldOptions) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#disk = new SimulatedDisk(this.#clock, this.#random);
    this.#seenDisk = options.wrapDisk?.(this.#disk) ?? this.#disk;
    this.#options = options;
    this.#steps = { ...CORRECT_STEPS, ...options.steps };
    this.#disk.behaviour.syncMs = this.#random.pick([0, 1, 3, 10]);
    this.#mix = {
      append: this.#random.between(3, 10),
      sync: this.#random.between(0, 8),
      checkpoint: this.#random.between(0, 3),
      truncate: this.#random.between(0, 1),
      logStart: this.#random.between(0, 1),
      pause: this.#random.between(1, 4),
    };
  }

  async run(): Promise<void> {
    const lives = this.#options.lives ?? 4;
    for (let life = 0; life < lives; life++) {
      const journal = await this.#start();
      if (journal === undefined) return;
      const steps = this.#random.between(1, this.#options.stepsPerLife ?? 40);
      for (let step = 0; step < steps && !journal.failed; step++) await this.#step(journal);
      if (journal.failed) COVERAGE.failures++;
      await this.#end(journal);
    }
    await this.#start();
  }

  async #start(): Promise<MiniJournal | undefined> {
    this.#disk.behaviour.syncErrorRate = 0;
    this.#disk.behaviour.capacityBytes = Infinity;
    while (this.#random.chance(0.25)) await this.#crashWhileStarting();
    const flip = this.#random.chance(0.3) ? this.#flipSomething() : undefined;
    const onDurable = (position: number): void => {
      this.#model.acknowledged = Math.max(this.#model.acknowledged, position);
    };
    let journal: MiniJournal;
    try {
      journal = await this.#clock.settle(
        MiniJournal.start(this.#seenDisk, this.#seed, onDurable, this.#steps),
      );
    } catch (error) {
      const bothSlots = error instanceof BrokerError && error.code === 'corrupt' && this.#expectDamage;
      if (bothSlots) return undefined;
      throw error;
    }
    COVERAGE.recoveries++;
    await this.#check(journal, flip);
    // With one replica a damaged directory refuses to serve: nothing more to try.
    if (journal.recovery.unreadableFrames.length > 0) return undefined;
    if (this.#random.chance(0.25)) this.#disk.behaviour.syncErrorRate = 0.05;
    return journal;
  }

  /** A crash in the middle of a recovery. If that had given a sequence again, what it dropped is gone for good. */
  async #crashWhileStarting(): Promise<void> {
    const generations = (): readonly ForeignFrame[] =>
      this.#disk
        .paths()
        .filter((path) => path.endsWith('.commit'))
        .flatMap((path) => readForeignFrames(path, this.#disk.contentOf(path)));
    const before = Math.max(0, ...generations().map((frame) => frame.generation));
    const starting = MiniJournal.start(this.#seenDisk, this.#seed, () => undefined, this.#steps);
    // Damage is judged by the start that is let through.
    starting.catch(() => undefined);
    await drained();
    for (let steps = this.#random.below(16); steps > 0 && (await this.#clock.step()); steps--);
    this.#crash(0.3);
    COVERAGE.startsCut++;
    const mark = generations().find((frame) => frame.generation > before);
    if (mark === undefined) return;
    this.#model.forgetAfter(mark.sequence - 1);
    this.#model.end = mark.sequence;
  }

  async #check(journal: MiniJournal, flip: Flip | undefined): Promise<void> {
    const { recovery } = journal;
    if (recovery.tornTail) COVERAGE.tornTails++;
    COVERAGE.damagedFrames += recovery.unreadableFrames.length;
    COVERAGE.damagedSections += recovery.damagedSections.length;
    this.#checkFlip(journal, flip);
    if (recovery.unreadableFrames.length > 0) {
      invariant(this.#expectDamage, 'L2: a torn tail was taken for damage');
      return;
    }
    invariant(recovery.lastSequence >= this.#model.acknowledged, 'I1: an acknowledged frame was dropped');
    const { lastSequence } = recovery;
    invariant(
      lastSequence <= this.#model.end,
      `L1: ${lastSequence} of ${this.#model.end} frames are replayed`,
    );
    this.#model.forgetAfter(recovery.lastSequence);
    // The log may have added a mark that holds nothing.
    this.#model.end = journal.log.endPosition;
    for (const shard of journal.quarantined) {
      invariant(this.#expectDamage || this.#quarantined.has(shard), 'L2: a healthy shard is quarantined');
      this.#quarantined.add(shard);
    }
    this.#busy.clear();
    for (const shard of this.#quarantined) journal.quarantined.add(shard);
    await this.#checkContent(journal);
  }

  /** What was flipped in durable data must be reported. */
  #checkFlip(journal: MiniJournal, flip: Flip | undefined): void {
    const { recovery } = journal;
    if (flip?.frame === undefined || flip.frame.sequence < recovery.firstSequence) return;
    const { sequence, dataStart, start, end } = flip.frame;
    const reported =
      recovery.unreadableFrames.some((range) => range.first <= sequence && sequence <= range.last) ||
      recovery.damagedSections.some((damage) => damage.sequence === sequence);
    invariant(reported || flip.position >= end, 'L2: damage to durable data was dropped silently');
    const inHeader = flip.position >= start && flip.position < dataStart;
    invariant(!inHeader || recovery.unreadableFrames.length > 0, 'L2: a damaged header quarantines all');
  }

  async #checkContent(journal: MiniJournal): Promise<void> {
    for (let shard = 0; shard < SHARDS; shard++) {
      if (journal.quarantined.has(shard) || this.#busy.has(shard)) continue;
      const log = journal.shards[shard]!;
      const expected = this.#model.expected(shard);
      const found = await this.#clock.settle(journal.readAll(shard));
      if (found === 'corrupt') {
        invariant(this.#expectDamage, 'I9: healthy data reads as damaged');
        COVERAGE.damagedSegments++;
        this.#quarantined.add(shard);
        journal.quarantined.add(shard);
        continue;
      }
      invariant(
        log.logEndOffset === expected.logEndOffset,
        `I9: shard ${shard} ends at ${log.logEndOffset}, not ${expected.logEndOffset}`,
      );
      const from = log.physicalStartOffset;
      invariant(from <= this.#floors[shard]!, 'L4: records above the log start were deleted');
      const wanted = expected.batches.filter((batch) => batchHeader.baseOffset(batch, 0) >= from);
      const kept = found.filter((batch) => batchHeader.baseOffset(batch, 0) >= from);
      const same = kept.length === wanted.length && kept.every((batch, i) => batch.equals(wanted[i]!));
      invariant(same, `I2: shard ${shard} holds other bytes than were appended`);
    }
  }

  async #step(journal: MiniJournal): Promise<void> {
    const mix = this.#mix;
    let roll = this.#random.below(
      mix.append + mix.sync + mix.checkpoint + mix.truncate + mix.logStart + mix.pause,
    );
    if ((roll -= mix.append) < 0) this.#append(journal);
    else if ((roll -= mix.sync) < 0) this.#fireAndForget(journal.log.sync());
    else if ((roll -= mix.checkpoint) < 0) this.#checkpoint(journal);
    else if ((roll -= mix.truncate) < 0) this.#truncate(journal);
    else if ((roll -= mix.logStart) < 0) this.#advanceLogStart(journal);
    else await this.#clock.advance(this.#random.between(0, 12));
    await drained();
    if (this.#random.chance(0.03)) this.#fillDisk();
    if (this.#random.chance(0.03) && !journal.failed) this.#mark(journal);
    if (this.#random.chance(0.05)) await this.#checkContent(journal);
  }

  #append(journal: MiniJournal): void {
    const batches = new Map<number, Buffer>();
    for (let shard = 0; shard < SHARDS; shard++) {
      if (journal.quarantined.has(shard) || this.#busy.has(shard) || this.#random.chance(0.4)) continue;
      batches.set(shard, this.#batch(journal.shards[shard]!.logEndOffset));
    }
    const before = this.#model.end;
    const position = this.#expectFrames(batches);
    try {
      if (journal.append(batches) !== undefined) return;
      // A full disk refused the tick: nothing was appended.
      COVERAGE.fullDisks++;
      this.#model.takeBack(before);
    } catch (error) {
      // The log failed for good between two frames of the tick: any prefix of them may be there.
      if (!(error instanceof BrokerError) || error.code !== 'storage_failed') throw error;
    }
    invariant(
      journal.failed || journal.log.endPosition === this.#model.end,
      `L1: one tick took frames up to ${position}`,
    );
  }

  /** Notes the tick as the log will cut it into frames: in order, each as full as it may be. */
  #expectFrames(batches: ReadonlyMap<number, Buffer>): number {
    let frameBytes = FRAME_HEADER_BYTES;
    let frame = this.#model.end + 1;
    this.#model.end = frame;
    for (const [shard, batch] of batches) {
      const sectionBytes = SECTION_ENTRY_BYTES + batch.length;
      if (frameBytes + sectionBytes > MAX_FRAME_BYTES) {
        frame++;
        frameBytes = FRAME_HEADER_BYTES;
      }
      frameBytes += sectionBytes;
      this.#model.append(frame, shard, batch);
    }
    return frame;
  }

  #batch(baseOffset: number): Buffer {
    const builder = this.#builder;
    builder.reset();
    const records = this.#random.between(1, 3);
    for (let i = 0; i < records; i++) {
      const size = this.#random.chance(0.1) ? this.#random.between(500, 1200) : this.#random.between(1, 100);
      builder.append(
        this.#clock.nowMs() + this.#counter++,
        null,
        Buffer.alloc(size, this.#random.below(256)),
      );
    }
    return builder.finishCopy({ baseOffset, leaderEpoch: this.#epoch });
  }

  #mark(journal: MiniJournal): void {
    const marked = journal.log.markIfIdle();
    this.#model.end = journal.log.endPosition;
    this.#fireAndForget(marked);
  }

  #checkpoint(journal: MiniJournal): void {
    COVERAGE.checkpoints++;
    this.#fireAndForget(journal.checkpoint());
  }

  #truncate(journal: MiniJournal): void {
    const shard = this.#random.below(SHARDS);
    if (journal.quarantined.has(shard) || this.#busy.has(shard)) return;
    const offsets = this.#model.expected(shard).batches.map((batch) => batchHeader.baseOffset(batch, 0));
    const allowed = offsets.filter((offset) => offset >= this.#floors[shard]!);
    if (allowed.length === 0) return;
    const offset = this.#random.pick(allowed);
    const truncation = journal.truncate(shard, offset);
    if (truncation === undefined) return;
    COVERAGE.truncations++;
    this.#epoch++;
    this.#model.truncate(truncation.position, shard, offset);
    this.#busy.add(shard);
    this.#fireAndForget(truncation.done.then(() => this.#busy.delete(shard)));
  }

  #advanceLogStart(journal: MiniJournal): void {
    const shard = this.#random.below(SHARDS);
    if (journal.quarantined.has(shard) || this.#busy.has(shard)) return;
    const committed = this.#model
      .committedOffsets(shard)
      .filter((offset) => offset <= journal.shards[shard]!.logEndOffset);
    if (committed.length === 0) return;
    const offset = this.#random.pick(committed);
    this.#floors[shard] = Math.max(this.#floors[shard]!, offset);
    journal.shards[shard]!.advanceLogStart(offset);
  }

  #fillDisk(): void {
    const full = this.#disk.behaviour.capacityBytes !== Infinity;
    let used = 0;
    for (const path of this.#disk.paths()) used += this.#disk.contentOf(path).length;
    this.#disk.behaviour.capacityBytes = full ? Infinity : used + this.#random.below(9000);
  }

  /** Storage failures show in `failed`; anything else would be a bug and must not get lost. */
  #fireAndForget(promise: Promise<unknown>): void {
    promise.catch((error: unknown) => {
      if (error instanceof BrokerError && error.code === 'storage_failed') return;
      this.#unexpected ??= BrokerError.from(error);
    });
  }

  async #end(journal: MiniJournal): Promise<void> {
    if (this.#unexpected !== undefined) throw this.#unexpected;
    if (this.#random.chance(0.5)) await this.#clock.advance(this.#random.between(0, 5));
    if (!journal.failed && this.#random.chance(0.1)) {
      this.#disk.behaviour.capacityBytes = Infinity;
      await this.#clock.settle(journal.log.close());
      this.#model.end = Math.max(this.#model.end, journal.log.endPosition);
    }
    // A process whose disk failed ends itself; the machine goes on.
    this.#crash(journal.failed ? 0.7 : 0.3);
  }

  #crash(killChance: number): void {
    if (this.#random.chance(killChance)) {
      COVERAGE.kills++;
      this.#disk.kill();
      return;
    }
    COVERAGE.powerCuts++;
    this.#disk.cutPower({
      sector: this.#random.pick([0, 0.1, 0.5, 0.9, 1]),
      size: this.#random.pick([0, 0.5, 1]),
    });
  }

  /** Turns a bit of durable data: of a frame that another says was durable, of a checkpoint, or of a segment. */
  #flipSomething(): Flip | undefined {
    const paths = this.#disk.paths().filter((path) => this.#disk.contentOf(path).length > 0);
    const kind = this.#random.pick(['frame', 'frame', 'frame', 'segment', 'checkpoint']);
    if (kind === 'frame') return this.#flipFrame(paths.filter((path) => path.endsWith('.commit')));
    const path = this.#random.pick([
      undefined,
      ...paths.filter((name) => (kind === 'segment' ? name.endsWith('.log') : name.includes('checkpoint-'))),
    ]);
    if (path === undefined) return undefined;
    if (kind === 'segment') COVERAGE.flippedSegments++;
    else COVERAGE.flippedCheckpoints++;
    const position = this.#random.below(this.#disk.contentOf(path).length);
    this.#disk.flipBit(path, position, this.#random.below(8));
    this.#expectDamage = true;
    return { position, frame: undefined };
  }

  #flipFrame(paths: readonly string[]): Flip | undefined {
    const frames = paths.flatMap((path) => readForeignFrames(path, this.#disk.contentOf(path)));
    const candidates = frames.filter(
      (frame) =>
        frames.some((witness) => witness !== frame && witness.durableSequence >= frame.sequence) &&
        isLive(frame, frames),
    );
    if (candidates.length === 0) return undefined;
    COVERAGE.flippedFrames++;
    const frame = this.#random.pick(candidates);
    const position = this.#random.between(frame.start, frame.end - 1);
    this.#disk.flipBit(frame.path, position, this.#random.below(8));
    this.#expectDamage = true;
    return { position, frame };
  }
}

const FRAME_HEADER_BYTES = 64;
const SECTION_ENTRY_BYTES = 20;

interface Flip {
  readonly position: number;
  readonly frame: ForeignFrame | undefined;
}

/** Whether no newer generation holds the same sequence. */
function isLive(frame: ForeignFrame, frames: readonly ForeignFrame[]): boolean {
  return !frames.some((other) => other.sequence === frame.sequence && other.generation > frame.generation);
}
