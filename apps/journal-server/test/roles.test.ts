// What a process is to a shard (rules R1, R3, I2): what it knows to be committed survives a change of role, and no more.

import { BrokerError } from '@robustmq/errors';
import type { IsrProposal, LeaderSink, Member } from '@robustmq/replication';
import type { Shard } from '../src/shard/shard.ts';
import { batchOf } from './records.ts';
import { WritePath } from './write-path.ts';

const A: Member = { nodeId: 'a', incarnation: 1 };
const B: Member = { nodeId: 'b', incarnation: 4 };

let path: WritePath;
const advanced: number[] = [];
const sink: LeaderSink = {
  highWatermarkAdvanced: (highWatermark) => void advanced.push(highWatermark),
  proposeIsr: (_proposal: IsrProposal) => undefined,
};

beforeEach(() => {
  path = new WritePath();
  advanced.length = 0;
});

/** As after a start: records in the log, no role. */
async function recovered(records: number): Promise<Shard> {
  const shard = path.leading();
  for (let each = 0; each < records; each++) path.append(shard, each, batchOf(['x']));
  await path.sync();
  return path.reopened(shard);
}

const lead = (shard: Shard, leaderEpoch: number, members: readonly Member[]): void =>
  shard.lead({ self: A, leaderEpoch, isr: { members, version: 1 } }, sink, 0);

test('one that is alone in the ISR has committed what it recovered', async () => {
  const shard = await recovered(3);
  expect(shard.role.kind).toBe('none');
  lead(shard, 1, [A]);
  expect([shard.role.kind, shard.leaderEpoch, shard.highWatermark]).toEqual(['leader', 1, 3]);
  expect(advanced).toEqual([3]);
});

test('R1, I2: with another member what was recovered is committed only when that one has it', async () => {
  const shard = await recovered(3);
  lead(shard, 1, [A, B]);
  expect([shard.highWatermark, shard.leader!.latestOffsetAvailable]).toEqual([0, false]);
  shard.leader!.reported(B, 2, 0);
  expect([shard.highWatermark, shard.leader!.latestOffsetAvailable]).toEqual([2, false]);
  shard.leader!.reported(B, 3, 0);
  expect([advanced, shard.leader!.latestOffsetAvailable]).toEqual([[2, 3], true]);
});

test('HW stays known over all changes of role, and a follower learns more only from its leader', async () => {
  const shard = await recovered(3);
  lead(shard, 1, [A]);
  shard.follow(2);
  expect([shard.role.kind, shard.leaderEpoch, shard.highWatermark, shard.leader]).toEqual([
    'follower',
    2,
    3,
    undefined,
  ]);
  const before = shard.role;
  shard.follow(2);
  expect(shard.role).toBe(before);
  shard.follow(3);
  expect([shard.role === before, shard.highWatermark]).toEqual([false, 3]);
  shard.stepDown();
  expect([shard.role.kind, shard.highWatermark]).toEqual(['none', 3]);
});

test('R3: whoever stops to lead commits nothing more, whatever becomes durable', async () => {
  const shard = path.leading();
  const { leader } = shard;
  path.append(shard, 1, batchOf(['x']));
  await path.turn();
  shard.follow(1);
  await path.sync();
  expect([leader!.resigned, path.committed, shard.highWatermark]).toEqual([true, [], 0]);
});

test.each(['not_found', 'quarantined', 'storage_failed'] as const)(
  'a shard that failed (%s) is led by nobody: its leader resigns, and asking tells why',
  async (code) => {
    const shard = path.leading();
    path.append(shard, 1, batchOf(['x']));
    await path.sync();
    shard.fail(new BrokerError(code, 'over'));
    expect(shard.leader?.resigned).toBe(true);
    expect(() => shard.leaderFor(-1)).toThrow(expect.objectContaining({ code }));
    // What was committed stays known to those who ask for marks.
    expect(shard.highWatermark).toBe(1);
    path.append(shard, 2, batchOf(['y']));
    await path.sync();
    expect(path.answers).toEqual(['1: 0', `2: ${code}`]);
  },
);
