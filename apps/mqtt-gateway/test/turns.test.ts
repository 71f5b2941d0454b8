// N8: what concerns every session of a gateway is done in turns, at a hundred thousand of them.

import { VirtualClock } from '@robustmq/testkit';
import type { Clock } from '@robustmq/runtime';
import { FilterRegistry } from '../src/delivery/filter-registry.ts';
import { CursorCommits } from '../src/session/cursor-commits.ts';
import type { Client } from '../src/session/client.ts';
import type { ClientSession } from '../src/session/client-session.ts';
import { Resumption, type ResumePorts } from '../src/session/resume-flow.ts';
import { SessionDirectory } from '../src/session/session-directory.ts';

const SESSIONS = 100_000;
/** What a look at a session costs on the clock of these tests. */
const LOOK_MS = 0.001;
const SLICE_MS = 5;

/** A clock that moves with the work alone. */
class WorkClock implements Pick<Clock, 'monotonicMs'> {
  looks = 0;
  monotonicMs = (): number => this.looks * LOOK_MS;
}

/** The longest turn, in looks, until nothing waits. */
async function longestTurn(timers: VirtualClock, clock: WorkClock, begin: () => void): Promise<number> {
  let longest = 0;
  for (let act: () => void | Promise<boolean> = begin; ; act = () => timers.step()) {
    const before = clock.looks;
    await act();
    longest = Math.max(longest, clock.looks - before);
    if (timers.pending === 0) return longest;
  }
}

test('N8: cursors of all sessions are looked at in turns', async () => {
  const clock = new WorkClock();
  const timers = new VirtualClock();
  const directory = new SessionDirectory();
  for (let index = 0; index < SESSIONS; index++) {
    const session = {
      get isDurable() {
        clock.looks++;
        return false;
      },
    };
    directory.replace('t', `c${index}`, { session } as unknown as Client);
  }
  const ports = { clock, timers, directory, store: {} as never, isForgotten: () => false };
  const commits = new CursorCommits(ports, 1_000);
  commits.stop();
  const longest = await longestTurn(timers, clock, () => {
    commits.commit();
    // A second round does not begin while the first goes on.
    commits.commit();
  });
  expect(clock.looks).toBe(SESSIONS);
  expect(longest * LOOK_MS).toBeLessThanOrEqual(SLICE_MS);
});

test('N8: deadlines of all subscriptions are looked at in turns, and of those alone that wait', async () => {
  const clock = new WorkClock();
  const timers = new VirtualClock();
  const registry = new FilterRegistry({ changeFilters: () => undefined }, 1, () => undefined, timers, clock);
  const late = jest.fn();
  for (let index = 0; index < SESSIONS; index++) {
    registry.add('t', `f/${index}`, (error) => {
      clock.looks++;
      late(error?.code);
    });
  }
  await timers.advance(0);
  const longest = await longestTurn(timers, clock, () => registry.expire(10));
  expect(late).toHaveBeenCalledTimes(SESSIONS);
  expect(longest * LOOK_MS).toBeLessThanOrEqual(SLICE_MS);
  registry.expire(20);
  expect(late).toHaveBeenCalledTimes(SESSIONS);
});

describe('filters look through the visible streams', () => {
  const FILTERS = 10_000;
  const clock = new WorkClock();
  const timers = new VirtualClock();
  const shards = [{ streamId: 1, shard: 0 }];
  const shardsOf = () => {
    clock.looks++;
    return shards;
  };

  beforeEach(() => {
    clock.looks = 0;
  });

  test('N8: in turns when the journals have answered, and not again for who comes later', async () => {
    let answered = (): void => undefined;
    const position = { streamId: 1, shard: 0, leaderEpoch: 1, offset: 3 };
    const port: ConstructorParameters<typeof FilterRegistry>[0] = {
      changeFilters: (_change, callback) =>
        (answered = () => callback(undefined, { activeFrom: [position], marks: [] })),
    };
    const coverage = { shardsOf, positionOf: () => position, changes: () => 1 };
    const registry = new FilterRegistry(port, 1, () => undefined, timers, clock, coverage);
    const active = jest.fn();
    const addAll = (): void => {
      for (let index = 0; index < FILTERS; index++) registry.add('t', `f/${index}`, active);
    };
    addAll();
    await timers.advance(0);
    const longest = await longestTurn(timers, clock, () => answered());
    expect([active.mock.calls.length, clock.looks]).toEqual([FILTERS, FILTERS]);
    expect(longest * LOOK_MS).toBeLessThanOrEqual(SLICE_MS);
    addAll();
    expect([active.mock.calls.length, clock.looks]).toEqual([2 * FILTERS, FILTERS]);
  });

  test('N8: in turns when a session in doubt comes back', async () => {
    const start = { filter: '', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 };
    const subscriptions = Array.from({ length: FILTERS }, (_, index) => ({
      ...start,
      filter: `f/${index}`,
      subscriptionIdentifier: 0,
      createdAtRevision: 0,
      start: [],
    }));
    const stored = { subscriptions, cursors: [], outbound: [], inbound: [], doubtful: true };
    const isOver = jest.fn(() => null);
    const session = {
      identity: { tenant: 't' },
      subscriptions: new Map(),
      keep: () => undefined,
      keepStarts: () => undefined,
      outbound: { resume: () => undefined },
      guard: (action: () => void) => action(),
      get output() {
        return isOver();
      },
    } as unknown as ClientSession;
    const ports = {
      clock,
      timers,
      registry: {
        add: (_tenant: string, _filter: string, callback: (error: undefined, active: object) => void) => {
          callback(undefined, { filterId: 1, activeFrom: new Map() });
          return { release: () => undefined };
        },
      },
      routes: {
        routesOf: () => ({ add: () => undefined }),
        addMeshFilter: () => undefined,
        meshReady: (callback: () => void) => callback(),
      },
      tails: { tailOf: () => undefined },
      shardsOf,
    } as unknown as ResumePorts;
    const resumption = new Resumption(ports, session, stored, true);
    await new Promise((resolve) => resumption.prepare(resolve));
    const longest = await longestTurn(timers, clock, () => resumption.accepted());
    expect(clock.looks).toBe(FILTERS + 1);
    expect(isOver).toHaveBeenCalledTimes(1);
    // The first look is whether there is anything to look for.
    expect(longest * LOOK_MS).toBeLessThanOrEqual(SLICE_MS + LOOK_MS);
  });

  test('N8: in turns when a session finds its place in every shard, and it is live in none before', async () => {
    const SHARDS = 256;
    /** Looks at one shard: its subscriptions. */
    const LOOKS = 1_000;
    const tails = Array.from({ length: SHARDS }, (_, shard) => ({
      streamId: 1,
      shard,
      key: shard,
      arrivedTo: 7,
    }));
    const rows = Array.from({ length: FILTERS }, (_, index) => ({
      ...{ filter: `f/${index}`, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
      ...{ subscriptionIdentifier: 0, createdAtRevision: 0, start: [] },
    }));
    const stored = { subscriptions: rows, cursors: [], outbound: [], inbound: [], doubtful: false };
    const begun: unknown[] = [];
    const resumed = jest.fn();
    let activated = 0;
    const found = new Map<number, object>();
    const session = {
      identity: { tenant: 't' },
      subscriptions: new Map(),
      stored,
      output: {},
      keep: () => undefined,
      keepStarts: () => undefined,
      outbound: { resume: () => undefined, resumed },
      guard: (action: () => void) => action(),
      reset: () => true,
      find: ({ key }: { key: number }) => {
        clock.looks += LOOKS;
        expect(resumed).not.toHaveBeenCalled();
        found.set(key, { stored, from: key, committed: null });
        return found.get(key);
      },
      beginIn: ({ key }: { key: number }, ringFrom: number, place: object) =>
        begun.push([key, ringFrom, place === found.get(key)]),
    } as unknown as ClientSession;
    const want = jest.fn();
    const activeFrom = new Map([[3, { streamId: 1, shard: 3, leaderEpoch: 1, offset: 9 }]]);
    const ports = {
      clock,
      timers,
      maxDepartures: 0,
      registry: {
        add: (_tenant: string, _filter: string, callback: (error: undefined, active: object) => void) => {
          callback(undefined, { filterId: 1, activeFrom });
          return { release: () => undefined };
        },
      },
      routes: {
        routesOf: () => ({
          add: (subscription: { isActive: boolean }) => {
            clock.looks++;
            if (resumed.mock.calls.length > 0) {
              expect(subscription.isActive).toBe(false);
              activated++;
            }
          },
        }),
        addMeshFilter: () => undefined,
        meshReady: (callback: () => void) => callback(),
      },
      tails: { tails: () => tails, tailOf: () => ({}) },
      catchUp: { want },
      shardsOf,
    } as unknown as ResumePorts;
    const resumption = new Resumption(ports, session, stored, true);
    const preparing = new Promise((resolve) => resumption.prepare(resolve));
    await timers.settle(preparing);
    const longest = await longestTurn(timers, clock, () => resumption.accepted());
    expect(longest * LOOK_MS).toBeLessThanOrEqual(SLICE_MS + LOOKS * LOOK_MS);
    expect(begun).toEqual(tails.map(({ key }) => [key, key === 3 ? 9 : 7, true]));
    expect([resumed.mock.calls.length, want.mock.calls.length, activated]).toEqual([1, 1, FILTERS]);
    expect([...session.subscriptions.values()].every(({ isActive }) => isActive)).toBe(true);
  });
});
