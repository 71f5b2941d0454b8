import { nextTurn, systemTimers, type Timers, TurnBudget } from '../src/index.ts';
import { ManualClock } from '../src/clock.ts';

describe('timers of the platform', () => {
  test('run what they were given once, again and again, or not after it was cancelled', async () => {
    const seen: string[] = [];
    systemTimers.after(1, () => seen.push('never'))();
    systemTimers.soon(() => seen.push('never'))();
    systemTimers.every(1, () => seen.push('never'))();
    await new Promise<void>((resolve) => {
      const stop = systemTimers.every(1, () => {
        seen.push('tick');
        if (seen.filter((each) => each === 'tick').length < 3) return;
        stop();
        systemTimers.after(2, resolve);
        setTimeout(() => undefined, 20);
      });
      // Timers of the port do not hold the process: the test does.
      setTimeout(() => undefined, 20);
    });
    expect(seen).toEqual(['tick', 'tick', 'tick']);
  });

  test('the next turn comes after what is due now', async () => {
    const seen: string[] = [];
    void Promise.resolve().then(() => seen.push('reaction'));
    await nextTurn(systemTimers);
    expect(seen).toEqual(['reaction']);
  });
});

describe('budget of a turn (N8)', () => {
  test('is spent by its own clock, and whole again after a turn', async () => {
    const clock = new ManualClock();
    let turns = 0;
    const timers: Timers = {
      ...systemTimers,
      soon(action) {
        turns++;
        return systemTimers.soon(action);
      },
    };
    const budget = new TurnBudget(clock, timers);
    const units: number[] = [];
    for (let unit = 0; unit < 20; unit++) {
      clock.advance(1);
      units.push(turns);
      if (budget.isSpent) await budget.yield();
    }
    expect(turns).toBe(20 / TurnBudget.sliceMs);
    expect(units.filter((turn) => turn === 0)).toHaveLength(TurnBudget.sliceMs);
    clock.advance(TurnBudget.sliceMs);
    budget.restart();
    expect(budget.isSpent).toBe(false);
  });
});
