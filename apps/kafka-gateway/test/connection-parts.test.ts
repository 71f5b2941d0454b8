// The parts of a connection that count: what it holds of the shared budgets, and the time that it is given.
import { TimerWheel } from '@robustmq/runtime';
import { ManualClock } from '@robustmq/runtime/testing';
import { VirtualClock } from '@robustmq/testkit';
import { AnswerMemory } from '../src/answer-memory.ts';
import type { ConnectionLimits } from '../src/connection-limits.ts';
import { ConnectionTimer, type TimerKind } from '../src/connection-timer.ts';
import { HeldBytes } from '../src/held-bytes.ts';
import { MemoryBudget } from '../src/memory-budget.ts';

const KIB = 1024;

describe('HeldBytes (I8)', () => {
  let requests: MemoryBudget;
  let answers: AnswerMemory;
  let held: HeldBytes;
  beforeEach(() => {
    requests = new MemoryBudget(1_000 * KIB);
    answers = new AnswerMemory(1_000 * KIB, new VirtualClock());
    held = new HeldBytes(requests, answers);
  });

  test('the budgets know what is held now, not what was held before', () => {
    held.account(100 * KIB, 200 * KIB);
    held.account(30 * KIB, 500 * KIB);
    expect([requests.usedBytes, answers.heldBytes]).toEqual([30 * KIB, 500 * KIB]);
    expect([held.requestBytes, held.unreadBytes]).toEqual([30 * KIB, 500 * KIB]);
  });

  test('small answers are not counted: nothing would tell when they are taken', () => {
    held.account(0, 64 * KIB - 1);
    expect(answers.heldBytes).toBe(0);
    held.account(0, 64 * KIB);
    expect(answers.heldBytes).toBe(64 * KIB);
    held.account(0, 100);
    expect(answers.heldBytes).toBe(0);
  });

  test('a connection that is gone gives everything back, once', () => {
    const other = new HeldBytes(requests, answers);
    other.account(1, 70 * KIB);
    held.account(100, 100 * KIB);
    held.release();
    held.release();
    expect([requests.usedBytes, answers.heldBytes]).toEqual([1, 70 * KIB]);
  });

  test('who leaves much unread and moves next to nothing between two looks is stalled', () => {
    held.account(0, 200 * KIB);
    expect(held.isStalled(1_000)).toBe(false);
    expect(held.isStalled(1_000 + 64 * KIB - 1)).toBe(true);
  });

  test('who moves, or has nothing unread at either look, is not', () => {
    held.account(0, 200 * KIB);
    expect(held.isStalled(0)).toBe(false);
    expect(held.isStalled(64 * KIB)).toBe(false);
    held.account(0, 0);
    expect(held.isStalled(64 * KIB)).toBe(false);
    held.account(0, 200 * KIB);
    expect(held.isStalled(64 * KIB)).toBe(false);
    expect(held.isStalled(64 * KIB)).toBe(true);
  });
});

describe('ConnectionTimer (N7)', () => {
  const limits = { firstRequestTimeoutMs: 1_000, idleTimeoutMs: 5_000, stallTimeoutMs: 2_000 };
  let clock: ManualClock;
  let wheel: TimerWheel;
  let movedBytes: number;
  let timeouts: TimerKind[];
  let timer: ConnectionTimer;

  const pass = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 100) {
      clock.advance(100);
      wheel.advance();
    }
  };

  beforeEach(() => {
    clock = new ManualClock();
    wheel = new TimerWheel({ clock });
    movedBytes = 0;
    timeouts = [];
    timer = new ConnectionTimer(wheel, limits as ConnectionLimits, {
      movedBytes: () => movedBytes,
      timedOut: (kind) => timeouts.push(kind),
    });
  });

  test('runs out for who never sends a request', () => {
    pass(900);
    expect(timeouts).toEqual([]);
    pass(400);
    expect(timeouts).toEqual(['first']);
  });

  test('does not run while requests are under way', () => {
    timer.busy();
    pass(20_000);
    expect(timeouts).toEqual([]);
  });

  test('runs out for who asks for nothing', () => {
    timer.busy();
    timer.idle();
    pass(4_900);
    expect(timeouts).toEqual([]);
    pass(400);
    expect(timeouts).toEqual(['idle']);
  });

  test('runs out for who stops in the middle, however often that is noticed', () => {
    timer.stalling();
    for (let look = 0; look < 19; look += 1) {
      pass(100);
      timer.stalling();
    }
    expect(timeouts).toEqual([]);
    pass(400);
    expect(timeouts).toEqual(['stall']);
  });

  test('a slow client is not a stalled one: bytes that moved give it the time again', () => {
    timer.stalling();
    for (let round = 0; round < 5; round += 1) {
      movedBytes += 1;
      pass(2_000);
    }
    expect(timeouts).toEqual([]);
    pass(4_500);
    expect(timeouts).toEqual(['stall']);
  });

  test('who was stalled, was served and stalls again has all of the time again', () => {
    timer.stalling();
    pass(1_500);
    timer.busy();
    timer.stalling();
    pass(1_500);
    expect(timeouts).toEqual([]);
    timer.stop();
    pass(10_000);
    expect(timeouts).toEqual([]);
  });
});
