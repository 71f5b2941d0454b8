// The replicated log of one member: group commit on the commit log, then apply to RocksDB (design section 3, rule M1).
import { toBinary } from '@bufbuild/protobuf';
import type { CommitLog, CommitLogRecovery } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import { CommandSchema, type Command } from '@robustmq/rpc';
import { nextTurn } from '@robustmq/runtime';
import { Applier, type ApplierParts } from './applier.ts';
import { APPLIED_KEY, CHECKPOINT_RULE, type CheckpointRule } from './checkpoint-rule.ts';
import {
  decodeMark,
  entriesOf,
  entryBytes,
  sectionsOf,
  type AppliedMark,
  type CommandBytes,
  type Entry,
} from './log-entries.ts';
import type { ReplicatedLog } from './replicated-log.ts';

/** What a log of one member is made of. */
export interface SoloLogParts extends ApplierParts {
  /** Opens the commit log after this position: what the families have applied for sure. */
  readonly openLog: (afterPosition: number) => Promise<{ log: CommitLog; recovery: CommitLogRecovery }>;
  /** The log can take no more commands: the process must end and start again. */
  readonly onFatal: (error: BrokerError) => void;
  /** Bytes of entries after which a checkpoint is worth its cost. Default 8 MiB. */
  readonly checkpointBytes?: number;
  /** Limit of a frame of the log. Default 16 MiB. */
  readonly maxFrameBytes?: number;
  /** Replaced by tests that plant mutants; never in production. */
  readonly rule?: CheckpointRule;
}

interface Proposal {
  readonly group: number;
  readonly command: Command;
  readonly bytes: Uint8Array;
  readonly resolve: (response: Uint8Array) => void;
  readonly reject: (error: BrokerError) => void;
}

type IndexedProposal = Proposal & CommandBytes & Entry;

/** One member leads for ever. */
const TERM = 1;
/** Commands that may wait; more are refused. */
const MAX_WAITING = 20_000;
/** Bytes of commands that may wait. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_FRAME_BYTES = 16 * 1024 * 1024;
const MAX_ROUND_COMMANDS = 4_096;
/** Each lets a call be answered, which encodes its response. */
const ANSWERS_PER_TURN = 128;
const DEFAULT_CHECKPOINT_BYTES = 8 * 1024 * 1024;

/** See the file head. The index of a group counts its entries from 1. */
export class SoloLog implements ReplicatedLog {
  readonly #log: CommitLog;
  readonly #parts: SoloLogParts;
  readonly #applier: Applier;
  readonly #onFatal: (error: BrokerError) => void;
  readonly #rule: CheckpointRule;
  readonly #checkpointBytes: number;
  /** Largest command: half a frame. */
  readonly #maxCommandBytes: number;
  /** A round ends after the command that passes a quarter of a frame: with the largest command it still fits one. */
  readonly #maxRoundBytes: number;
  #waiting: Proposal[] = [];
  #waitingBytes = 0;
  #round: Promise<void> | undefined;
  #checkpoint: Promise<void> | undefined;
  /** The round that was applied last: done when the store has its rows. */
  #applying: Promise<unknown> = Promise.resolve();
  #failure: BrokerError | undefined;
  #bytesSinceCheckpoint = 0;
  #commands = 0;
  #rounds = 0;

  private constructor(parts: SoloLogParts, log: CommitLog, marks: readonly AppliedMark[], position: number) {
    this.#log = log;
    this.#parts = parts;
    this.#onFatal = parts.onFatal;
    this.#rule = parts.rule ?? CHECKPOINT_RULE;
    this.#applier = new Applier(parts, this.#rule, marks, position);
    this.#checkpointBytes = parts.checkpointBytes ?? DEFAULT_CHECKPOINT_BYTES;
    const maxFrameBytes = parts.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES;
    this.#maxCommandBytes = Math.floor(maxFrameBytes / 2);
    this.#maxRoundBytes = Math.floor(maxFrameBytes / 4);
  }

  /**
   * Opens the commit log, replays what the families have not applied, and takes over.
   * @throws BrokerError `corrupt` when durable entries cannot be read: with one member there is no other copy (rule L2)
   */
  static async open(parts: SoloLogParts): Promise<SoloLog> {
    const { store, groups } = parts;
    const rule = parts.rule ?? CHECKPOINT_RULE;
    const marks: AppliedMark[] = [];
    for (const { family } of groups) {
      marks.push(decodeMark(await store.get(rule.familyOfMark(family), APPLIED_KEY)));
    }
    // After a power cut each family is as of its own last flush: the least of them says where replay begins.
    const position = Math.min(...marks.map((mark) => mark.position));
    const { log, recovery } = await parts.openLog(position);
    if (recovery.damagedSections.length > 0 || recovery.unreadableFrames.length > 0) {
      throw new BrokerError(
        'corrupt',
        'durable entries of the meta log are damaged; restore this member from a copy',
      );
    }
    const solo = new SoloLog(parts, log, marks, position);
    for (const frame of recovery.frames()) {
      const entries = solo.#applier.missing(frame.sections.flatMap(entriesOf));
      if (entries.length > 0) {
        const rows = await solo.#applier.fetch(entries);
        await solo.#applier.apply(entries, frame.sequence, rows);
      }
      solo.#bytesSinceCheckpoint += frame.sections.reduce((sum, { bytes }) => sum + bytes.length, 0);
    }
    return solo;
  }

  propose(group: number, command: Command): Promise<Uint8Array> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const bytes = toBinary(CommandSchema, command);
    if (bytes.length > this.#maxCommandBytes)
      return Promise.reject(
        new BrokerError('too_large', `a command has at most ${this.#maxCommandBytes} bytes`),
      );
    if (this.#waiting.length >= MAX_WAITING || this.#waitingBytes + bytes.length > MAX_WAITING_BYTES)
      return Promise.reject(new BrokerError('quota_exceeded', 'too many commands wait'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ group, command, bytes, resolve, reject });
      this.#waitingBytes += bytes.length;
      this.#round ??= this.#run();
    });
  }

  /** One member: a command is answered only after it was applied, so the applied state is never behind an answer. */
  readIndex(): Promise<void> {
    return this.#failure === undefined ? Promise.resolve() : Promise.reject(this.#failure);
  }

  async stored(): Promise<void> {
    await this.#applying;
  }

  /** Rounds until nothing waits: one frame, one sync, one write per round. */
  async #run(): Promise<void> {
    // Commands of the same turn share the round.
    await nextTurn(this.#parts.timers);
    while (this.#waiting.length > 0 && this.#failure === undefined) {
      const round = this.#takeRound();
      try {
        await this.#commit(round);
      } catch (thrown) {
        this.#fail(BrokerError.from(thrown, 'storage_failed', 'the meta log failed'), round);
      }
    }
    this.#round = undefined;
  }

  #takeRound(): IndexedProposal[] {
    const next = this.#applier.indexes();
    const round: IndexedProposal[] = [];
    let sizeBytes = 0;
    for (const proposal of this.#waiting) {
      if (sizeBytes > this.#maxRoundBytes || round.length === MAX_ROUND_COMMANDS) break;
      const index = (next[proposal.group] ?? 0) + 1;
      next[proposal.group] = index;
      round.push({ ...proposal, index, term: TERM, kind: 'command' });
      sizeBytes += entryBytes(proposal.bytes);
      this.#waitingBytes -= proposal.bytes.length;
    }
    this.#waiting = this.#waiting.slice(round.length);
    this.#bytesSinceCheckpoint += sizeBytes;
    this.#commands += round.length;
    this.#rounds++;
    return round;
  }

  async #commit(round: readonly IndexedProposal[]): Promise<void> {
    let position: number;
    try {
      position = this.#log.append(sectionsOf(round));
    } catch (thrown) {
      if (!(thrown instanceof BrokerError) || thrown.code !== 'storage_full') throw thrown;
      // Nothing was appended: these commands fail, later ones may find room.
      for (const proposal of round) proposal.reject(thrown);
      return;
    }
    // What the round reads is what the round before left, so it is fetched while the disk syncs.
    const fetching = this.#applier.fetch(round);
    fetching.catch(() => undefined);
    await this.#log.sync();
    const applying = this.#applier.apply(round, position, await fetching);
    this.#applying = applying;
    const outcomes = await applying;
    // What waits for an answer goes on in the turn that gives it: a large round is answered in several (N8).
    for (const [i, proposal] of round.entries()) {
      if (i > 0 && i % ANSWERS_PER_TURN === 0) await nextTurn(this.#parts.timers);
      const outcome = outcomes[i];
      if (outcome instanceof BrokerError) proposal.reject(outcome);
      else proposal.resolve(outcome as Uint8Array);
    }
  }

  /** For metrics: commands and rounds since the start, commands that wait, bytes of the log's files. */
  get figures(): { commands: number; rounds: number; waiting: number; logBytes: number } {
    return {
      commands: this.#commands,
      rounds: this.#rounds,
      waiting: this.#waiting.length,
      logBytes: this.#log.totalBytes,
    };
  }

  /** Whether enough was written since the last checkpoint to make another. */
  get checkpointDue(): boolean {
    return this.#bytesSinceCheckpoint >= this.#checkpointBytes;
  }

  /** Frees log files whose entries are durable in the store (rule M1). One at a time. */
  checkpoint(): Promise<void> {
    this.#checkpoint ??= this.#makeCheckpoint().finally(() => (this.#checkpoint = undefined));
    return this.#checkpoint;
  }

  async #makeCheckpoint(): Promise<void> {
    if (this.#failure !== undefined) return;
    const coveredBytes = this.#bytesSinceCheckpoint;
    const families = this.#parts.groups.map(({ family }) => family);
    const position = await this.#rule.flush(this.#parts.store, families, () => this.#applier.position);
    await this.#log.recycle(position);
    this.#bytesSinceCheckpoint -= coveredBytes;
  }

  /** For an idle log, once a second or so: damage to its last commands must not pass for a torn tail (rule L2). */
  async leaveWitness(): Promise<void> {
    if (this.#failure === undefined && this.#round === undefined) await this.#log.markIfIdle();
  }

  /** Waits for running rounds and a running checkpoint, then closes the log; the store is the caller's. */
  async close(): Promise<void> {
    this.#failure ??= new BrokerError('unavailable', 'meta-service is stopping');
    const error = this.#failure;
    await this.#round;
    for (const proposal of this.#waiting) proposal.reject(error);
    this.#waiting = [];
    await this.#checkpoint?.catch(() => undefined);
    await this.#log.close();
  }

  #fail(error: BrokerError, round: readonly Proposal[]): void {
    this.#failure = error;
    for (const proposal of [...round, ...this.#waiting]) proposal.reject(error);
    this.#waiting = [];
    this.#onFatal(error);
  }
}
