import { ManualClock } from '@robustmq/runtime/testing';
import { CreationRate } from '../src/creation-rate.ts';

describe('how fast a tenant makes shards (I10)', () => {
  let clock: ManualClock;
  let rate: CreationRate;
  beforeEach(() => {
    clock = new ManualClock();
    rate = new CreationRate({ clock, burst: 100, shardsPerSecond: 10 });
  });

  const refused = (tenant: string, shards: number): number => {
    try {
      rate.take(tenant, shards);
      return 0;
    } catch (error) {
      const { code, details } = error as { code: string; details: { quota: string; retryAfterMs: number } };
      expect([code, details.quota]).toEqual(['quota_exceeded', 'rate']);
      return details.retryAfterMs;
    }
  };

  test('a burst passes, what is beyond it is told when to come again', () => {
    for (let i = 0; i < 100; i++) expect(refused('t', 1)).toBe(0);
    expect(refused('t', 5)).toBe(500);
    clock.advance(499);
    expect(refused('t', 5)).toBe(1);
    clock.advance(1);
    expect(refused('t', 5)).toBe(0);
    expect(refused('t', 1)).toBe(100);
  });

  test('a refusal takes nothing, and time fills no more than the burst', () => {
    rate.take('t', 60);
    for (let i = 0; i < 50; i++) expect(refused('t', 50)).toBe(1_000);
    rate.take('t', 40);
    clock.advance(3_600_000);
    rate.take('t', 100);
    expect(refused('t', 1)).toBe(100);
  });

  test('a creation larger than the burst passes when the bucket is full', () => {
    expect(refused('t', 1_000)).toBe(0);
    expect(refused('t', 1)).toBe(100);
  });

  test('one tenant does not slow another; their number is bounded', () => {
    rate.take('a', 100);
    expect(refused('b', 100)).toBe(0);
    expect(refused('a', 1)).toBe(100);
    for (let i = 0; i < 20_000; i++) rate.take(`t${i}`, 1);
    expect(refused('a', 100)).toBe(0);
  });
});
