// Applies entries of all groups to the store: fetches the rows that they may read, runs the machines in log order, and writes
// rows and marks of all groups as one atomic batch (rule M1). Who orders the entries is not its concern.
import { assert, BrokerError } from '@robustmq/errors';
import { KeyValueBatch, type KeyValueStore } from '@robustmq/kv-store';
import { TurnBudget, type Clock, type Timers } from '@robustmq/runtime';
import { isSteps, type GroupMachine } from '../group-machine.ts';
import { inSlices, type Steps } from '../steps.ts';
import type { CheckpointRule } from './checkpoint-rule.ts';
import type { AppliedMark, Entry } from './log-entries.ts';
import { OverlayView } from './overlay-view.ts';

/** A group: its machine, and the column family of its rows. */
export interface LogGroup {
  readonly family: string;
  readonly machine: GroupMachine;
}

/** What an {@link Applier} works on. */
export interface ApplierParts {
  readonly store: KeyValueStore;
  readonly groups: readonly LogGroup[];
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly timers: Timers;
}

/** What a command answered, or the error that it failed with. */
export type Outcome = Uint8Array | BrokerError;

/** Rows that entries may read, and the batch that their changes go to. */
export interface FetchedRows {
  readonly batch: KeyValueBatch;
  readonly views: ReadonlyMap<number, OverlayView>;
}

const NOTHING = new Uint8Array();
/**
 * Changes after which a write begins: RocksDB takes over all changes of one within a turn of the loop (N8). Those of one command
 * are one write, however many they are: what calls may bring is bounded by `CALL_LIMITS` and by what reapers put in a command. Only
 * a journal that comes, ends or claims what it may lead changes more, a row of each of at most `MAX_STREAMS` streams: some 3 µs of
 * the loop each, far less than anybody's lease.
 */
const WRITE_CHANGES = 1_024;

/** See the file head. */
export class Applier {
  readonly #parts: ApplierParts;
  readonly #rule: CheckpointRule;
  /** Last applied entry per group. */
  readonly #applied: { index: number; term: number }[];
  /** Frame up to which everything is in the store. */
  #position: number;

  constructor(parts: ApplierParts, rule: CheckpointRule, marks: readonly AppliedMark[], position: number) {
    this.#parts = parts;
    this.#rule = rule;
    this.#applied = marks.map(({ index, term }) => ({ index, term }));
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  /** Index of the last applied entry of each group. */
  indexes(): number[] {
    return this.#applied.map(({ index }) => index);
  }

  /**
   * Entries that are not in the rows yet.
   * @throws BrokerError `corrupt` when one is missing: those behind it would be applied to a wrong state
   */
  missing(entries: readonly Entry[]): Entry[] {
    const next = this.indexes();
    return entries.filter(({ group, index }) => {
      const applied = next[group] ?? 0;
      if (index <= applied) return false;
      if (index !== applied + 1)
        throw new BrokerError('corrupt', `entry ${applied + 1} of group ${group} is missing in the log`);
      next[group] = index;
      return true;
    });
  }

  /** Reads what the entries may read; nothing may be applied until {@link apply} is called with it. */
  async fetch(entries: readonly Entry[]): Promise<FetchedRows> {
    const batch = new KeyValueBatch();
    const keys = new Map<number, Map<string, Buffer>>();
    const budget = this.#newBudget();
    for (const entry of entries) {
      let wanted = keys.get(entry.group);
      if (wanted === undefined) keys.set(entry.group, (wanted = new Map<string, Buffer>()));
      if (entry.kind !== 'command') continue;
      if (budget.isSpent) await budget.yield();
      const { machine } = this.#group(entry.group);
      for (const key of machine.keysOf(entry.command)) wanted.set(key.toString('latin1'), key);
    }
    const views = new Map<number, OverlayView>();
    await Promise.all(
      Array.from(keys, async ([group, byName]) => {
        const { family } = this.#group(group);
        const view = new OverlayView(batch, family);
        views.set(group, view);
        const wanted = [...byName.values()];
        const values = await this.#parts.store.getMany(family, wanted);
        wanted.forEach((key, i) => view.fetched(key, values[i]));
      }),
    );
    return { batch, views };
  }

  /**
   * Applies in log order and yields between commands, and between the steps of one that has some (N8). Many changes are several
   * writes: each has the indexes that its rows have come to, and only the last the position, so that a replay finds the rest.
   */
  async apply(entries: readonly Entry[], position: number, fetched: FetchedRows): Promise<Outcome[]> {
    const { batch, views } = fetched;
    const outcomes: Outcome[] = [];
    const budget = this.#newBudget();
    for (const entry of entries) {
      if (budget.isSpent) await budget.yield();
      const outcome = this.#applyOne(entry, views);
      outcomes.push(isOutcome(outcome) ? outcome : await finished(outcome, budget));
      this.#applied[entry.group] = { index: entry.index, term: entry.term };
      const isLast = outcomes.length === entries.length;
      if (batch.changes.length < WRITE_CHANGES || isLast) continue;
      await this.#write(batch, this.#position);
      budget.restart();
    }
    await this.#write(batch, position);
    this.#position = position;
    return outcomes;
  }

  /** Every group's mark is written, so that the mark of an idle group does not keep the log from being truncated. */
  async #write(batch: KeyValueBatch, position: number): Promise<void> {
    this.#parts.groups.forEach(({ family }, group) => {
      const { index, term } = this.#applied[group] ?? { index: 0, term: 0 };
      this.#rule.mark(batch, family, { index, term, position });
    });
    await this.#parts.store.write(batch.take());
  }

  #applyOne(entry: Entry, views: FetchedRows['views']): Outcome | Steps<Uint8Array> {
    if (entry.kind !== 'command') return NOTHING;
    const view = views.get(entry.group);
    assert(view !== undefined, `rows of group ${entry.group} were fetched`);
    try {
      return this.#group(entry.group).machine.apply(entry.command, entry.index, view);
    } catch (thrown) {
      if (!(thrown instanceof BrokerError)) throw thrown;
      return thrown;
    }
  }

  #newBudget(): TurnBudget {
    return new TurnBudget(this.#parts.clock, this.#parts.timers);
  }

  #group(group: number): LogGroup {
    const found = this.#parts.groups[group];
    assert(found !== undefined, `group ${group} exists`);
    return found;
  }
}

function isOutcome(answer: Outcome | Steps<Uint8Array>): answer is Outcome {
  return answer instanceof BrokerError || !isSteps(answer);
}

async function finished(steps: Steps<Uint8Array>, budget: TurnBudget): Promise<Outcome> {
  try {
    return await inSlices(steps, budget);
  } catch (thrown) {
    if (!(thrown instanceof BrokerError)) throw thrown;
    return thrown;
  }
}
