import { BrokerError } from '@robustmq/errors';
import { ManualClock } from '@robustmq/runtime/testing';
import { LEASE_SAFETY_MS, LeaseKeeper } from '../src/lease.ts';

// Jest's fake timers and the manual clock move together, so the keeper's timers see the same time as its clock.
const clock = new ManualClock();
let renewals: number[];
let lost: string[];
let renew: (timeoutMs: number) => Promise<unknown>;
let lease: LeaseKeeper;

async function pass(durationMs: number): Promise<void> {
  for (let i = 0; i < durationMs; i += 10) {
    clock.advance(10);
    await jest.advanceTimersByTimeAsync(10);
  }
}

function keep(): LeaseKeeper {
  return new LeaseKeeper(
    {
      durationMs: 1_500,
      renewIntervalMs: 400,
      clock,
      renew: (timeoutMs) => {
        renewals.push(timeoutMs);
        return renew(timeoutMs);
      },
      onLost: (reason) => lost.push(reason),
    },
    clock.monotonicMs(),
  );
}

beforeEach(() => {
  jest.useFakeTimers();
  renewals = [];
  lost = [];
  renew = () => Promise.resolve();
  lease = keep();
});
afterEach(() => {
  lease.stop();
  jest.useRealTimers();
});

it('is held as long as renewals succeed', async () => {
  await pass(10_000);
  expect(lease.held).toBe(true);
  expect(lost).toEqual([]);
  expect(renewals.length).toBeGreaterThan(20);
});

it('F1: is lost 0.2 s before meta may end it, when no renewal succeeds', async () => {
  renew = () => Promise.reject(new BrokerError('unavailable', 'no'));
  await pass(1_500 - LEASE_SAFETY_MS - 20);
  expect(lease.held).toBe(true);
  await pass(30);
  expect(lease.held).toBe(false);
  expect(lost).toHaveLength(1);
  const tried = renewals.length;
  await pass(5_000);
  expect([lost.length, renewals.length]).toEqual([1, tried]);
});

it('counts from when a renewal was sent, not from when it was answered', async () => {
  let answer: () => void = () => undefined;
  renew = () => new Promise<void>((resolve) => (answer = resolve));
  await pass(400 + 800);
  answer();
  await pass(10);
  renew = () => Promise.reject(new BrokerError('unavailable', 'no'));
  // Sent at 400: held until 400 + 1300.
  await pass(480);
  expect(lease.held).toBe(true);
  await pass(30);
  expect(lease.held).toBe(false);
});

it('N8: is kept by a meta-service that takes long, but less than the lease, to answer', async () => {
  renew = () => new Promise((resolve) => void setTimeout(resolve, 600));
  await pass(10_000);
  expect(lost).toEqual([]);
  expect(lease.held).toBe(true);
});

it('bounds each renewal by what is left', async () => {
  renew = () => Promise.reject(new BrokerError('unavailable', 'no'));
  await pass(1_290);
  expect(renewals[0]).toBeLessThanOrEqual(900);
  expect(renewals[1]).toBeLessThan(renewals[0] ?? 0);
});

it.each(['fenced', 'not_found'] as const)('I6: is lost at once when meta answers %s', async (code) => {
  renew = () => Promise.reject(new BrokerError(code, `it is ${code}`));
  await pass(410);
  expect(lost).toEqual([`it is ${code}`]);
  expect(lease.held).toBe(false);
});

it('a pause of the process shows at the first look, before any timer runs', () => {
  clock.advance(2_000);
  expect(lease.held).toBe(false);
});

it('tells nobody when it was stopped on purpose', async () => {
  lease.stop();
  await pass(5_000);
  expect([lease.held, lost.length, renewals.length]).toEqual([false, 0, 0]);
});
