import fc from 'fast-check';
import { TimerWheel, WheelTimer } from '../src/index.ts';
import { ManualClock } from '../src/clock.ts';

function wheelWith(slotCount = 8): {
  clock: ManualClock;
  wheel: TimerWheel;
  pass: (durationMs: number) => void;
} {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock, tickMs: 10, slotCount });
  const pass = (durationMs: number): void => {
    clock.advance(durationMs);
    wheel.advance();
  };
  return { clock, wheel, pass };
}

describe('TimerWheel', () => {
  it('fires once, at the first tick at or after the deadline', () => {
    const { wheel, pass } = wheelWith();
    let fired = 0;
    const timer = new WheelTimer(() => fired++);
    wheel.arm(timer, 25);
    pass(20);
    pass(9);
    expect([fired, timer.isArmed]).toEqual([0, true]);
    pass(1);
    expect([fired, timer.isArmed, wheel.armedCount]).toEqual([1, false, 0]);
    pass(1000);
    expect(fired).toBe(1);
  });

  it('never early, at most a tick late, in any mix of delays beyond the turn', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 35 }), { minLength: 40, maxLength: 60 }),
        (delays, steps) => {
          const { clock, wheel, pass } = wheelWith();
          const firedAt = delays.map(() => -1);
          delays.forEach((delay, index) =>
            wheel.arm(new WheelTimer(() => (firedAt[index] = clock.monotonicMs())), delay),
          );
          let previous = 0;
          for (const step of steps) {
            const before = [...firedAt];
            pass(step);
            firedAt.forEach((at, index) => {
              if (at === before[index]) return;
              expect(at).toBeGreaterThanOrEqual(delays[index]!);
              // Had it been due a tick before the last look, it would have fired then.
              expect(previous).toBeLessThan(Math.max(10, Math.ceil(delays[index]! / 10) * 10));
            });
            previous = clock.monotonicMs();
          }
          pass(1000);
          expect(firedAt.every((at) => at >= 0)).toBe(true);
          expect(wheel.armedCount).toBe(0);
        },
      ),
    );
  });

  it('moves and cancels in any order, from callbacks too', () => {
    const { wheel, pass } = wheelWith();
    const fired: string[] = [];
    const third = new WheelTimer(() => fired.push('third'));
    const second = new WheelTimer(() => fired.push('second'));
    const first = new WheelTimer(() => {
      fired.push('first');
      wheel.cancel(second);
      wheel.arm(first, 80); // exactly one turn: the same slot
      wheel.arm(third, 10);
    });
    wheel.arm(first, 500);
    wheel.arm(first, 20);
    wheel.arm(second, 20);
    expect(wheel.armedCount).toBe(2);
    pass(20);
    expect(fired).toEqual(['first']);
    pass(10);
    expect(fired).toEqual(['first', 'third']);
    wheel.cancel(second);
    pass(70);
    expect(fired).toEqual(['first', 'third', 'first']);
  });

  it('catches up after a pause of many turns', () => {
    const { wheel, pass } = wheelWith();
    let fired = 0;
    for (let delay = 0; delay < 300; delay += 7) wheel.arm(new WheelTimer(() => fired++), delay);
    pass(3_600_000);
    expect(fired).toBe(43);
  });

  it('a callback that throws does not cost the others theirs', () => {
    const { wheel, pass } = wheelWith();
    let fired = 0;
    wheel.arm(
      new WheelTimer(() => {
        throw new RangeError('bug');
      }),
      10,
    );
    wheel.arm(new WheelTimer(() => fired++), 10);
    expect(() => pass(10)).toThrow('bug');
    wheel.advance();
    expect(fired).toBe(1);
  });

  it('runs by itself once started, and rests when nothing is armed', async () => {
    const wheel = new TimerWheel({ tickMs: 2 });
    const waitFor = (): Promise<void> =>
      new Promise((resolve) => {
        const keepAlive = setTimeout(() => undefined, 10_000);
        wheel.arm(
          new WheelTimer(() => {
            clearTimeout(keepAlive);
            resolve();
          }),
          3,
        );
      });
    const armedBeforeStart = waitFor();
    wheel.start();
    await armedBeforeStart;
    await waitFor();
    expect(wheel.armedCount).toBe(0);
    wheel.stop();
    const timer = new WheelTimer(() => undefined);
    wheel.arm(timer, 1);
    wheel.start();
    wheel.stop();
    expect(timer.isArmed).toBe(true);
  });
});

describe('ManualClock', () => {
  it('keeps monotonic time apart from the wall', () => {
    const clock = new ManualClock(5000);
    clock.advance(10);
    clock.setWall(1);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1, 10]);
  });
});
