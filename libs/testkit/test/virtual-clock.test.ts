import { firstFailingSeed, invariant, Random, simulate, VirtualClock } from '../src/index.ts';

describe('virtual clock', () => {
  test('runs what is due in the order of time, then of scheduling', async () => {
    const clock = new VirtualClock(1000);
    const seen: string[] = [];
    clock.schedule(5, () => seen.push(`b@${clock.monotonicMs()}`));
    clock.schedule(5, () => seen.push('c'));
    clock.schedule(1, () => {
      seen.push('a');
      clock.schedule(2, () => seen.push(`nested@${clock.nowMs()}`));
    });
    const cancel = clock.schedule(4, () => seen.push('never'));
    cancel();
    await clock.advance(4);
    expect(seen).toEqual(['a', 'nested@1003']);
    await clock.advance(4);
    expect(seen).toEqual(['a', 'nested@1003', 'b@5', 'c']);
    expect([clock.nowMs(), clock.pending]).toEqual([1008, 0]);
  });

  test('is the timers of what runs under it', async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const stop = clock.every(10, () => {
      seen.push(`every@${clock.monotonicMs()}`);
      if (seen.length === 5) stop();
    });
    clock.after(15, () => seen.push('after'));
    clock.soon(() => seen.push('soon'));
    clock.after(20, () => seen.push('never'))();
    await clock.advance(100);
    expect(seen).toEqual(['soon', 'every@10', 'after', 'every@20', 'every@30']);
    expect(clock.pending).toBe(0);
  });

  test('settles a promise by running events, and says when none can help', async () => {
    const clock = new VirtualClock();
    const later = new Promise<number>((resolve) => clock.schedule(50, () => resolve(7)));
    expect(await clock.settle(later)).toBe(7);
    await expect(clock.settle(new Promise(() => undefined))).rejects.toThrow('nobody scheduled');
    clock.schedule(1, () => undefined);
    clock.clear();
    expect(await clock.step()).toBe(false);
  });
});

describe('seeded runs', () => {
  test('the same seed gives the same numbers, in range', () => {
    const [a, b] = [new Random(9), new Random(9)];
    for (let i = 0; i < 1000; i++) {
      const value = a.between(3, 8);
      expect(value).toBe(b.between(3, 8));
      expect(value >= 3 && value <= 8).toBe(true);
    }
    expect(new Random(1).bytes(8)).not.toEqual(new Random(2).bytes(8));
  });

  test('a failing run names its seed', async () => {
    const run = async (seed: number): Promise<void> => invariant(seed !== 3, 'I0: three');
    await expect(simulate({ seeds: 5 }, run)).rejects.toThrow(
      'seed 3: I0: three (run again with SIMULATION_SEED=3)',
    );
    expect(await firstFailingSeed({ seeds: 5 }, run)).toBe(3);
    expect(await firstFailingSeed({ seeds: 2 }, run)).toBeUndefined();
    const bug = async (): Promise<void> => {
      throw new TypeError('not an invariant');
    };
    await expect(firstFailingSeed({ seeds: 1 }, bug)).rejects.toThrow('not an invariant');
  });
});
