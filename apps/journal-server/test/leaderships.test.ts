// Who leads (rules R2, R3): claims of what the view leaves to an earlier run, and changes of the ISR on their way to the
// controller and back.

import { BrokerError, type ErrorCode } from '@robustmq/errors';
import type { Member } from '@robustmq/replication';
import { drained, type VirtualClock } from '@robustmq/testkit';
import { Leaderships } from '../src/shard/leaderships.ts';
import type { Shard } from '../src/shard/shard.ts';
import { FakeCluster } from './fake-cluster.ts';
import { WritePath } from './write-path.ts';

const IDENTITY = { nodeId: 'a', incarnation: 3, directoryId: 'directory-a' };
const A: Member = { nodeId: 'a', incarnation: 3 };
const B: Member = { nodeId: 'b', incarnation: 1 };
const LAG_MS = 5_000;

let clock: VirtualClock;
let cluster: FakeCluster;
let leaderships: Leaderships;
let shard: Shard;
let claims: number;
let claimErrors: BrokerError[];
const warned: string[] = [];

beforeEach(() => {
  const path = new WritePath();
  clock = path.clock;
  cluster = new FakeCluster();
  claims = 0;
  claimErrors = [];
  warned.length = 0;
  const port = cluster.port(IDENTITY);
  leaderships = new Leaderships({
    cluster: {
      ...port,
      claimLeadership: () => {
        claims++;
        const error = claimErrors.shift();
        return error === undefined ? port.claimLeadership() : Promise.reject(error);
      },
    },
    clock,
    timers: clock,
    log: { warn: (_fields, message) => void warned.push(message) },
    advanced: () => undefined,
  });
  cluster.create(1, { nodeId: 'a', directoryId: 'directory-a' });
  shard = path.reopened(path.leading());
});

const row = () => cluster.streams.get(1)!.shards[0]!;
const look = (): boolean => {
  leaderships.seen(1, [row()]);
  const isLed = leaderships.follow(shard, row());
  leaderships.claimMissing();
  return isLed;
};

/** a leads under its first epoch, with b in the ISR, who has never been heard of. */
async function leadWithB(): Promise<void> {
  look();
  await clock.advance(0);
  cluster.alterShard(1, 0, { isr: [A, B], isrVersion: 5 });
  expect(look()).toBe(true);
}

const lag = async (): Promise<void> => {
  await clock.advance(LAG_MS + 1);
  leaderships.tick([shard]);
  await drained();
};

describe('leading', () => {
  test('R3: only under an epoch of this run: one of an earlier run is claimed anew', async () => {
    cluster.alterShard(1, 0, { leader: 'a', leaderIncarnation: 2, leaderEpoch: 8 });
    expect([look(), shard.role.kind]).toEqual([false, 'none']);
    await clock.advance(0);
    expect([look(), shard.leaderEpoch, claims]).toEqual([true, 9, 1]);
  });

  test('a claim that fails is repeated, and one at a time is under way', async () => {
    claimErrors.push(new BrokerError('unavailable', 'meta is away'));
    look();
    look();
    expect([claims, leaderships.claiming]).toEqual([1, true]);
    await drained();
    await clock.advance(2_000);
    expect([claims, leaderships.claiming, look()]).toEqual([2, false, true]);
  });

  test('nothing is claimed that another leads, or that is gone: there it follows, or keeps the files', async () => {
    cluster.alterShard(1, 0, { leader: 'b', leaderIncarnation: 1, leaderEpoch: 4 });
    expect([look(), shard.role.kind, shard.leaderEpoch]).toEqual([false, 'follower', 4]);
    cluster.alterShard(1, 0, { leader: '', isr: [B] });
    expect([look(), shard.role.kind]).toEqual([false, 'none']);
    leaderships.seen(1, []);
    leaderships.claimMissing();
    expect(claims).toBe(0);
  });

  test('R3: not under an epoch older than that of its records: the state of the cluster went back, and no throw ends the rest', async () => {
    cluster.alterShard(1, 0, { leader: 'a', leaderIncarnation: 3, leaderEpoch: 9 });
    expect([look(), shard.log.latestEpoch]).toEqual([true, 9]);
    cluster.alterShard(1, 0, { leader: 'a', leaderIncarnation: 3, leaderEpoch: 4 });
    expect([look(), shard.role.kind, warned.length]).toEqual([false, 'none', 1]);
    cluster.alterShard(1, 0, { leader: 'a', leaderIncarnation: 3, leaderEpoch: 10 });
    expect([look(), shard.leaderEpoch]).toEqual([true, 10]);
  });

  test('a failed shard is not led, whatever the view says', async () => {
    look();
    expect(look()).toBe(true);
    shard.fail(new BrokerError('quarantined', 'damaged'));
    expect([look(), shard.leader!.resigned]).toEqual([false, true]);
  });
});

describe('changes of the ISR (R2, R5)', () => {
  test('a member that is silent for too long goes, by compare-and-set with the run of each', async () => {
    await leadWithB();
    expect(shard.leader!.isr.members).toEqual([A, B]);
    await lag();
    expect([row().isr, row().isrVersion, shard.leader!.isr.version]).toEqual([[A], 6, 6]);
    expect(warned).toEqual([]);
  });

  test('a leader alone proposes nothing', async () => {
    look();
    await clock.advance(0);
    expect(look()).toBe(true);
    const { isrVersion } = row();
    await lag();
    expect(row().isrVersion).toBe(isrVersion);
  });

  test.each<[string, ErrorCode[], number]>([
    ['is repeated while the controller is away', ['unavailable', 'deadline_exceeded'], 2],
    ['is made anew after a refusal', ['fenced'], 1],
  ])('a proposal %s', async (_name, codes, warnings) => {
    await leadWithB();
    cluster.isrAnswers.push(...codes.map((code) => new BrokerError(code, 'no')));
    await lag();
    await clock.advance(5_000);
    await lag();
    expect([shard.leader!.isr.members, warned.length]).toEqual([[A], warnings]);
  });

  test('R1: after an unknown outcome a refusal tells nothing: HW passes no member until the view says so', async () => {
    await leadWithB();
    const c: Member = { nodeId: 'c', incarnation: 1 };
    cluster.isrAnswers.push(new BrokerError('deadline_exceeded', 'applied, and the answer lost'));
    cluster.isrAnswers.push(new BrokerError('fenced', 'c has ended since'));
    cluster.isrAnswers.push(new BrokerError('conflict', 'so it was applied'));
    shard.leader!.reported(c, 0, clock.monotonicMs());
    await drained();
    await clock.advance(3_000);
    expect([shard.leader!.isr.members, warned.length]).toEqual([[A, B], 3]);
    // It may have been applied: c counts until the view has spoken.
    shard.leader!.appended(1);
    shard.leader!.durable(1);
    shard.leader!.reported(B, 1, clock.monotonicMs());
    expect(shard.highWatermark).toBe(0);
    cluster.alterShard(1, 0, { isr: [A, B], isrVersion: 9 });
    look();
    expect(shard.highWatermark).toBe(1);
  });

  test('R2: a refused repeat of a proposal that came to nothing is ended by the next version: the leader may propose again', async () => {
    await leadWithB();
    const c: Member = { nodeId: 'c', incarnation: 1 };
    cluster.isrAnswers.push(new BrokerError('deadline_exceeded', 'never arrived'));
    cluster.isrAnswers.push(new BrokerError('fenced', 'c has ended since'));
    shard.leader!.reported(c, 0, clock.monotonicMs());
    await drained();
    await clock.advance(3_000);
    expect([row().isr, row().isrVersion]).toEqual([[A, B], 6]);
    shard.leader!.appended(1);
    shard.leader!.durable(1);
    shard.leader!.reported(B, 1, clock.monotonicMs());
    expect(shard.highWatermark).toBe(1);
    shard.leader!.appended(2);
    shard.leader!.durable(2);
    await lag();
    expect([row().isr, row().isrVersion]).toEqual([[A], 7]);
  });

  test('a conflict is settled by the view alone', async () => {
    await leadWithB();
    cluster.isrAnswers.push(new BrokerError('conflict', 'another version'));
    await lag();
    await lag();
    expect([shard.leader!.isr.version, warned.length]).toEqual([5, 1]);
    cluster.alterShard(1, 0, { isr: [A], isrVersion: 6 });
    look();
    expect(shard.leader!.isr.members).toEqual([A]);
  });

  test('nothing is asked any more for a leadership that is over', async () => {
    await leadWithB();
    cluster.isrAnswers.push(new BrokerError('unavailable', 'away'));
    await lag();
    shard.stepDown();
    await clock.advance(10_000);
    expect(row().isrVersion).toBe(5);
  });
});
