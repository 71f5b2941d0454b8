import { create } from '@bufbuild/protobuf';
import { FailureSchema, OpenSessionOutcomeSchema, SessionKeySchema, type SessionUpdate } from '@robustmq/rpc';
import { SessionStore, type SessionMeta } from '../src/store/session-store.ts';
import { OrderedSteps, type EndStep } from '../src/store/ordered-steps.ts';
import { SessionChanges } from '../src/store/session-changes.ts';
import { CollectedRows } from '../src/store/session-rows.ts';
import { WORK_PORTS } from './work-ports.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('OrderedSteps', () => {
  test('N11: a step begins when the one before has ended; other chains are not held up', () => {
    const steps = new OrderedSteps();
    const begun: string[] = [];
    const ends: EndStep[] = [];
    const step =
      (name: string) =>
      (end: EndStep): void => {
        begun.push(name);
        ends.push(end);
      };
    steps.run('a', step('a1'));
    steps.run('a', step('a2'));
    steps.run('b', step('b1'));
    expect(begun).toEqual(['a1', 'b1']);
    expect(steps.isBusy('a')).toBe(true);
    ends[0]!();
    ends[0]!();
    expect(begun).toEqual(['a1', 'b1', 'a2']);
    ends[1]!();
    ends[2]!();
    expect(steps.size).toBe(0);
    expect(steps.isBusy('a')).toBe(false);
  });

  test('a step that ends at once, and one that is asked for within a step, keep the order', () => {
    const steps = new OrderedSteps();
    const begun: number[] = [];
    steps.run('a', (end) => {
      steps.run('a', (endSecond) => {
        begun.push(2);
        endSecond();
      });
      begun.push(1);
      end();
    });
    expect(begun).toEqual([1, 2]);
    expect(steps.size).toBe(0);
  });
});

/** Meta that answers when it is told to, and notes what is under way at once. */
class SlowMeta implements SessionMeta {
  readonly calls: string[] = [];
  underWay = 0;
  mostUnderWay = 0;
  readonly #answers: (() => void)[] = [];
  readonly sessions = {
    openSessions: () => this.#call('open', [create(OpenSessionOutcomeSchema)]),
    releaseSessions: () => this.#call('release', [create(FailureSchema)]),
    updateSessions: ({ updates }: { updates: readonly SessionUpdate[] }) =>
      this.#call(
        updates.map((update) => `update ${update.change} -${update.removeSubscriptions.join()}`).join(),
        [create(FailureSchema)],
      ),
  } as unknown as SessionMeta['sessions'];

  requestId = () => ({ nodeId: 'n', incarnation: 1n, sequence: 1n });
  persist = <T>(call: () => Promise<T>): Promise<T> => call();

  #call(name: string, outcomes: unknown[]): Promise<unknown> {
    this.calls.push(name);
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    return new Promise((resolve) => {
      this.#answers.push(() => {
        this.underWay--;
        resolve({ outcomes });
      });
    });
  }

  async answer(): Promise<void> {
    await turn();
    this.#answers.shift()?.();
    await turn();
  }
}

test('N9: any number of steps may end at once', () => {
  const steps = new OrderedSteps();
  const ends: EndStep[] = [];
  let count = 0;
  steps.run('a', (end) => ends.push(end));
  for (let step = 0; step < 100_000; step++)
    steps.run('a', (end) => {
      count++;
      end();
    });
  ends[0]!();
  expect(count).toBe(100_000);
  expect(steps.size).toBe(0);
});

describe('SessionStore', () => {
  test('N11: open, update, commit and release of one session reach meta one after the other', async () => {
    const meta = new SlowMeta();
    const store = new SessionStore(
      meta,
      () => ({ nodeId: 'n', incarnation: 1n, directoryId: '' }),
      WORK_PORTS,
    );
    const key = create(SessionKeySchema, { tenant: 't', clientId: 'c' });
    const name = { tenant: 't', clientId: 'c' };
    const done: string[] = [];
    const note = (what: string) => (): void => void done.push(what);
    const request = { ...name, cleanStart: false, expiryIntervalS: 9, previousReleased: false };
    store.open(
      name,
      () => request,
      () => {
        done.push('open');
        store.opened(name);
      },
    );
    const changes = new SessionChanges(key, new CollectedRows());
    store.update(changes, { put: [], remove: ['a'], made: [] }, note('a'));
    store.commit(changes, {}, note('commit'));
    store.update(changes, { put: [], remove: ['b'], made: [] }, note('b'));
    store.release({ key, expiryIntervalS: 9 }, note('release'));
    for (let step = 0; step < 5; step++) await meta.answer();
    expect(meta.calls).toEqual(['open', 'update 1 -a', 'update 0 -', 'update 2 -b', 'release']);
    expect(done).toEqual(['open', 'a', 'commit', 'b', 'release']);
    expect(meta.mostUnderWay).toBe(1);
    expect(store.pending).toBe(0);
  });
});
