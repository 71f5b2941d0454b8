// What becomes of a proposal whose first ask has an unknown outcome (rule R2): a refusal is believed only when no earlier copy can
// be applied any more.

import { BrokerError, type ErrorCode } from '@robustmq/errors';
import type { CommittedIsr, IsrProposal, Member } from '@robustmq/replication';
import { IsrChanges } from '../src/shard/isr-changes.ts';
import type { Shard } from '../src/shard/shard.ts';
import { WritePath } from './write-path.ts';

const A: Member = { nodeId: 'a', incarnation: 1 };
const B: Member = { nodeId: 'b', incarnation: 7 };
const RUN_8: Member = { ...B, incarnation: 8 };
const RUN_9: Member = { ...B, incarnation: 9 };
/** Longer than any pause between two asks. */
const PAUSE_MS = 2_000;

let path: WritePath;
let shard: Shard;
let changes: IsrChanges;
/** What the controller answers, in order; the last for ever. */
let answers: (ErrorCode | CommittedIsr)[];
let asked: IsrProposal[];

beforeEach(() => {
  path = new WritePath();
  shard = path.leading(1, [A, B]);
  asked = [];
  changes = new IsrChanges({
    cluster: {
      alterIsr: (_streamId, _shard, proposal) => {
        asked.push(proposal);
        const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
        return typeof answer === 'string'
          ? Promise.reject(new BrokerError(answer, 'scripted'))
          : Promise.resolve(answer);
      },
    },
    clock: path.clock,
    timers: path.clock,
    log: { warn: () => undefined },
  });
});

/** A new run of b has everything: the leader proposes it, if nothing is pending. */
function proposedFor(member: Member): IsrProposal | undefined {
  const before = path.proposals.length;
  shard.leader!.reported(member, 0, path.clock.monotonicMs());
  return path.proposals[before];
}

async function proposing(member: Member): Promise<void> {
  changes.propose(shard, proposedFor(member)!);
  await path.turn();
}

test.each<ErrorCode>(['fenced', 'invalid_argument', 'not_found', 'stale_epoch'])(
  'R2: the first answer %s is final, the next run is proposed',
  async (code) => {
    answers = [code];
    await proposing(RUN_8);
    await path.clock.advance(PAUSE_MS);
    expect(asked).toHaveLength(1);
    expect(proposedFor(RUN_9)).toMatchObject({ members: [A, RUN_9] });
  },
);

test('R2, N7: after an unknown outcome, a member whose run is over ends the proposal, so that its next run is proposed', async () => {
  answers = ['deadline_exceeded', 'stale_epoch'];
  await proposing(RUN_8);
  expect(proposedFor(RUN_9)).toBeUndefined();
  await path.clock.advance(PAUSE_MS);
  expect(asked.map(({ members }) => members)).toEqual([
    [A, RUN_8],
    [A, RUN_8],
  ]);
  expect(proposedFor(RUN_9)).toMatchObject({ isrVersion: 1, members: [A, RUN_9] });
});

test('R2: after an unknown outcome, fenced tells nothing: the ISR as it is is asked for, and only that puts an end to it', async () => {
  answers = ['unavailable', 'fenced', 'stale_epoch'];
  await proposing(RUN_8);
  for (let asks = 1; asks < 5; asks += 1) await path.clock.advance(PAUSE_MS);
  expect(asked.slice(0, 3).map(({ members }) => members)).toEqual([
    [A, RUN_8],
    [A, RUN_8],
    [A, B],
  ]);
  // A member of the ISR as it is may have ended too: that says nothing of the first copy, which may still be under way.
  expect(proposedFor(RUN_9)).toBeUndefined();
  answers = [{ members: [A, B], version: 2 }];
  await path.clock.advance(PAUSE_MS);
  expect(proposedFor(RUN_9)).toMatchObject({ isrVersion: 2, members: [A, RUN_9] });
});

test('R2: a conflict ends the asking and leaves the proposal to the view', async () => {
  answers = ['unavailable', 'conflict'];
  await proposing(RUN_8);
  await path.clock.advance(3 * PAUSE_MS);
  expect(asked).toHaveLength(2);
  expect(proposedFor(RUN_9)).toBeUndefined();
});

test('R3: a leader that resigned asks no more', async () => {
  answers = ['unavailable'];
  await proposing(RUN_8);
  shard.leader!.resign();
  await path.clock.advance(PAUSE_MS);
  expect(asked).toHaveLength(1);
});
