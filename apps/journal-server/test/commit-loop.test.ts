// Ticks that can't be written (rules R6, I1, L3): whoever hears nothing of a refused tick would hear something wrong later.

import { BrokerError } from '@robustmq/errors';
import { SECTION_LOG_START, SECTION_RECORDS } from '../src/write/sections.ts';
import type { Shard } from '../src/shard/shard.ts';
import { batchOf } from './records.ts';
import { WritePath } from './write-path.ts';

const FULL = new BrokerError('storage_full', 'no room for a frame');

let path: WritePath;
let shard: Shard;

beforeEach(() => {
  path = new WritePath();
  shard = path.leading();
});

const numbered = (baseSequence: number, value: string): Buffer =>
  batchOf([value], { producerId: 7, producerEpoch: 0, baseSequence });

describe('a tick that a full disk refuses', () => {
  test('R6, I1: takes the repeat with it that came with its first copy', async () => {
    path.append(shard, 1, numbered(0, 'never written'));
    path.append(shard, 2, numbered(0, 'never written'));
    path.commitLog.refusal = FULL;
    await path.turn();
    expect(path.answers.sort()).toEqual(['1: storage_full', '2: storage_full']);
    // Another's record takes the offset: it is no answer to the repeat.
    path.append(shard, 3, batchOf(['other']));
    await path.sync();
    expect(path.answers.slice(2)).toEqual(['3: 0']);
  });

  test('R6: leaves the repeat of what was written before', async () => {
    path.append(shard, 1, numbered(0, 'written'));
    await path.turn();
    path.append(shard, 2, numbered(0, 'written'));
    path.append(shard, 3, numbered(1, 'refused'));
    path.append(shard, 4, numbered(1, 'refused'));
    path.commitLog.refusal = FULL;
    await path.sync();
    expect(path.answers.sort()).toEqual(['1: 0', '2: 0', '3: storage_full', '4: storage_full']);
  });

  test('R6: is as if it had never been for what is sent again', async () => {
    path.append(shard, 1, numbered(0, 'x'));
    path.commitLog.refusal = FULL;
    await path.turn();
    path.append(shard, 2, numbered(0, 'x'));
    await path.sync();
    expect([path.answers, path.committed, path.failure]).toEqual([
      ['1: storage_full', '2: 0'],
      [0],
      undefined,
    ]);
  });
});

test('L3: no log start is written for a shard that was deleted meanwhile, others get theirs', async () => {
  const other = path.leading(2);
  for (const [index, each] of [shard, other].entries()) path.append(each, index, batchOf(['a', 'b']));
  await path.sync();
  const outcome = path.commits.advanceLogStart(shard, 1).then(
    () => 'in force',
    (error: BrokerError) => error.code,
  );
  const others = path.commits.advanceLogStart(other, 1);
  shard.fail(new BrokerError('not_found', 'the stream was deleted'));
  await path.sync();
  await others;
  expect(await outcome).toBe('not_found');
  const written = path.commitLog.sections.map(({ kind, key }) => [kind, key]);
  expect(written).toEqual([
    [SECTION_RECORDS, 1],
    [SECTION_RECORDS, 2],
    [SECTION_LOG_START, 2],
  ]);
});

test('L3: a log start that waits for a running sync is given up as well', async () => {
  path.append(shard, 1, batchOf(['a', 'b']));
  await path.turn();
  expect(path.commitLog.isSyncing).toBe(true);
  const outcome = path.commits.advanceLogStart(shard, 1).catch((error: BrokerError) => error.code);
  shard.fail(new BrokerError('not_found', 'the stream was deleted'));
  await path.sync();
  expect(await outcome).toBe('not_found');
  expect(path.commitLog.sections).toHaveLength(1);
});

test('N13: a batch that no frame takes is refused alone, and the process stays', async () => {
  const batch = batchOf(['x'.repeat(400)]);
  // A section is its batches and a version.
  path.commitLog.maxSectionBytes = batch.length;
  path.append(shard, 1, Buffer.from(batch));
  path.append(shard, 2, batchOf(['small']));
  await path.sync();
  path.commitLog.maxSectionBytes = batch.length + 1;
  path.append(shard, 3, batch);
  await path.sync();
  expect([path.answers, path.failure]).toEqual([['1: too_large', '2: 0', '3: 1'], undefined]);
});

test('N7: whoever comes after the end hears why, and whoever waits then as well', async () => {
  const error = new BrokerError('unavailable', 'the journal stops');
  path.append(shard, 1, batchOf(['x']));
  const waiting = path.commits.advanceLogStart(shard, 0).catch((thrown: BrokerError) => thrown.code);
  path.commits.stop(error);
  path.append(shard, 2, batchOf(['y']));
  const late = path.commits.advanceLogStart(shard, 0).catch((thrown: BrokerError) => thrown.code);
  await path.sync();
  expect([path.answers, await waiting, await late]).toEqual([
    ['1: unavailable', '2: unavailable'],
    'unavailable',
    'unavailable',
  ]);
});

test('N7: a log start whose sync fails is told to whoever asked', async () => {
  path.append(shard, 1, batchOf(['a', 'b']));
  await path.sync();
  const asked = path.commits.advanceLogStart(shard, 1).catch((thrown: BrokerError) => thrown.code);
  await path.turn();
  path.commitLog.fail(new BrokerError('storage_failed', 'the disk is gone'));
  expect([await asked, path.failure?.code]).toEqual(['storage_failed', 'storage_failed']);
});

describe('repeats while HW stands still', () => {
  const MEMBERS = ['a', 'b'].map((nodeId) => ({ nodeId, incarnation: 1 }));

  test('R6, R8: one with acks=1 is answered as its first copy is, once the disk of the leader has it', async () => {
    const followed = path.leading(2, MEMBERS);
    path.append(followed, 1, numbered(0, 'x'), { acks: 1 });
    path.append(followed, 2, numbered(0, 'x'), { acks: 1 });
    await path.turn();
    expect(path.answers).toEqual([]);
    await path.sync();
    expect([followed.highWatermark, path.answers]).toEqual([0, ['1: 0', '2: 0']]);
    // What is on the disk already waits for no other sync, and is answered ahead of what is new (I3).
    path.append(followed, 3, numbered(0, 'x'), { acks: 1 });
    path.append(followed, 4, numbered(1, 'y'), { acks: 1 });
    await path.turn();
    expect(path.answers.slice(2)).toEqual(['3: 0']);
    await path.sync();
    expect(path.answers.slice(3)).toEqual(['4: 1']);
  });

  test('R6, I1: one with acks=all waits for HW, whatever the first copy waited for', async () => {
    const followed = path.leading(2, MEMBERS);
    path.append(followed, 1, numbered(0, 'x'), { acks: 1 });
    await path.sync();
    path.append(followed, 2, numbered(0, 'x'));
    await path.sync();
    expect(path.answers).toEqual(['1: 0']);
  });

  test('R6: one with acks=0 is answered as little as its first copy', async () => {
    for (const correlation of [1, 2]) path.append(shard, correlation, numbered(0, 'x'), { acks: 0 });
    await path.sync();
    path.append(shard, 3, numbered(0, 'x'), { acks: 0 });
    await path.sync();
    expect([path.answers, path.committed]).toEqual([[], [0]]);
  });
});

describe('N8: what one tick may take', () => {
  /** What it takes to judge one append. */
  const JUDGE_MS = 0.05;
  const APPENDS = 1_000;
  let judged: number;

  beforeEach(() => {
    judged = 0;
    path = new WritePath({ nowMs: () => 1_000, monotonicMs: () => judged * JUDGE_MS });
    shard = path.leading();
    const { leaderFor } = shard;
    jest.spyOn(shard, 'leaderFor').mockImplementation((leaderEpoch) => {
      judged++;
      return leaderFor.call(shard, leaderEpoch);
    });
  });

  const appendAll = (): void => {
    for (let index = 0; index < APPENDS; index++) path.append(shard, index, batchOf([`${index}`]));
  };

  test('I3: very many small appends are judged in slices, and written tick behind tick in their order', async () => {
    appendAll();
    const perTick: number[] = [];
    for (let before = 0; path.answers.length < APPENDS; before = judged) {
      await path.turn();
      perTick.push(judged - before);
      path.commitLog.synced();
    }
    // Two milliseconds, and as many as go between two looks at the clock.
    expect(Math.max(...perTick) * JUDGE_MS).toBeLessThanOrEqual(2 + 64 * JUDGE_MS);
    expect(path.answers).toEqual(Array.from({ length: APPENDS }, (_, index) => `${index}: ${index}`));
    expect(judged).toBe(APPENDS);
  });

  test('N7: what a tick leaves has another one although nothing of it was written', async () => {
    path.diskIsFull = true;
    appendAll();
    const longest: number[] = [];
    for (let before = 0; await path.clock.step(); before = judged) longest.push(judged - before);
    expect(Math.max(...longest) * JUDGE_MS).toBeLessThanOrEqual(2 + 64 * JUDGE_MS);
    expect(path.answers).toEqual(Array.from({ length: APPENDS }, (_, index) => `${index}: storage_full`));
  });

  test('N7: and although the disk took none of it', async () => {
    path.commitLog.refusal = FULL;
    appendAll();
    while (path.answers.length < APPENDS) {
      await path.turn();
      path.commitLog.synced();
    }
    const refused = path.answers.filter((answer) => answer.endsWith('storage_full')).length;
    expect(refused).toBeGreaterThan(0);
    expect(path.answers.slice(refused)).toEqual(
      Array.from({ length: APPENDS - refused }, (_, index) => `${refused + index}: ${index}`),
    );
  });

  test('large batches: two megabytes, and the one that goes beyond', async () => {
    path.commitLog.maxSectionBytes = 1 << 22;
    for (let index = 0; index < 5; index++) path.append(shard, index, batchOf(['x'.repeat(900_000)]));
    const perTick: number[] = [];
    for (let before = 0; path.answers.length < 5; before = path.commitLog.sections.length) {
      await path.turn();
      perTick.push(path.commitLog.sections.length - before);
      path.commitLog.synced();
    }
    expect(perTick.filter((count) => count > 0)).toEqual([3, 2]);
  });
});
