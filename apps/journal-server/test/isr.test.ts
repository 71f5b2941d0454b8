// The write path of a leader whose ISR is [a, b] (rules R1, R2, R5): what b's own reports do to answers and delivery, and what
// the leader asks of the controller. Nobody feeds b yet; its reports are the test's.

import type { Member } from '@robustmq/replication';
import type { Shard } from '../src/shard/shard.ts';
import { batchOf } from './records.ts';
import { WritePath } from './write-path.ts';

const A: Member = { nodeId: 'a', incarnation: 1 };
const B: Member = { nodeId: 'b', incarnation: 7 };
const LAG_MS = 5_000;

let path: WritePath;
let shard: Shard;

beforeEach(() => {
  path = new WritePath();
  shard = path.leading(1, [A, B]);
});

const report = (member: Member, durableLogEndOffset: number): void =>
  shard.leader!.reported(member, durableLogEndOffset, path.clock.monotonicMs());

test('R1, I1: acks=all is answered when b has it on its disk, not when a has', async () => {
  path.append(shard, 1, batchOf(['x']));
  await path.sync();
  expect([path.answers, path.committed]).toEqual([[], []]);
  report(B, 1);
  await path.turn();
  expect([path.answers, path.committed]).toEqual([['1: 0'], [0]]);
});

test('R1: it is answered when a has it, if b was first', async () => {
  path.append(shard, 1, batchOf(['x']));
  await path.turn();
  report(B, 1);
  await path.turn();
  expect(path.answers).toEqual([]);
  await path.sync();
  expect(path.answers).toEqual(['1: 0']);
});

test('R8: acks=1 is answered at the durable LEO of the leader, and delivered when b has it', async () => {
  path.append(shard, 1, batchOf(['x']), { acks: 1 });
  await path.sync();
  expect([path.answers, path.committed]).toEqual([['1: 0'], []]);
  report(B, 1);
  await path.turn();
  expect(path.committed).toEqual([0]);
});

test('R4: whoever follows may have a batch as soon as it is in the log, before it is durable anywhere', async () => {
  path.append(shard, 1, batchOf(['x']));
  path.append(shard, 2, batchOf(['y']));
  await path.turn();
  expect([path.appended, path.commitLog.isSyncing, path.committed]).toEqual([[0, 1], true, []]);
});

test('R5: what another run of b reports counts for nothing until the ISR names that run', async () => {
  path.append(shard, 1, batchOf(['x']));
  await path.sync();
  report({ ...B, incarnation: 8 }, 1);
  await path.turn();
  expect(path.answers).toEqual([]);
  // It has all there is, so the leader asks for it in the place of the old run.
  expect(path.proposals).toEqual([{ leaderEpoch: 0, isrVersion: 1, members: [A, { ...B, incarnation: 8 }] }]);
  shard.leader!.isrCommitted(
    { members: [A, { ...B, incarnation: 8 }], version: 2 },
    path.clock.monotonicMs(),
  );
  await path.turn();
  expect(path.answers).toEqual(['1: 0']);
});

test('R5, R6: a b that is silent leaves the ISR; what waited for it, a repeat too, is answered then', async () => {
  const batch = batchOf(['x'], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
  path.append(shard, 1, Buffer.from(batch));
  await path.sync();
  path.append(shard, 2, Buffer.from(batch));
  await path.sync();
  await path.clock.advance(LAG_MS);
  shard.leader!.tick(path.clock.monotonicMs());
  expect(path.proposals).toEqual([]);
  await path.clock.advance(1);
  shard.leader!.tick(path.clock.monotonicMs());
  expect(path.proposals).toEqual([{ leaderEpoch: 0, isrVersion: 1, members: [A] }]);
  // Until the controller has said so, b may be elected.
  expect(path.answers).toEqual([]);
  shard.leader!.isrCommitted({ members: [A], version: 2 }, path.clock.monotonicMs());
  await path.turn();
  expect([path.answers.sort(), path.committed]).toEqual([['1: 0', '2: 0'], [0]]);
});

test('I3, R6: a producer that sends all again is answered in the order of the log, repeats and what is new', async () => {
  const batch = (baseSequence: number): Buffer =>
    batchOf(['x'], { producerId: 7, producerEpoch: 0, baseSequence });
  path.append(shard, 1, batch(0));
  path.append(shard, 2, batch(1));
  await path.sync();
  path.append(shard, 3, batch(0));
  path.append(shard, 4, batch(1));
  path.append(shard, 5, batch(2));
  await path.sync();
  report(B, 3);
  await path.turn();
  expect(path.answers).toEqual(['1: 0', '3: 0', '2: 1', '4: 1', '5: 2']);
});

test('R1: without min.insync.replicas nothing is taken at acks=all, and HW rests', async () => {
  shard.leader!.setMinInsyncReplicas(3);
  path.append(shard, 1, batchOf(['x']));
  path.append(shard, 2, batchOf(['y']), { acks: 1 });
  await path.sync();
  report(B, 1);
  await path.turn();
  expect([path.answers, path.committed]).toEqual([['1: not_enough_replicas', '2: 0'], []]);
});
