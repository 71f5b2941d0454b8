// One incarnation holds something until another takes it (K2, I6).
import { checkClaim, claim, UNCLAIMED, type Claim } from '../src/data/claims.ts';
import { failing } from './support/test-meta.ts';

const a = { nodeId: 'a', incarnation: 1n };
const b = { nodeId: 'b', incarnation: 1n };

const refusal = (current: Claim, epoch: number, node: typeof a | undefined): unknown => {
  try {
    checkClaim(current, epoch, node);
    return undefined;
  } catch (thrown) {
    return thrown;
  }
};

describe('claims', () => {
  test('K2: each claim raises the epoch, and only over the one that the caller saw', () => {
    const first = claim(UNCLAIMED, -1, a)!;
    expect(first).toEqual({ ...a, epoch: 0 });
    expect(claim(first, -1, b)).toBeUndefined();
    expect(claim(first, 1, b)).toBeUndefined();
    expect(claim(first, 0, b)).toEqual({ ...b, epoch: 1 });
    expect(claim(first, 0, a)).toEqual({ ...a, epoch: 1 });
  });

  test.each<[string, Claim, number, typeof a | undefined, boolean]>([
    ['its holder', { ...a, epoch: 3 }, 3, a, true],
    ['its holder in an earlier epoch', { ...a, epoch: 3 }, 2, a, false],
    ['its holder in a later epoch', { ...a, epoch: 3 }, 4, a, false],
    ['another node', { ...a, epoch: 3 }, 3, b, false],
    ['another incarnation of its holder', { ...a, epoch: 3 }, 3, { ...a, incarnation: 2n }, false],
    ['nobody', { ...a, epoch: 3 }, 3, undefined, false],
    ['anybody, of what is unclaimed', UNCLAIMED, 0, a, false],
  ])('I6: is held by %s: %j', (_name, current, epoch, node, isHeld) => {
    expect(refusal(current, epoch, node)).toEqual(isHeld ? undefined : failing('not_coordinator'));
  });
});
