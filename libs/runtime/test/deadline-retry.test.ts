import fc from 'fast-check';
import { BrokerError } from '@robustmq/errors';
import { backoffDelayMs, retry, sleep, systemClock } from '../src/index.ts';
import { ManualClock } from '../src/clock.ts';
import { Deadline, withDeadline } from '../src/deadline.ts';

const never = (): Promise<never> => new Promise(() => undefined);
const fast = { baseDelayMs: 1, maxDelayMs: 2 };

describe('Deadline', () => {
  it('counts down in monotonic time', () => {
    const clock = new ManualClock();
    const deadline = Deadline.after(100, clock);
    clock.advance(40);
    clock.setWall(10_000_000);
    expect(deadline.remainingMs).toBe(60);
    expect(() => deadline.check('fetch')).not.toThrow();
    clock.advance(61);
    expect([deadline.remainingMs, deadline.isOver]).toEqual([0, true]);
    expect(() => deadline.check('fetch')).toThrow(
      expect.objectContaining({ code: 'deadline_exceeded', details: { what: 'fetch', durationMs: 100 } }),
    );
  });

  it('uses the system clock by default', () => {
    expect(Deadline.after(60_000).remainingMs).toBeGreaterThan(50_000);
    expect(systemClock.nowMs()).toBeGreaterThan(1.7e12);
  });
});

describe('withDeadline', () => {
  it('passes outcomes through', async () => {
    await expect(withDeadline(Promise.resolve(7), 1000, 'x')).resolves.toBe(7);
    await expect(withDeadline(Promise.reject(new BrokerError('fenced', 'no')), 1000, 'x')).rejects.toThrow(
      'no',
    );
    await expect(withDeadline(async (signal) => signal.aborted, 1000, 'x')).resolves.toBe(false);
  });

  it('gives up, aborts the work and drops what it says later', async () => {
    const aborted = await new Promise<unknown>((resolve) => {
      const outcome = withDeadline(
        (signal) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              reject(new RangeError('too late to be heard'));
              resolve(outcome.catch((error: unknown) => [error, signal.reason]));
            });
          }),
        5,
        'append',
      );
    });
    const expected = expect.objectContaining({
      code: 'deadline_exceeded',
      message: 'append took longer than 5 ms',
    });
    expect(aborted).toEqual([expected, expected]);
    await expect(withDeadline(never(), 1, 'y')).rejects.toMatchObject({ code: 'deadline_exceeded' });
  });
});

describe('sleep', () => {
  it('ends early when aborted, before or during the wait', async () => {
    await expect(sleep(60_000, AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    const controller = new AbortController();
    const wait = sleep(60_000, controller.signal);
    controller.abort();
    await expect(wait).rejects.toMatchObject({ code: 'cancelled' });
    await sleep(1, new AbortController().signal);
  });
});

describe('backoffDelayMs', () => {
  it('doubles up to its limit and never waits less than half', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, dice) => {
          const delay = backoffDelayMs(attempt, { baseDelayMs: 10, maxDelayMs: 500, random: () => dice });
          const bound = Math.min(500, 10 * 2 ** (attempt - 1));
          expect(delay).toBeGreaterThanOrEqual(bound / 2);
          expect(delay).toBeLessThanOrEqual(bound);
        },
      ),
    );
  });

  it('has defaults', () => {
    expect(backoffDelayMs(1)).toBeLessThanOrEqual(50);
    expect(backoffDelayMs(99)).toBeGreaterThanOrEqual(1000);
  });
});

describe('retry', () => {
  it('repeats retriable failures and counts them', async () => {
    const events: number[] = [];
    const outcome = await retry(
      async (attempt) => {
        if (attempt < 3) throw new BrokerError('unavailable', 'later');
        return attempt;
      },
      { ...fast, onRetry: ({ attempt }) => events.push(attempt) },
    );
    expect([outcome, events]).toEqual([3, [1, 2]]);
  });

  it.each<[string, unknown]>([
    ['a failure for good', new BrokerError('fenced', 'no')],
    ['a foreign error', new TypeError('bug')],
  ])('does not repeat %s', async (_name, error) => {
    let calls = 0;
    const work = async (): Promise<never> => {
      calls++;
      throw error;
    };
    await expect(retry(work, fast)).rejects.toBe(error);
    expect(calls).toBe(1);
  });

  it('ends with the last error when the attempts are used up', async () => {
    const work = async (attempt: number): Promise<never> => {
      throw new BrokerError('not_leader', `try ${attempt}`);
    };
    await expect(retry(work, { ...fast, attempts: 4 })).rejects.toThrow('try 4');
    await expect(retry(work, { ...fast, attempts: 1 })).rejects.toThrow('try 1');
  });

  it('asks the caller what may be repeated', async () => {
    const work = async (attempt: number): Promise<number> => {
      if (attempt === 1) throw new TypeError('once');
      return attempt;
    };
    await expect(retry(work, { ...fast, isRetriable: () => true })).resolves.toBe(2);
  });

  it('stops waiting when aborted', async () => {
    const controller = new AbortController();
    const work = async (): Promise<never> => {
      throw new BrokerError('unavailable', 'later');
    };
    const options = { baseDelayMs: 60_000, maxDelayMs: 60_000, signal: controller.signal };
    const outcome = retry(work, { ...options, onRetry: () => controller.abort() });
    await expect(outcome).rejects.toMatchObject({ code: 'cancelled' });
  });
});
