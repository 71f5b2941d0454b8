// The memory of answers (rules N8, I8): bounded, fair over streams, and never held by one that is gone.

import { Random } from '@robustmq/testkit';
import { AnswerBudget } from '../src/read/answer-budget.ts';

const LIMIT = 1_000;

test('N8: one stream gets no more than its share, however much it asks for', () => {
  const budget = new AnswerBudget(LIMIT);
  const greedy = budget.share();
  let granted = 0;
  for (let ask = 0; ask < 100; ask++) greedy.whenClaimed(50, () => granted++);
  expect([granted, budget.claimedBytes, budget.waited]).toEqual([5, 250, 95]);
  const other = budget.share();
  expect(other.tryClaim(100)).toBe(true);
  greedy.release(50);
  expect(granted).toBe(6);
});

test('N8: streams that wait are served in turn', () => {
  const budget = new AnswerBudget(LIMIT);
  const holders = Array.from({ length: 4 }, () => budget.share());
  for (const holder of holders) expect(holder.tryClaim(250)).toBe(true);
  const served: string[] = [];
  const streams = ['a', 'b', 'c'].map((name) => {
    const share = budget.share();
    expect(share.tryClaim(1)).toBe(true);
    for (let ask = 1; ask <= 3; ask++) share.whenClaimed(100, () => served.push(`${name}${ask}`));
    return share;
  });
  expect(served).toEqual([]);
  for (const holder of holders) holder.release(250);
  expect(served).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2']);
  // A share is a quarter of the budget: the third waits until the stream has sent something.
  streams[1]!.release(100);
  expect(served.at(-1)).toBe('b3');
});

test('a stream that holds nothing gets one read even when the others hold everything', () => {
  const budget = new AnswerBudget(LIMIT);
  for (let stream = 0; stream < 10; stream++) expect(budget.share().tryClaim(250)).toBe(true);
  expect(budget.share().tryClaim(100)).toBe(true);
});

test('a stream that ends gives everything back, wakes the others and is heard of no more', () => {
  const budget = new AnswerBudget(LIMIT);
  const stalled = Array.from({ length: 4 }, () => budget.share());
  for (const share of stalled) share.claimMore(250);
  const other = budget.share();
  other.claimMore(1);
  let granted = 0;
  other.whenClaimed(200, () => granted++);
  stalled[0]!.whenClaimed(1, () => {
    throw new Error('a stream that is gone was served');
  });
  stalled[0]!.close();
  expect([granted, budget.claimedBytes]).toEqual([1, 951]);
  // Frames that were on their way when it ended say so later.
  stalled[0]!.release(250);
  stalled[0]!.close();
  expect(budget.claimedBytes).toBe(951);
});

test('whatever comes and goes, nothing is lost and nobody waits while there is room for him', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    const budget = new AnswerBudget(LIMIT);
    const live = new Set(Array.from({ length: 5 }, () => budget.share()));
    const held: { share: typeof live extends Set<infer S> ? S : never; bytes: number }[] = [];
    let waiting = 0;
    for (let step = 0; step < 100; step++) {
      const share = random.pick([...live]);
      const bytes = 1 + random.below(300);
      const choice = random.below(10);
      if (choice < 6) {
        waiting++;
        share.whenClaimed(bytes, () => {
          waiting--;
          held.push({ share, bytes });
        });
      } else if (held.length > 0) {
        const [one] = held.splice(random.below(held.length), 1);
        one!.share.release(one!.bytes);
      }
      expect(budget.claimedBytes).toBe(held.reduce((sum, each) => sum + each.bytes, 0));
    }
    while (held.length > 0) {
      const { share, bytes } = held.shift()!;
      share.release(bytes);
    }
    expect([waiting, budget.claimedBytes]).toEqual([0, 0]);
  }
});

test('I8: the whole budget is given out, and not a byte more', () => {
  const budget = new AnswerBudget(LIMIT);
  const streams = Array.from({ length: 4 }, () => budget.share());
  for (const stream of streams) expect(stream.tryClaim(200)).toBe(true);
  for (const stream of streams) expect(stream.tryClaim(50)).toBe(true);
  expect(budget.claimedBytes).toBe(LIMIT);
  streams[0]!.release(50);
  expect([streams[0]!.tryClaim(51), streams[0]!.tryClaim(50)]).toEqual([false, true]);
});
