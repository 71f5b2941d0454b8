import { drained, VirtualClock } from '@robustmq/testkit';
import { AnswerMemory } from '../src/answer-memory.ts';
import { FetchWindow } from '../src/fetch-window.ts';

const MIB = 1024 * 1024;
const NEVER = new AbortController().signal;

describe('I8, N8: memory for answers is claimed before the read', () => {
  const clock = new VirtualClock();
  const memoryOf = (limitBytes: number): AnswerMemory => new AnswerMemory(limitBytes, clock);

  test('claims and held answers share one bound', () => {
    const memory = memoryOf(100);
    expect(memory.tryClaim(60)).toBe(true);
    expect(memory.tryClaim(60)).toBe(false);
    memory.hold(30);
    expect(memory.tryClaim(20)).toBe(false);
    memory.release(60);
    expect(memory.tryClaim(60)).toBe(true);
    expect([memory.heldBytes, memory.claimedBytes]).toEqual([30, 60]);
  });

  test('more than the whole bound is granted only when nothing else is under way', () => {
    const memory = memoryOf(100);
    expect(memory.tryClaim(1_000)).toBe(true);
    expect(memory.tryClaim(1)).toBe(false);
  });

  test('who waits is served in line: a small claim does not overtake a large one', async () => {
    const memory = memoryOf(100);
    memory.hold(90);
    const order: string[] = [];
    void memory.claim(50, 1_000, NEVER).then(() => order.push('large'));
    void memory.claim(5, 1_000, NEVER).then(() => order.push('small'));
    expect(memory.tryClaim(1)).toBe(false);
    expect(memory.isShort).toBe(true);
    memory.hold(-20);
    await drained();
    expect(order).toEqual([]);
    memory.hold(-20);
    await drained();
    expect(order).toEqual(['large']);
    memory.release(50);
    await drained();
    expect(order).toEqual(['large', 'small']);
    expect(memory.isShort).toBe(false);
  });

  test('N7: a claim ends at its deadline, and with its connection', async () => {
    const memory = memoryOf(100);
    memory.hold(100);
    const gone = new AbortController();
    const late = memory.claim(10, 500, NEVER);
    const lost = memory.claim(10, 500, gone.signal);
    expect(memory.waitingCount).toBe(2);
    gone.abort();
    await expect(lost).resolves.toBe(false);
    await expect(memory.claim(10, 500, gone.signal)).resolves.toBe(false);
    await clock.advance(500);
    await expect(late).resolves.toBe(false);
    expect(memory.waitingCount).toBe(0);
    memory.hold(-100);
    expect(memory.claimedBytes).toBe(0);
  });

  test.each(['ends at its deadline', 'loses its connection'])(
    'N7: who waits behind a claim that %s is served, if there is room for it',
    async (end) => {
      const memory = memoryOf(100);
      memory.hold(60);
      const gone = new AbortController();
      const large = memory.claim(50, end === 'ends at its deadline' ? 500 : 10_000, gone.signal);
      const small = memory.claim(30, 10_000, NEVER);
      const next = memory.claim(20, 10_000, NEVER);
      if (end === 'loses its connection') gone.abort();
      else await clock.advance(500);
      await expect(large).resolves.toBe(false);
      await expect(small).resolves.toBe(true);
      expect([memory.claimedBytes, memory.waitingCount]).toEqual([30, 1]);
      memory.release(30);
      await expect(next).resolves.toBe(true);
    },
  );

  test('twice the bound is too much for any records', () => {
    const memory = memoryOf(100);
    memory.hold(199);
    expect(memory.isOverrun).toBe(false);
    memory.hold(1);
    expect(memory.isOverrun).toBe(true);
  });
});

describe('the window of a connection', () => {
  test('shrinks for who waits for news, so that thousands of them fit', () => {
    const window = new FetchWindow();
    window.brought(0, 1);
    expect(window.next(1, 16 * MIB) * 15_000).toBeLessThan(128 * MIB);
  });

  test('soon lets who reads a backlog have all that he asks for', () => {
    const window = new FetchWindow();
    window.brought(0, 1);
    let reads = 0;
    for (let size = 0; size < 16 * MIB; reads += 1) window.brought((size = window.next(1, 16 * MIB)), 1);
    expect(reads).toBeLessThan(14);
  });

  test('a backlog on one of several journals, each with its share, is read as fast (KIP-74)', () => {
    const window = new FetchWindow();
    window.brought(0, 5);
    let share = 0;
    for (let reads = 0; reads < 14; reads += 1) {
      share = window.next(1, 16 * MIB) / 5;
      window.brought(share, 5);
    }
    expect(share).toBe((16 * MIB) / 5);
  });

  test('the share of one of several journals has room for all that the client waits for', () => {
    const window = new FetchWindow();
    window.brought(0, 3);
    expect(window.next(500_000, 16 * MIB) / 3).toBeGreaterThanOrEqual(500_000);
  });

  test('brings what the client waits for, and never more than it takes', () => {
    const window = new FetchWindow();
    window.brought(0, 1);
    expect(window.next(500_000, 16 * MIB)).toBe(500_000);
    expect(window.next(500_000, 1_000)).toBe(1_000);
  });
});
