// What a leader refuses and why, idempotence, and the questions about offsets, over gRPC as Kafka gateways ask them.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BrokerError } from '@robustmq/errors';
import type {
  AppendOutcomeValue,
  FetchSectionResult,
  JournalClient,
  ProduceRequest,
} from '@robustmq/journal-client';
import { fromFailure } from '@robustmq/rpc';
import { FakeCluster } from './fake-cluster.ts';
import { batchOf, recordsOf } from './records.ts';
import { REPLICA, startJournal, until, type RunningJournal } from './running-journal.ts';

let dataDirectory: string;
let cluster: FakeCluster;
let running: RunningJournal;
let client: JournalClient;
let diskIsFull = false;

beforeEach(async () => {
  diskIsFull = false;
  dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-'));
  cluster = new FakeCluster();
  cluster.create(1, REPLICA, { name: 'plain' });
  cluster.create(2, REPLICA, { name: 'stamped', config: { 'message.timestamp.type': 'LogAppendTime' } });
  cluster.create(3, REPLICA, { name: 'small', config: { 'max.message.bytes': '200' } });
  cluster.create(4, REPLICA, { name: 'careful', config: { 'min.insync.replicas': '2' } });
  await start(1);
});

async function start(incarnation: number): Promise<void> {
  running = await startJournal({ dataDirectory, cluster, incarnation, diskIsFull: () => diskIsFull });
  client = running.client();
  await until(() => client.connected && running.journal.problem === null, 'journal');
}

afterEach(async () => {
  await running.close();
  await rm(dataDirectory, { recursive: true, force: true });
});

interface Answer {
  readonly error: BrokerError | undefined;
  readonly outcome: AppendOutcomeValue | undefined;
}

function produce(streamId: number, batch: Buffer, more: Partial<ProduceRequest> = {}): Promise<Answer> {
  return new Promise((resolve) => {
    client.produce({ streamId, shard: 0, batch, acks: -1, timeoutMs: 5000, ...more }, (error, outcome) =>
      resolve({ error, outcome }),
    );
  });
}

function fetch(
  streamId: number,
  fetchOffset: number,
  more: { epoch?: number; last?: number } = {},
): Promise<FetchSectionResult> {
  return new Promise((resolve) => {
    const section = {
      streamId,
      shard: 0,
      fetchOffset,
      maxBytes: 1 << 20,
      currentLeaderEpoch: more.epoch ?? -1,
      lastFetchedEpoch: more.last ?? -1,
    };
    client.fetch(
      { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20, readCommitted: true, sections: [section] },
      (results) => resolve(results[0]!),
    );
  });
}

function damaged(): Buffer {
  const batch = batchOf(['x']);
  batch[batch.length - 1]! ^= 1;
  return batch;
}

describe('refusals', () => {
  test.each<[string, number, () => Buffer, Partial<ProduceRequest>, string]>([
    ['a flipped bit', 1, damaged, {}, 'corrupt'],
    ['two batches in one section', 1, () => Buffer.concat([batchOf(['x']), batchOf(['y'])]), {}, 'corrupt'],
    ['cut off', 1, () => batchOf(['x']).subarray(0, 40), {}, 'corrupt'],
    ['nothing', 1, () => Buffer.alloc(0), {}, 'corrupt'],
    ['larger than max.message.bytes', 3, () => batchOf(['x'.repeat(300)]), {}, 'too_large'],
    ['an older leader epoch', 1, () => batchOf(['x']), { leaderEpoch: -1 }, ''],
    ['a leader epoch of the future', 1, () => batchOf(['x']), { leaderEpoch: 9 }, 'unknown_epoch'],
    ['too few in-sync replicas', 4, () => batchOf(['x']), {}, 'not_enough_replicas'],
    ['a transactional batch', 1, () => batchOf(['x'], { attributes: 0x10 }), {}, 'unsupported'],
    ['a control batch', 1, () => batchOf(['x'], { attributes: 0x20 }), {}, 'invalid_argument'],
    [
      'a producer id without a sequence',
      1,
      () => batchOf(['x'], { producerId: 5, producerEpoch: 0 }),
      {},
      'corrupt',
    ],
  ])('%s', async (_name, streamId, batch, more, code) => {
    const { error } = await produce(streamId, batch(), more);
    expect(error?.code ?? '').toBe(code);
    // Nobody else is affected.
    expect((await produce(1, batchOf(['after']))).error).toBeUndefined();
  });

  test('a stream that does not exist', async () => {
    client.close();
    client = running.client({
      directory: { ...running.directory(), leaderOf: () => ({ nodeId: 'journal-1', leaderEpoch: 0 }) },
    });
    await until(() => client.connected, 'connection');
    expect((await produce(99, batchOf(['x']))).error?.code).toBe('not_found');
  });

  test('a nearly full disk refuses clearly, and takes again (L6)', async () => {
    const saysFull = async () => (await client.callsOf(1, 0)!.describeShards({ onlyFailed: true })).diskFull;
    expect(await saysFull()).toBe(false);
    diskIsFull = true;
    expect((await produce(1, batchOf(['x']))).error?.code).toBe('storage_full');
    expect(await saysFull()).toBe(true);
    diskIsFull = false;
    expect((await produce(1, batchOf(['x']))).error).toBeUndefined();
  });

  test('L6: the refuse mark holds whatever acks says', async () => {
    diskIsFull = true;
    for (const acks of [1, 0] as const) await produce(1, batchOf(['x']), { acks });
    await until(() => running.journal.commits.refused === 2, 'both refusals');
    expect((await produce(1, batchOf(['x']), { acks: 1 })).error?.code).toBe('storage_full');
    expect(running.journal.shards.get(65_536)!.log.logEndOffset).toBe(0);
  });

  test('acks=1 and acks=0 need no in-sync replicas', async () => {
    expect((await produce(4, batchOf(['x']), { acks: 1 })).outcome?.baseOffset).toBe(0);
    expect((await produce(4, batchOf(['x']), { acks: 0 })).error).toBeUndefined();
    await until(() => running.journal.shards.get(4 * 65_536)!.log.logEndOffset === 2, 'append');
    // HW rests below min.insync.replicas, so consumers see nothing (R1).
    expect((await fetch(4, 0)).sizeBytes).toBe(0);
  });
});

test('an append for a shard younger than the view waits for it', async () => {
  client.close();
  const base = running.directory();
  client = running.client({
    directory: {
      ...base,
      revision: () => cluster.revision + 1,
      leaderOf: () => ({ nodeId: 'journal-1', leaderEpoch: 0 }),
    },
  });
  await until(() => client.connected, 'connection');
  const early = produce(7, batchOf(['early']));
  const second = produce(7, batchOf(['second']));
  await produce(1, batchOf(['x']));
  cluster.create(7, REPLICA, { name: 'young' });
  expect((await early).outcome?.baseOffset).toBe(0);
  expect((await second).outcome?.baseOffset).toBe(1);
});

test('LogAppendTime is stamped and answered', async () => {
  const before = Date.now();
  const { outcome } = await produce(2, batchOf(['x']));
  expect(outcome!.logAppendTimeMs).toBeGreaterThanOrEqual(before);
  expect(recordsOf(Buffer.concat((await fetch(2, 0)).batches))).toHaveLength(1);
});

describe('idempotence (R6, KIP-98)', () => {
  beforeEach(() => cluster.configure(1, { 'retention.ms': '-1' }));

  const numbered = (sequence: number, values: readonly string[], epoch = 0): Buffer =>
    batchOf(values, { producerId: 77, producerEpoch: epoch, baseSequence: sequence });

  test('a repeat is answered with the first offset and not appended', async () => {
    expect((await produce(1, numbered(0, ['a', 'b']))).outcome?.baseOffset).toBe(0);
    expect((await produce(1, numbered(2, ['c']))).outcome?.baseOffset).toBe(2);
    expect((await produce(1, numbered(0, ['a', 'b']))).outcome?.baseOffset).toBe(0);
    const both = await Promise.all([produce(1, numbered(3, ['d'])), produce(1, numbered(3, ['d']))]);
    expect(both.map((each) => each.outcome?.baseOffset)).toEqual([3, 3]);
    expect(recordsOf(Buffer.concat((await fetch(1, 0)).batches)).map((each) => each.value)).toEqual([
      'a',
      'b',
      'c',
      'd',
    ]);
  });

  test.each([
    ['a gap', 9, 0, 'out_of_order'],
    ['a new epoch that does not begin at 0', 4, 1, 'out_of_order'],
  ])('%s', async (_name, sequence, epoch, code) => {
    await produce(1, numbered(0, ['a']));
    expect((await produce(1, numbered(sequence, ['b'], epoch))).error?.code).toBe(code);
  });

  test('a batch of which only the beginning is a repeat is no repeat: the rest was never written', async () => {
    await produce(1, numbered(0, ['a', 'b']));
    await produce(1, numbered(2, ['c', 'd']));
    expect((await produce(1, numbered(2, ['c', 'd', 'e']))).error?.code).toBe('out_of_order');
    expect((await produce(1, numbered(1, ['b', 'c', 'd', 'e']))).error?.code).toBe('out_of_order');
    expect((await produce(1, numbered(1, ['b', 'c']))).error?.code).toBe('duplicate');
  });

  test('I1, R6: a repeat is a repeat, whatever the stream and the disk would say of it today', async () => {
    await produce(1, numbered(0, ['a'.repeat(500)]));
    cluster.configure(1, { 'max.message.bytes': '200', 'min.insync.replicas': '2' });
    diskIsFull = true;
    expect((await produce(1, numbered(0, ['a'.repeat(500)]))).outcome?.baseOffset).toBe(0);
  });

  test('I1: no sequence is used twice when a stream was made stricter between a batch and its repeat', async () => {
    // What the queue below sent on a stream that broke: appended, its answer lost.
    const first = batchOf(['A'.repeat(500)], { producerId: 1000, producerEpoch: 0, baseSequence: 0 });
    await produce(1, first);
    cluster.configure(1, { 'max.message.bytes': '200' });
    const outcomes: string[] = [];
    const queue = client
      .appender<string>({
        onOutcome: (_queue, tokens, error, base) => outcomes.push(`${tokens.join()}: ${error?.code ?? base}`),
        onUnblocked: () => undefined,
      })
      .queue(1, 0);
    queue.append(1_700_000_000_000, null, Buffer.from('A'.repeat(500)), [], 'A');
    await until(() => outcomes.length === 1, 'the repeat');
    queue.append(1_700_000_000_000, null, Buffer.from('B'), [], 'B');
    await until(() => outcomes.length === 2, 'what comes next');
    expect(outcomes).toEqual(['A: 0', 'B: 1']);
    expect(recordsOf(Buffer.concat((await fetch(1, 0)).batches)).map(({ value }) => value[0])).toEqual([
      'A',
      'B',
    ]);
  });

  test('an older epoch is fenced', async () => {
    await produce(1, numbered(0, ['a'], 3));
    expect((await produce(1, numbered(1, ['b'], 2))).error?.code).toBe('fenced');
  });

  test('a producer of old records is as young as its last append', async () => {
    await produce(1, numbered(0, ['a']));
    running.journal.checkpointer.retain();
    // The records of `numbered` are years old; a repeat must not become a second copy for that.
    expect((await produce(1, numbered(0, ['a']))).outcome?.baseOffset).toBe(0);
    expect(running.journal.shards.get(65_536)!.log.logEndOffset).toBe(1);
  });

  test.each(['clean', 'crash'])('a repeat is known after a %s restart', async (how) => {
    await produce(1, numbered(0, ['a']));
    await produce(1, numbered(1, ['b']));
    if (how === 'clean') await running.close();
    else await running.abandon();
    await start(2);
    expect((await produce(1, numbered(1, ['b']))).outcome?.baseOffset).toBe(1);
    expect((await produce(1, numbered(2, ['c']))).outcome?.baseOffset).toBe(2);
  });
});

describe('fetch', () => {
  test('out of range, fenced and unknown epochs', async () => {
    await produce(1, batchOf(['x']));
    expect((await fetch(1, 5)).error?.code).toBe('out_of_range');
    expect((await fetch(1, 0, { epoch: 7 })).error?.code).toBe('unknown_epoch');
    await running.abandon();
    await start(2);
    expect((await fetch(1, 0, { epoch: 0 })).error?.code).toBe('stale_epoch');
  });

  test('a reader whose log parts from ours is told where (KIP-595)', async () => {
    await produce(1, batchOf(['x']));
    await running.abandon();
    await start(2);
    await produce(1, batchOf(['y']));
    expect((await fetch(1, 2, { last: 0 })).diverging).toEqual({ leaderEpoch: 0, endOffset: 1 });
    expect((await fetch(1, 1, { last: 0 })).diverging).toBeUndefined();
    // It has read what this log cannot hold: silence would pass other records off as the next ones (KIP-320).
    expect((await fetch(1, 1, { last: 99 })).error?.code).toBe('out_of_range');
  });

  test('several shards in one request, each with its own answer, large answers in pieces', async () => {
    const large = 'x'.repeat(900_000);
    await produce(1, batchOf([large]));
    await produce(2, batchOf(['two']));
    const results = await new Promise<readonly FetchSectionResult[]>((resolve) => {
      const sections = [1, 2, 3].map((streamId) => ({
        streamId,
        shard: 0,
        fetchOffset: 0,
        maxBytes: 2 << 20,
      }));
      client.fetch({ maxWaitMs: 0, minBytes: 1, maxBytes: 4 << 20, readCommitted: false, sections }, resolve);
    });
    expect(results[0]!.batches.length).toBeGreaterThan(1);
    expect(recordsOf(Buffer.concat(results[0]!.batches))[0]!.value).toHaveLength(900_000);
    expect(recordsOf(Buffer.concat(results[1]!.batches))[0]!.value).toBe('two');
    expect(results[2]!.sizeBytes).toBe(0);
  });

  test('a waiting fetch is answered when it is cancelled, and counts bytes across batches', async () => {
    const waiting = new Promise<readonly FetchSectionResult[]>((resolve) => {
      const section = { streamId: 1, shard: 0, fetchOffset: 0, maxBytes: 1 << 20 };
      const call = client.fetch(
        {
          maxWaitMs: 20_000,
          minBytes: 1_000_000,
          maxBytes: 1 << 20,
          readCommitted: false,
          sections: [section],
        },
        resolve,
      );
      void produce(1, batchOf(['x'])).then(() => call.cancel());
    });
    expect(recordsOf(Buffer.concat((await waiting)[0]!.batches))).toHaveLength(1);
    const counting = new Promise<readonly FetchSectionResult[]>((resolve) => {
      const section = { streamId: 1, shard: 0, fetchOffset: 1, maxBytes: 1 << 20 };
      client.fetch(
        { maxWaitMs: 20_000, minBytes: 150, maxBytes: 1 << 20, readCommitted: false, sections: [section] },
        resolve,
      );
    });
    for (const value of ['y', 'z', 'w']) await produce(1, batchOf([value]));
    expect((await counting)[0]!.sizeBytes).toBeGreaterThanOrEqual(150);
  });
});

describe('questions about offsets', () => {
  async function listOffset(timestampMs: number): Promise<number> {
    const { outcomes } = await client.callsOf(1, 0)!.listOffsets({
      entries: [{ streamId: 1, shard: 0, currentLeaderEpoch: -1, timestampMs: BigInt(timestampMs) }],
    });
    const error = fromFailure(outcomes[0]!.failure);
    if (error !== undefined) throw error;
    return Number(outcomes[0]!.offset);
  }

  test('by time and by name', async () => {
    for (const timestampMs of [1000, 2000, 3000]) await produce(1, batchOf(['a', 'b'], { timestampMs }));
    expect(await Promise.all([-1, -2, -3, -4, -5, 0, 1500, 3000, 3001].map(listOffset))).toEqual([
      6, 0, 4, 0, -1, 0, 2, 4, -1,
    ]);
    await expect(listOffset(-9)).rejects.toMatchObject({ code: 'unsupported' });
  });

  test('a time that lies in a compressed batch names the batch and says so', async () => {
    await produce(1, batchOf(['a'], { timestampMs: 1000 }));
    const compressed = batchOf(['b', 'c'], { timestampMs: 2000, attributes: 1 });
    await produce(1, compressed);
    const { outcomes } = await client.callsOf(1, 0)!.listOffsets({
      entries: [1000n, 1500n, -3n].map((timestampMs) => ({
        streamId: 1,
        shard: 0,
        currentLeaderEpoch: -1,
        timestampMs,
      })),
    });
    expect(outcomes.map(({ offset, compressed }) => [Number(offset), compressed])).toEqual([
      [0, false],
      [1, true],
      [1, true],
    ]);
  });

  test('the end of an epoch', async () => {
    await produce(1, batchOf(['a', 'b']));
    await running.abandon();
    await start(2);
    await produce(1, batchOf(['c']));
    const { outcomes } = await client.callsOf(1, 0)!.endOffsetsForEpochs({
      queries: [0, 1, 5].map((leaderEpoch) => ({
        streamId: 1,
        shard: 0,
        currentLeaderEpoch: -1,
        leaderEpoch,
      })),
    });
    expect(outcomes.map((each) => [each.leaderEpoch, Number(each.endOffset)])).toEqual([
      [0, 2],
      [1, 3],
      [-1, -1],
    ]);
  });

  test('deleting records raises the log start, also after a crash', async () => {
    await produce(1, batchOf(['a', 'b', 'c']));
    await produce(1, batchOf(['d']));
    const calls = client.callsOf(1, 0)!;
    const before = (offset: number) =>
      calls.deleteRecords({ before: [{ streamId: 1, shard: 0, leaderEpoch: -1, offset: BigInt(offset) }] });
    expect(Number((await before(3)).outcomes[0]!.logStartOffset)).toBe(3);
    expect((await before(9)).outcomes[0]!.failure?.code).toBe('out_of_range');
    await running.abandon();
    await start(2);
    expect(await listOffset(-2)).toBe(3);
    expect((await fetch(1, 1)).error?.code).toBe('out_of_range');
    const described = await client.callsOf(1, 0)!.describeShards({});
    const shard = described.shards.find((each) => each.marks?.streamId === 1)!;
    expect(shard).toMatchObject({ leader: true, quarantined: false });
    expect(Number(shard.marks!.logStartOffset)).toBe(3);
    expect(
      Number(
        (await calls_().deleteRecords({ before: [{ streamId: 1, shard: 0, leaderEpoch: -1, offset: -1n }] }))
          .outcomes[0]!.logStartOffset,
      ),
    ).toBe(4);
  });

  const calls_ = () => client.callsOf(1, 0)!;
});

test('a deleted stream is gone: waiting readers, appends and files', async () => {
  await produce(1, batchOf(['x']));
  const waiting = new Promise<readonly FetchSectionResult[]>((resolve) => {
    const section = { streamId: 1, shard: 0, fetchOffset: 1, maxBytes: 1 << 20 };
    client.fetch(
      { maxWaitMs: 20_000, minBytes: 1, maxBytes: 1 << 20, readCommitted: false, sections: [section] },
      resolve,
    );
  });
  await produce(2, batchOf(['x']));
  cluster.delete(1);
  expect((await waiting)[0]!.error?.code).toBe('not_found');
  await running.abandon();
  await start(2);
  expect(running.journal.shards.has(65_536)).toBe(false);
});
