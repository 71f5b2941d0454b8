// The leader's decisions, case by case (rules R1, R2, R3, R5).

import { ShardLeader, type IsrProposal, type Member } from '../src/index.ts';
import type { LeaderStart } from '../src/leader.ts';

const A: Member = { nodeId: 'a', incarnation: 1 };
const B: Member = { nodeId: 'b', incarnation: 1 };
const C: Member = { nodeId: 'c', incarnation: 1 };

function leaderOf(start: Partial<LeaderStart> = {}) {
  const marks: number[] = [];
  const proposals: IsrProposal[] = [];
  const leader = new ShardLeader(
    {
      self: A,
      leaderEpoch: 3,
      isr: { members: [A], version: 1 },
      logEndOffset: 10,
      durableLogEndOffset: 10,
      highWatermark: 10,
      minInsyncReplicas: 1,
      replicaLagMaxMs: 5000,
      ...start,
    },
    { highWatermarkAdvanced: (hw) => marks.push(hw), proposeIsr: (proposal) => proposals.push(proposal) },
    0,
  );
  return { leader, marks, proposals };
}

describe('committed (R1)', () => {
  test('alone: HW follows what is durable, never what is only appended', () => {
    const { leader, marks } = leaderOf();
    leader.appended(15);
    expect(leader.highWatermark).toBe(10);
    leader.durable(12);
    leader.durable(15);
    expect(marks).toEqual([12, 15]);
  });

  test('alone after a restart: everything that recovery made durable is committed at once', () => {
    const { leader, marks } = leaderOf({ highWatermark: 4 });
    expect(leader.highWatermark).toBe(10);
    expect(marks).toEqual([10]);
  });

  test('HW is the least durable LEO of all members, as they report it themselves', () => {
    const { leader } = leaderOf({ isr: { members: [A, B, C], version: 1 } });
    leader.appended(20);
    leader.durable(20);
    leader.reported(B, 18, 1);
    expect(leader.highWatermark).toBe(10);
    leader.reported(C, 14, 1);
    expect(leader.highWatermark).toBe(14);
    leader.reported(C, 30, 2);
    expect(leader.highWatermark).toBe(18);
  });

  test('the leader itself counts: followers may be ahead of its disk', () => {
    const { leader } = leaderOf({ isr: { members: [A, B], version: 1 } });
    leader.appended(20);
    leader.reported(B, 20, 1);
    expect(leader.highWatermark).toBe(10);
    leader.durable(20);
    expect(leader.highWatermark).toBe(20);
  });

  test('min.insync.replicas is a gate, not a quorum', () => {
    const { leader } = leaderOf({ minInsyncReplicas: 2 });
    expect(leader.enoughReplicas).toBe(false);
    leader.appended(12);
    leader.durable(12);
    expect(leader.highWatermark).toBe(10);
    leader.setMinInsyncReplicas(1);
    expect(leader.highWatermark).toBe(12);
  });

  test('a pending expansion counts before it is committed', () => {
    const { leader, proposals } = leaderOf({ isr: { members: [A, B], version: 4 } });
    leader.reported(B, 10, 1);
    leader.reported(C, 10, 1);
    expect(proposals).toEqual([{ leaderEpoch: 3, isrVersion: 4, members: [A, B, C] }]);
    leader.appended(15);
    leader.durable(15);
    leader.reported(B, 15, 2);
    expect(leader.highWatermark).toBe(10);
    leader.isrRefused({ members: [A, B], version: 4 }, 3);
    expect(leader.highWatermark).toBe(15);
  });

  test('without an answer a pending expansion counts for ever, whatever else the view says', () => {
    const { leader } = leaderOf({ isr: { members: [A, B], version: 4 } });
    leader.reported(C, 10, 1);
    leader.isrCommitted({ members: [A, B], version: 4 }, 2);
    leader.appended(15);
    leader.durable(15);
    leader.reported(B, 15, 2);
    expect(leader.highWatermark).toBe(10);
  });

  test('a smaller ISR counts only once it is committed', () => {
    const { leader, proposals } = leaderOf({ isr: { members: [A, B], version: 1 } });
    leader.appended(15);
    leader.durable(15);
    leader.tick(6000);
    expect(proposals).toEqual([{ leaderEpoch: 3, isrVersion: 1, members: [A] }]);
    expect(leader.highWatermark).toBe(10);
    leader.isrCommitted({ members: [A], version: 2 }, 6000);
    expect(leader.highWatermark).toBe(15);
  });
});

describe('joining (R2)', () => {
  test('a follower joins at HW and at the start of the epoch, not before', () => {
    const { leader, proposals } = leaderOf();
    leader.reported(B, 9, 1);
    expect(proposals).toEqual([]);
    leader.reported(B, 10, 2);
    expect(proposals.map((proposal) => proposal.members)).toEqual([[A, B]]);
  });

  test('a new run of a member replaces the old one and starts unknown (R5)', () => {
    const { leader, proposals } = leaderOf({ isr: { members: [A, B], version: 1 } });
    leader.reported(B, 10, 1);
    leader.appended(12);
    leader.durable(12);
    leader.reported({ ...B, incarnation: 2 }, 12, 2);
    expect(leader.highWatermark).toBe(10);
    expect(proposals.at(-1)!.members).toEqual([A, { ...B, incarnation: 2 }]);
  });

  test('what an earlier run of a follower reported and comes late changes nothing (R5)', () => {
    const later = { ...B, incarnation: 2 };
    const { leader, proposals } = leaderOf({ isr: { members: [A, later], version: 1 } });
    leader.reported(later, 10, 1);
    leader.appended(15);
    leader.durable(15);
    leader.reported(later, 12, 2);
    leader.reported(B, 15, 3);
    expect(leader.highWatermark).toBe(12);
    expect(proposals).toEqual([]);
    leader.reported(later, 14, 4);
    expect(leader.highWatermark).toBe(14);
  });

  test('latest offset is unknown until HW has reached the LEO at election (KIP-207)', () => {
    const { leader } = leaderOf({ isr: { members: [A, B], version: 1 }, highWatermark: 5 });
    expect(leader.latestOffsetAvailable).toBe(false);
    leader.reported(B, 9, 1);
    expect(leader.latestOffsetAvailable).toBe(false);
    leader.reported(B, 10, 2);
    expect(leader.latestOffsetAvailable).toBe(true);
  });
});

describe('lagging (R5)', () => {
  test('a follower that keeps reaching what was durable at its last report stays', () => {
    const { leader, proposals } = leaderOf({ isr: { members: [A, B], version: 1 } });
    let end = 10;
    for (let nowMs = 0; nowMs < 20_000; nowMs += 1000) {
      leader.reported(B, end, nowMs);
      end += 100;
      leader.appended(end);
      leader.durable(end);
      leader.tick(nowMs + 500);
    }
    expect(proposals).toEqual([]);
  });

  test('one whose new run never catches up leaves, though the ISR still names the earlier run', () => {
    const { leader, proposals } = leaderOf({ isr: { members: [A, B], version: 1 } });
    for (let nowMs = 0; nowMs < 6_000 && proposals.length === 0; nowMs += 100) {
      leader.reported({ ...B, incarnation: 2 }, 5, nowMs);
      leader.tick(nowMs + 50);
    }
    expect(proposals.map((proposal) => proposal.members)).toEqual([[A]]);
  });

  test('one that stands still leaves after replica.lag.max', () => {
    const { leader, proposals } = leaderOf({ isr: { members: [A, B], version: 1 } });
    leader.appended(11);
    leader.durable(11);
    leader.reported(B, 10, 100);
    leader.tick(5000);
    expect(proposals).toEqual([]);
    leader.tick(5101);
    expect(proposals.map((proposal) => proposal.members)).toEqual([[A]]);
    // One proposal at a time.
    leader.tick(9000);
    expect(proposals).toHaveLength(1);
  });
});

describe('resigning (R3)', () => {
  test('nothing is committed after it, whatever arrives', () => {
    const { leader, marks } = leaderOf({ isr: { members: [A, B], version: 1 } });
    leader.appended(20);
    leader.resign();
    leader.durable(20);
    leader.reported(B, 20, 1);
    leader.isrCommitted({ members: [A], version: 2 }, 1);
    expect(marks).toEqual([]);
    expect(() => leader.appended(30)).toThrow('resigned');
  });

  test('an older ISR version changes nothing', () => {
    const { leader } = leaderOf({ isr: { members: [A, B], version: 7 } });
    leader.isrCommitted({ members: [A], version: 6 }, 1);
    expect(leader.isr.members).toEqual([A, B]);
  });
});
