// The coordinator's table of groups: one object per group, and none of a claim that is over.
import { DEFAULT_GROUP_CONFIG } from '@robustmq/kafka-group/testing';
import { RateLimitedLog } from '@robustmq/telemetry';
import { VirtualClock } from '@robustmq/testkit';
import { AnswerLine } from '../src/groups/answer-line.ts';
import { GroupCoordinator, type OwnedGroup } from '../src/groups/group-coordinator.ts';
import { MemberMemory } from '../src/groups/member-memory.ts';
import { FakeGroupStore } from './fakes/fake-meta.ts';

const quiet = (): void => undefined;

const KiB = 1024;

let clock: VirtualClock;
let store: FakeGroupStore;
let coordinator: GroupCoordinator;
beforeEach(() => {
  clock = new VirtualClock();
  store = new FakeGroupStore();
  coordinator = new GroupCoordinator({
    store,
    selfNodeId: 'kafka-1',
    config: DEFAULT_GROUP_CONFIG,
    maxGroups: 10,
    memory: new MemberMemory(100 * KiB),
    log: new RateLimitedLog({ debug: quiet, info: quiet, warn: quiet }),
    timers: clock,
    nowMs: () => clock.monotonicMs(),
  });
});

test('N7: who waited for a look that found no group, and makes it, makes it once', async () => {
  const look = coordinator.open('g', false);
  const joining = [1, 2, 3].map(() => coordinator.open('g', true));
  expect(await look).toBe('missing');
  const opened = new Set(await Promise.all(joining));
  expect([...opened]).toEqual([coordinator.loaded('g')]);
  expect(store.group('g').claim.coordinatorEpoch).toBe(1);
});

test('F1: a claim that was asked for before the lease ended is not used after it', async () => {
  const late = coordinator.open('g', true);
  coordinator.resignAll();
  expect(await late).toBe('NOT_COORDINATOR');
  expect(coordinator.groupCount).toBe(0);
  expect(await coordinator.open('g', true)).toMatchObject({ coordinatorEpoch: 2 });
});

/** What a new member that brings so much hears. */
async function join(groupId: string, metadataBytes: number): Promise<string> {
  const owned = (await coordinator.open(groupId, true)) as OwnedGroup;
  const request = joinRequest(groupId, metadataBytes);
  const joining = coordinator.join(owned, request, new AbortController().signal);
  await clock.advance(DEFAULT_GROUP_CONFIG.initialRebalanceDelayMs);
  coordinator.tick();
  return (await joining).error;
}

function joinRequest(groupId: string, metadataBytes: number, memberId = '') {
  return {
    memberId,
    groupInstanceId: null,
    clientId: 'c',
    clientHost: '/127.0.0.1',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 300_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(metadataBytes) }],
    requireKnownMemberId: false,
    supportSkippingAssignment: true,
    newMemberId: `member-of-${groupId}`,
  };
}

test('I8: what a refused member brought counts no longer than its answer takes', async () => {
  const owned = (await coordinator.open('g', true)) as OwnedGroup;
  for (let n = 0; n < 20; n += 1) {
    // Nobody has this id, so that nothing of it is kept. No tick comes in between.
    const asked = joinRequest('g', 60 * KiB, 'nobody');
    const { error } = await coordinator.join(owned, asked, new AbortController().signal);
    expect(error).toBe('UNKNOWN_MEMBER_ID');
  }
  expect(await join('g', 60 * KiB)).toBe('NONE');
  expect(await join('h', 60 * KiB)).toBe('COORDINATOR_NOT_AVAILABLE');
});

test('I8: members of all groups together hold no more than the limit, small ones twice that, until they are gone', async () => {
  expect(await join('a', 60 * KiB)).toBe('NONE');
  expect(await join('b', 60 * KiB)).toBe('COORDINATOR_NOT_AVAILABLE');
  expect(await join('b', 30 * KiB)).toBe('NONE');
  expect(await join('c', 15 * KiB)).toBe('NONE');
  expect(await join('d', 20 * KiB)).toBe('COORDINATOR_NOT_AVAILABLE');
  // Nobody has asked for an assignment by then.
  await clock.advance(400_000);
  coordinator.tick();
  expect(await join('b', 60 * KiB)).toBe('NONE');
});

describe('N8: a look at as many groups as a gateway may hold', () => {
  const GROUPS = 2_000;
  /** What a look at one of them takes. */
  const UNIT_MS = 0.25;
  let looksMs: number;
  let turns: (() => void)[];
  beforeEach(async () => {
    looksMs = 0;
    turns = [];
    coordinator = new GroupCoordinator({
      ...{ store, selfNodeId: 'kafka-1', config: DEFAULT_GROUP_CONFIG, maxGroups: GROUPS },
      memory: new MemberMemory(100 * KiB),
      log: new RateLimitedLog({ debug: quiet, info: quiet, warn: quiet }),
      timers: {
        ...{ after: () => quiet, every: () => quiet },
        soon: (action) => (turns.push(action), quiet),
      },
      nowMs: () => (looksMs += UNIT_MS),
    });
    for (let n = 0; n < GROUPS; n++) await coordinator.open(`g${n}`, true);
  });

  /** Runs the turns that a look takes, or something else; the time of each. */
  function look(begin = (): void => coordinator.tick()): number[] {
    const times: number[] = [];
    const measured = (action: () => void): void => {
      const beganMs = looksMs;
      action();
      times.push(looksMs - beganMs);
    };
    measured(begin);
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) measured(turn);
    return times;
  }

  test('takes slices of five milliseconds, and all of them are looked at', () => {
    expect(look().length).toBeGreaterThan(100);
    expect(Math.max(...look())).toBeLessThan(5 + 4 * UNIT_MS);
    looksMs += 600_001;
    look();
    expect(coordinator.groupCount).toBe(0);
  });

  test('does not begin again before it is over, and goes on when groups go meanwhile', () => {
    coordinator.tick();
    coordinator.tick();
    expect(turns).toHaveLength(1);
    coordinator.resignAll();
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn();
    coordinator.tick();
    expect(turns).toHaveLength(0);
  });

  test('F1: all of them are given up at once, and who waits in them hears of it in slices', async () => {
    const { signal } = new AbortController();
    const owned = coordinator.loaded('g7')!;
    const heard = Array.from({ length: GROUPS }, (_, n) =>
      coordinator.join(coordinator.loaded(`g${n}`)!, joinRequest(`g${n}`, 1), signal),
    );
    const times = look(() => {
      coordinator.resignAll();
      expect([coordinator.groupCount, coordinator.loaded('g7')]).toEqual([0, undefined]);
    });
    expect(times.length).toBeGreaterThan(100);
    expect(Math.max(...times)).toBeLessThan(5 + 4 * UNIT_MS);
    const errors = new Set((await Promise.all(heard)).map(({ error }) => error));
    expect([...errors]).toEqual(['NOT_COORDINATOR']);
    expect(owned.group.state).toBe('Dead');
  });
});

describe('N8: the answers to all members of a group', () => {
  test('leave a bounded number per turn, in their order', () => {
    const turns: (() => void)[] = [];
    const line = new AnswerLine({
      ...{ after: () => quiet, every: () => quiet },
      soon: (action) => (turns.push(action), quiet),
    });
    const given: number[] = [];
    const perTurn: number[] = [];
    const counted = (act: () => void): void => {
      const before = given.length;
      act();
      perTurn.push(given.length - before);
    };
    const give = (count: number): void => {
      for (let n = 0; n < count; n += 1) {
        const answer = given.length + pending;
        pending += 1;
        line.give(() => {
          pending -= 1;
          given.push(answer);
        });
      }
    };
    let pending = 0;
    counted(() => give(2_000));
    // What comes while others wait stands behind them.
    give(10);
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) counted(turn);
    expect(given).toEqual(Array.from({ length: 2_010 }, (_, n) => n));
    expect(Math.max(...perTurn)).toBe(256);
    // In a turn of its own the next one is given at once.
    counted(() => give(1));
    expect(perTurn.at(-1)).toBe(1);
  });
});

test('I8: what members bring while they are counted is counted as well, and once the count after that is over, once', () => {
  const memory = new MemberMemory(100);
  expect(memory.tryTake(60)).toBe(true);
  memory.beginCount();
  expect(memory.tryTake(50)).toBe(true);
  memory.counted(60);
  // Small requests have twice the limit: 60 counted, 50 taken meanwhile.
  expect([memory.tryTake(91), memory.tryTake(90)]).toEqual([false, true]);
  memory.beginCount();
  memory.counted(110);
  expect([memory.tryTake(91), memory.tryTake(90)]).toEqual([false, true]);
});
