// The whole state against a log (I2, R4, R6): whatever is appended, cut, snapshotted and replayed, it is what a fresh reading of
// the log says. Seeds tell apart a state that forgot to roll something back.

import { inspect, isDeepStrictEqual } from 'node:util';

import { firstFailingSeed, invariant, Random, simulate, simulationLimitMs } from '@robustmq/testkit';
import { producerSnapshot } from '../src/snapshot.ts';
import { ProducerState } from '../src/producer-state.ts';
import { ProducerQuota } from '../src/producer-table.ts';

const OPTIONS = { isGateway: (producerId: number) => producerId >= 100, quota: new ProducerQuota(1e9) };

interface Entry {
  readonly kind: 'batch' | 'marker' | 'publish';
  readonly producerId: number;
  readonly sequence: number;
  readonly isTransactional: boolean;
  readonly outcome: 'commit' | 'abort';
  readonly offset: number;
}

function apply(state: ProducerState, entry: Entry): void {
  const { kind, producerId, sequence, isTransactional, outcome, offset } = entry;
  if (kind === 'marker') state.decided(producerId, outcome, offset);
  else if (kind === 'publish')
    state.published({ sessionId: producerId, generation: 1, sequence }, 0, offset, 0);
  else {
    const batch = {
      producerId,
      producerEpoch: 0,
      baseSequence: sequence,
      lastSequence: sequence,
      isTransactional,
    };
    state.appended(batch, offset, offset, 0);
  }
}

function read(log: readonly Entry[]): ProducerState {
  const state = new ProducerState(OPTIONS);
  for (const entry of log) apply(state, entry);
  return state;
}

/** All that can be asked of a state. */
function answers(state: ProducerState, highWatermark: number, end: number): unknown {
  const producers = [...state.producers.entries()].map(([producerId, { batches }]) => [producerId, batches]);
  const sessions = [...state.sessions.entries()].map(([sessionId, { offsets }]) => [sessionId, [...offsets]]);
  const byId = (left: readonly unknown[], right: readonly unknown[]): number =>
    (left[0] as number) - (right[0] as number);
  return {
    producers: producers.sort(byId),
    sessions: sessions.sort(byId),
    stable: state.highWatermark(highWatermark),
    open: [...state.transactions.open].sort(byId),
    aborted: state.abortedIn(0, end),
  };
}

/** One log with all that happens to it, and the state that has to keep up. */
class History {
  readonly #random: Random;
  readonly #sequences = new Map<string, number>();
  readonly #forgetsTransactions: boolean;
  log: Entry[] = [];
  highWatermark = 0;
  state = new ProducerState(OPTIONS);

  constructor(seed: number, forgetsTransactions = false) {
    this.#random = new Random(seed);
    this.#forgetsTransactions = forgetsTransactions;
  }

  step(): void {
    const dice = this.#random.fraction();
    if (dice < 0.75) this.append();
    else if (dice < 0.85) {
      this.highWatermark = this.#random.between(this.highWatermark, this.log.length);
      this.state.highWatermark(this.highWatermark);
    } else if (dice < 0.95) this.#truncate();
    else this.#restart();
  }

  append(): void {
    const producerId = this.#random.pick([1, 2, 3, 100]);
    const kind = this.#random.pick(['batch', 'batch', 'batch', 'marker', 'publish'] as const);
    const name = `${kind} ${producerId}`;
    const sequence = this.#sequences.get(name) ?? 0;
    this.#sequences.set(name, sequence + 1);
    const entry: Entry = {
      kind,
      producerId,
      sequence,
      isTransactional: this.#random.chance(0.5),
      outcome: this.#random.pick(['commit', 'abort']),
      offset: this.log.length,
    };
    this.log.push(entry);
    apply(this.state, entry);
  }

  /** Never below HW: what is committed is never cut (I2). */
  #truncate(): void {
    const end = this.#random.between(this.highWatermark, this.log.length);
    this.log = this.log.slice(0, end);
    for (const name of this.#sequences.keys()) {
      const next = this.log.filter((entry) => `${entry.kind} ${entry.producerId}` === name).at(-1);
      this.#sequences.set(name, next === undefined ? 0 : next.sequence + 1);
    }
    if (this.#forgetsTransactions) {
      this.state.sessions.truncateTo(end);
      this.state.producers.truncateTo(end);
    } else if (!this.state.truncateTo(end)) this.state = read(this.log);
    this.state.highWatermark(this.highWatermark);
  }

  /** From a snapshot as of some offset, and the log behind it. */
  #restart(): void {
    const bytes = producerSnapshot.encode(this.state, this.log.length, 0);
    const { state, endOffset } = producerSnapshot.decode(bytes, OPTIONS, 0);
    if (endOffset !== this.log.length) throw new Error('another end');
    this.state = state;
    this.state.highWatermark(this.highWatermark);
  }

  check(): void {
    const fresh = answers(read(this.log), this.highWatermark, this.log.length);
    const said = answers(this.state, this.highWatermark, this.log.length);
    invariant(isDeepStrictEqual(said, fresh), `the log says ${inspect(fresh)}, the state ${inspect(said)}`);
  }
}

function run(seed: number, forgetsTransactions = false): Promise<void> {
  const history = new History(seed, forgetsTransactions);
  for (let step = 0; step < 40; step++) history.step();
  history.check();
  return Promise.resolve();
}

test(
  'it is what the log says (R4, I2)',
  async () => {
    await simulate({ seeds: 5_000 }, (seed) => run(seed));
  },
  simulationLimitMs(600_000),
);

/** A snapshot in small steps, with appends between them, and then a start from it and from the log behind its end. */
function runInSteps(seed: number, losesTail = false): Promise<void> {
  const random = new Random(seed);
  const history = new History(seed);
  for (let step = 0; step < 30; step++) history.step();
  const endOffset = history.log.length;
  const making = producerSnapshot.inSteps(history.state, endOffset, 0, 1);
  let bytes: Buffer | undefined;
  while (bytes === undefined) {
    for (let count = random.below(4); count > 0; count--) history.append();
    const step = making.next();
    if (step.done === true) bytes = step.value;
  }
  const durable = losesTail ? endOffset : history.log.length;
  for (let step = 0; step < 5; step++) history.append();
  const { state } = producerSnapshot.decode(bytes, OPTIONS, 0);
  // What comes after the last step may be lost: then it was never appended.
  const log = history.log.slice(0, random.between(durable, history.log.length));
  for (const entry of log.slice(endOffset)) apply(state, entry);
  const highWatermark = Math.min(history.highWatermark, log.length);
  const [said, fresh] = [state, read(log)].map((each) => answers(each, highWatermark, log.length));
  invariant(isDeepStrictEqual(said, fresh), `the log says ${inspect(fresh)}, the snapshot ${inspect(said)}`);
  return Promise.resolve();
}

test(
  'N8, R6: a snapshot made in steps while the log grows is what the log says, once that is read on',
  async () => {
    await simulate({ seeds: 2_000 }, (seed) => runInSteps(seed));
  },
  simulationLimitMs(600_000),
);

test('the planted bug that stores such a snapshot before the log is durable is found', async () => {
  expect(await firstFailingSeed({ seeds: 500 }, async (seed) => runInSteps(seed, true))).toBeDefined();
});

test('the planted bug that keeps transactions over a truncation is found', async () => {
  expect(await firstFailingSeed({ seeds: 300 }, async (seed) => run(seed, true))).toBeDefined();
});

describe('snapshots', () => {
  test('N8: of as many producers as a directory may have take many steps, none of which copies what was written before', () => {
    const count = 50_000;
    const state = new ProducerState(OPTIONS);
    for (let producerId = 0; producerId < count; producerId++) {
      const batch = { producerId: 1_000 + producerId, producerEpoch: 0, baseSequence: 0, lastSequence: 0 };
      state.appended(batch, producerId, producerId, 0);
    }
    const making = producerSnapshot.inSteps(state, count, 0);
    let steps = 0;
    for (;;) {
      const step = making.next();
      if (step.done === true) {
        expect(producerSnapshot.decode(step.value, OPTIONS, 0).state.producers.size).toBe(count);
        break;
      }
      steps++;
    }
    expect(steps).toBe(Math.floor(count / 1_024));
  });

  test('N8: producers that are silent go a bounded number at a time', () => {
    const state = new ProducerState(OPTIONS);
    for (let producerId = 0; producerId < 25_000; producerId++) {
      const batch = { producerId, producerEpoch: 0, baseSequence: 0, lastSequence: 0 };
      // Those of gateways are few, and told apart.
      if (!OPTIONS.isGateway(producerId)) state.appended(batch, 0, 0, 0);
      state.published({ sessionId: producerId, generation: 1, sequence: 1 }, 0, 1, 0);
    }
    const left: number[] = [];
    for (let time = 0; time < 3; time++) {
      state.expire(1_000, 1, () => true);
      left.push(state.sessions.size);
    }
    expect([left, state.producers.size]).toEqual([[15_000, 5_000, 0], 0]);
  });

  test('batches from the end on are left out, and ages survive a clock that begins anew', () => {
    const state = new ProducerState(OPTIONS);
    const batch = { producerId: 1, producerEpoch: 0, baseSequence: 0, lastSequence: 0 };
    state.appended(batch, 0, 0, 1_000);
    state.appended({ ...batch, baseSequence: 1, lastSequence: 1 }, 1, 1, 2_000);
    const { state: again } = producerSnapshot.decode(producerSnapshot.encode(state, 1, 5_000), OPTIONS, 100);
    expect([...again.producers.entries()]).toMatchObject([
      [1, { batches: [{ baseOffset: 0 }], lastSeenMs: -2_900 }],
    ]);
    again.expire(100, 3_000, () => false);
    expect(again.producers.size).toBe(1);
    again.expire(101, 3_000, () => false);
    expect(again.producers.size).toBe(0);
  });

  test('damage is seen, and takes no place in the quota', () => {
    const state = new ProducerState(OPTIONS);
    state.appended({ producerId: 1, producerEpoch: 0, baseSequence: 0, lastSequence: 0 }, 0, 0, 0);
    const bytes = producerSnapshot.encode(state, 1, 0);
    const quota = new ProducerQuota(10);
    for (let cut = 0; cut < bytes.length; cut++)
      expect(() => producerSnapshot.decode(bytes.subarray(0, cut), { ...OPTIONS, quota }, 0)).toThrow(
        'damaged',
      );
    expect(() =>
      producerSnapshot.decode(Buffer.concat([bytes, Buffer.alloc(1)]), { ...OPTIONS, quota }, 0),
    ).toThrow();
    bytes[0] = 1;
    expect(() => producerSnapshot.decode(bytes, { ...OPTIONS, quota }, 0)).toThrow('damaged');
    expect(quota.used).toBe(0);
  });
});
