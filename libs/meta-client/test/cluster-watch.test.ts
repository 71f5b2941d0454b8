// The watch feeds the view in order, whatever comes how fast: in slices of a turn, and from where the view is after a break.
import { Readable } from 'node:stream';
import { VirtualClock } from '@robustmq/testkit';
import type { ClusterView } from '../src/cluster-view.ts';
import { ClusterWatch } from '../src/cluster-watch.ts';

const APPLY_MS = 1;
const SLICE_MS = 5;

/** A stream as a call gives it. */
class Call extends Readable {
  isCancelled = false;

  constructor(readonly fromRevision: bigint) {
    super({ objectMode: true, highWaterMark: 10_000, read: () => undefined });
    // What a call that is cancelled ends with.
    this.on('error', () => undefined);
  }

  cancel(): void {
    this.isCancelled = true;
  }

  say(...revisions: number[]): void {
    for (const revision of revisions) this.push({ revision });
  }
}

let workMs: number;
let applied: number[];
let refused: number | undefined;
let calls: Call[];
let breaks: unknown[];
let timers: VirtualClock;
let watch: ClusterWatch;

beforeEach(() => {
  workMs = 0;
  applied = [];
  refused = undefined;
  calls = [];
  breaks = [];
  timers = new VirtualClock();
  const view = {
    problem: null,
    get revision() {
      return applied.at(-1) ?? 0;
    },
    history: 'the run',
    apply({ revision }: { revision: number }) {
      if (revision === refused) throw new Error(`no ${revision}`);
      applied.push(revision);
      workMs += APPLY_MS;
    },
    abandonPart: () => undefined,
  } as unknown as ClusterView;
  const client = () => ({
    watchCluster({ fromRevision, history }: { fromRevision: bigint; history: string }) {
      expect(history).toBe('the run');
      calls.push(new Call(fromRevision));
      return calls.at(-1)!;
    },
  });
  const events = { onBroken: (error: unknown) => void breaks.push(error), random: () => 0.5 };
  watch = new ClusterWatch(client as never, view, events, { clock: { monotonicMs: () => workMs }, timers });
});
afterEach(() => watch.stop());

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);
/** Lets streams flow, which they do between turns of the clock of this test. */
const flowing = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('N8: a flood of changes is applied in slices of a turn, in order', async () => {
  calls[0]!.say(...upTo(23));
  await flowing();
  const perTurn = [applied.length];
  while (timers.pending > 0) {
    const before = applied.length;
    await timers.step();
    await flowing();
    perTurn.push(applied.length - before);
  }
  expect(Math.max(...perTurn) * APPLY_MS).toBe(SLICE_MS);
  expect(applied).toEqual(upTo(23));
  expect(breaks).toEqual([]);
});

it('what comes when nothing waits is applied at once', async () => {
  for (const revision of [1, 2, 3]) {
    calls[0]!.say(revision);
    await flowing();
    await timers.advance(0);
    expect(applied.at(-1)).toBe(revision);
  }
});

it('N9: a message that the view refuses ends the stream in the middle of a slice, and another one goes on', async () => {
  refused = 3;
  calls[0]!.say(...upTo(10));
  await flowing();
  expect([applied, calls[0]!.isCancelled, breaks.length]).toEqual([[1, 2], true, 1]);
  refused = undefined;
  await timers.advance(1_000);
  expect(calls.map(({ fromRevision }) => fromRevision)).toEqual([0n, 2n]);
  calls[1]!.say(3, 4);
  await flowing();
  expect(applied).toEqual([1, 2, 3, 4]);
});

it('nothing is applied once it was stopped, also when a slice was to go on', async () => {
  calls[0]!.say(...upTo(10));
  await flowing();
  watch.stop();
  await timers.advance(1_000);
  await flowing();
  expect([applied, calls.length, calls[0]!.isCancelled]).toEqual([upTo(5), 1, true]);
});
