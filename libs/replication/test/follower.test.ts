// What a follower gives up before it follows (rule R4, KIP-279), and the HW it passes on.

import { ShardFollower, truncationFor, type EpochEnd, type FollowerLog } from '../src/follower.ts';

/** A log described by the epochs of its records. */
function logOf(epochs: readonly number[]): FollowerLog {
  return {
    logEndOffset: () => epochs.length,
    latestEpoch: () => epochs.at(-1) ?? -1,
    endOffsetFor: (epoch) => endOffsetFor(epochs, epoch),
  };
}

function endOffsetFor(epochs: readonly number[], epoch: number): EpochEnd {
  const known = epochs.filter((each) => each <= epoch);
  if (known.length === 0) return { leaderEpoch: -1, endOffset: -1 };
  return { leaderEpoch: known.at(-1)!, endOffset: known.length };
}

/** Asks until settled, as a follower does; answers the offset it is cut to. */
function settle(follower: readonly number[], leader: readonly number[]): number {
  let own = [...follower];
  for (let round = 0; round < 20; round++) {
    if (own.length === 0) return 0;
    const { offset, settled } = truncationFor(logOf(own), endOffsetFor(leader, own.at(-1)!));
    own = own.slice(0, offset);
    if (settled) return own.length;
  }
  throw new Error('did not settle');
}

describe('truncation by leader epoch (R4)', () => {
  test.each([
    ['same logs', [0, 0, 1], [0, 0, 1], 3],
    ['follower behind', [0, 0], [0, 0, 1, 1], 2],
    ['follower has more of the same epoch', [0, 0, 0], [0, 0], 2],
    ['an epoch that the leader never had', [0, 0, 1, 1], [0, 0, 2], 2],
    ['KIP-279: both have epochs that the other lacks', [0, 1, 1, 1], [0, 0, 2, 2], 1],
    ['follower empty', [], [0, 1], 0],
    ['nothing in common', [1, 1], [2, 2], 0],
    ['nothing in common, and the leader has older epochs than we', [3, 3], [2, 2, 4], 0],
    ['nothing in common, and ours is the longer one', [3, 3, 3, 5], [2, 2], 0],
  ])('%s', (_name, follower, leader, expected) => {
    expect(settle(follower, leader)).toBe(expected);
  });
});

describe('HW at a follower', () => {
  test('is what the leader said, as far as the own log is durable, and never goes back', () => {
    const follower = new ShardFollower(2, 5);
    follower.leaderReported(9, 7);
    expect(follower.highWatermark).toBe(7);
    follower.durable(12);
    expect(follower.highWatermark).toBe(9);
    follower.leaderReported(3, 12);
    expect(follower.highWatermark).toBe(9);
    expect(() => follower.assertTruncation(8)).toThrow('below HW');
    follower.assertTruncation(9);
  });
});
