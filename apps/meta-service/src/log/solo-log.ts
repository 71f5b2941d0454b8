// The replicated log of one member: group commit on the commit log, then apply to RocksDB (design section 3, rule M1).
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { CommitLog, CommitLogRecovery, Section } from '@robustmq/commit-log';
import { assert, BrokerError } from '@robustmq/errors';
import { KeyValueBatch, type KeyValueStore } from '@robustmq/kv-store';
import { CommandSchema, type Command } from '@robustmq/rpc';
import type { GroupMachine } from '../group-machine.ts';
import { OverlayView } from './overlay-view.ts';
import type { ReplicatedLog } from './replicated-log.ts';

/** A group: its machine, its column family and how the family's other rows are stored with the applied index. */
export interface LogGroup {
  readonly family: string;
  readonly machine: GroupMachine;
  /** Rows that the machine keeps in memory. */
  readonly storeRows?: (batch: KeyValueBatch, family: string) => void;
}

/** What the shell reports. */
export interface SoloLogEvents {
  /** The log can take no more commands: the process must end and start again. */
  readonly onFatal: (error: BrokerError) => void;
}

interface Proposal {
  readonly group: number;
  readonly command: Command;
  readonly bytes: Uint8Array;
  readonly resolve: (response: Uint8Array) => void;
  readonly reject: (error: BrokerError) => void;
}

/** Section kind of command entries in the commit log. */
const ENTRIES = 1;
/** Key of the applied index in every family. */
const APPLIED_KEY = Buffer.from('a');
/** Commands that may wait; more are refused. */
const MAX_WAITING = 20_000;
/** Largest command: a frame has to hold it. */
const MAX_COMMAND_BYTES = 8 * 1024 * 1024;
/** Entry: length u32, log position of the group u48. */
const ENTRY_HEADER_BYTES = 10;

/** See the file head. The applied index of a group counts its commands. */
export class SoloLog implements ReplicatedLog {
  readonly #log: CommitLog;
  readonly #store: KeyValueStore;
  readonly #groups: readonly LogGroup[];
  readonly #events: SoloLogEvents;
  readonly #applied: number[];
  #waiting: Proposal[] = [];
  #round: Promise<void> | undefined;
  #failure: BrokerError | undefined;
  /** Log position up to which everything is in the store. */
  #appliedPosition: number;
  #lastCheckpoint: number;

  private constructor(
    log: CommitLog,
    store: KeyValueStore,
    groups: readonly LogGroup[],
    applied: number[],
    events: SoloLogEvents,
  ) {
    this.#log = log;
    this.#store = store;
    this.#groups = groups;
    this.#applied = applied;
    this.#events = events;
    this.#appliedPosition = log.durablePosition;
    this.#lastCheckpoint = 0;
  }

  /** The applied index of each group as stored. */
  static async readApplied(store: KeyValueStore, groups: readonly LogGroup[]): Promise<number[]> {
    const applied: number[] = [];
    for (const { family } of groups) {
      const bytes = await store.get(family, APPLIED_KEY);
      applied.push(bytes === undefined ? 0 : bytes.readUIntBE(0, 6));
    }
    return applied;
  }

  /**
   * Replays what the log holds beyond the applied indexes and takes over.
   * @throws BrokerError `corrupt` when durable entries cannot be read: with one member there is no other copy (rule L2)
   */
  static async open(
    log: CommitLog,
    recovery: CommitLogRecovery,
    store: KeyValueStore,
    groups: readonly LogGroup[],
    events: SoloLogEvents,
  ): Promise<SoloLog> {
    if (recovery.damagedSections.length > 0 || recovery.unreadableFrames.length > 0) {
      throw new BrokerError(
        'corrupt',
        'durable entries of the meta log are damaged; restore this member from a copy',
      );
    }
    const solo = new SoloLog(log, store, groups, await SoloLog.readApplied(store, groups), events);
    for (const frame of recovery.frames()) {
      const commands: { group: number; command: Command; index: number }[] = [];
      for (const section of frame.sections) {
        if (section.kind === ENTRIES) commands.push(...readEntries(section.key, section.bytes));
      }
      await solo.#applyAll(commands.filter(({ group, index }) => index > (solo.#applied[group] ?? 0)));
    }
    return solo;
  }

  propose(group: number, command: Command): Promise<Uint8Array> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#waiting.length >= MAX_WAITING)
      return Promise.reject(new BrokerError('quota_exceeded', 'too many commands wait'));
    const bytes = toBinary(CommandSchema, command);
    if (bytes.length > MAX_COMMAND_BYTES)
      return Promise.reject(new BrokerError('too_large', 'command too large'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ group, command, bytes, resolve, reject });
      this.#round ??= this.#run();
    });
  }

  /** One member: a command is answered only after it was applied, so the applied state is never behind an answer. */
  readIndex(): Promise<void> {
    return this.#failure === undefined ? Promise.resolve() : Promise.reject(this.#failure);
  }

  /** Rounds until nothing waits: one frame, one sync, one write per round. */
  async #run(): Promise<void> {
    // Commands of the same turn share the round.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0 && this.#failure === undefined) {
      const round = this.#waiting;
      this.#waiting = [];
      try {
        await this.#commit(round);
      } catch (thrown) {
        this.#fail(BrokerError.from(thrown, 'storage_failed', 'the meta log failed'), round);
      }
    }
    this.#round = undefined;
  }

  async #commit(round: readonly Proposal[]): Promise<void> {
    const next = [...this.#applied];
    const indexed = round.map((proposal) => {
      const index = (next[proposal.group] ?? 0) + 1;
      next[proposal.group] = index;
      return { ...proposal, index };
    });
    const position = this.#log.append(sectionsOf(indexed));
    await this.#log.sync();
    const outcomes = await this.#applyAll(indexed);
    this.#appliedPosition = position;
    indexed.forEach((proposal, i) => {
      const outcome = outcomes[i];
      if (outcome instanceof BrokerError) proposal.reject(outcome);
      else proposal.resolve(outcome as Uint8Array);
    });
  }

  /** Applies in log order; state and applied indexes of all groups are one atomic write, each in its own family (rule M1). */
  async #applyAll(
    commands: readonly { group: number; command: Command; index: number }[],
  ): Promise<(Uint8Array | BrokerError)[]> {
    if (commands.length === 0) return [];
    const batch = new KeyValueBatch();
    const views = new Map<number, OverlayView>();
    for (const group of new Set(commands.map((entry) => entry.group))) {
      views.set(group, await this.#fetch(group, commands, batch));
    }
    const outcomes = commands.map(({ group, command, index }) => {
      try {
        return this.#group(group).machine.apply(command, index, views.get(group) as OverlayView);
      } catch (thrown) {
        if (!(thrown instanceof BrokerError)) throw thrown;
        return thrown;
      }
    });
    for (const { group, index } of commands) this.#applied[group] = index;
    for (const group of views.keys()) {
      const { family, storeRows } = this.#group(group);
      storeRows?.(batch, family);
      const applied = Buffer.alloc(6);
      applied.writeUIntBE(this.#applied[group] ?? 0, 0, 6);
      batch.put(family, APPLIED_KEY, applied);
    }
    await this.#store.write(batch);
    return outcomes;
  }

  async #fetch(
    group: number,
    commands: readonly { group: number; command: Command }[],
    batch: KeyValueBatch,
  ): Promise<OverlayView> {
    const { family, machine } = this.#group(group);
    const view = new OverlayView(batch, family);
    const keys = new Map<string, Buffer>();
    for (const entry of commands) {
      if (entry.group !== group) continue;
      for (const key of machine.keysOf(entry.command)) keys.set(key.toString('latin1'), key);
    }
    const wanted = [...keys.values()];
    const values = await this.#store.getMany(family, wanted);
    wanted.forEach((key, i) => view.fetched(key, values[i]));
    return view;
  }

  /**
   * Frees log files (rule M1): the position is read before the flush is called and used after every family's has returned, so
   * that what is freed was applied to state that is durable now.
   */
  async checkpoint(): Promise<void> {
    const position = this.#appliedPosition;
    if (position === this.#lastCheckpoint) return;
    for (const { family } of this.#groups) await this.#store.flush(family);
    this.#log.recycle(position);
    this.#lastCheckpoint = position;
  }

  /** Bytes of the log's files. */
  get logBytes(): number {
    return this.#log.totalBytes;
  }

  /** Waits for running rounds; the caller then closes log and store. */
  async drain(): Promise<void> {
    await this.#round;
    this.#failure ??= new BrokerError('unavailable', 'meta-service is stopping');
  }

  #group(group: number): LogGroup {
    const found = this.#groups[group];
    assert(found !== undefined, `group ${group} exists`);
    return found;
  }

  #fail(error: BrokerError, round: readonly Proposal[]): void {
    this.#failure = error;
    for (const proposal of [...round, ...this.#waiting]) proposal.reject(error);
    this.#waiting = [];
    this.#events.onFatal(error);
  }
}

function sectionsOf(entries: readonly { group: number; bytes: Uint8Array; index: number }[]): Section[] {
  const buffers = new Map<number, Uint8Array[]>();
  for (const { group, bytes, index } of entries) {
    const header = Buffer.alloc(ENTRY_HEADER_BYTES);
    header.writeUInt32BE(bytes.length, 0);
    header.writeUIntBE(index, 4, 6);
    let list = buffers.get(group);
    if (list === undefined) buffers.set(group, (list = []));
    list.push(header, bytes);
  }
  return [...buffers].map(([key, list]) => ({ kind: ENTRIES, key, subKey: 0, buffers: list }));
}

function readEntries(group: number, bytes: Buffer): { group: number; command: Command; index: number }[] {
  const entries: { group: number; command: Command; index: number }[] = [];
  for (let at = 0; at < bytes.length;) {
    const lengthBytes = bytes.readUInt32BE(at);
    const index = bytes.readUIntBE(at + 4, 6);
    const start = at + ENTRY_HEADER_BYTES;
    entries.push({
      group,
      command: fromBinary(CommandSchema, bytes.subarray(start, start + lengthBytes)),
      index,
    });
    at = start + lengthBytes;
  }
  return entries;
}
