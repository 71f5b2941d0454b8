// When a checkpoint is made (L3): after so many bytes, after so long, or when dirty segments keep too many files open (I8);
// never for nothing.

import { CommitLog } from '@robustmq/commit-log';
import { producerSnapshot, ProducerQuota, ProducerState } from '@robustmq/producer-state';
import { CheckpointStore, SegmentLog } from '@robustmq/segment-log';
import { Random, SimulatedDisk, VirtualClock } from '@robustmq/testkit';
import { Checkpointer } from '../src/directory/checkpointer.ts';
import { QuarantineMarks } from '../src/directory/quarantine.ts';
import { Shard } from '../src/shard/shard.ts';
import { recordsSection } from '../src/write/sections.ts';
import { batchOf } from './records.ts';
import { SILENT } from './running-journal.ts';

const BYTES = 64 * 1024;
const INTERVAL_MS = 60_000;
/** Of a shard without producers. */
const SNAPSHOT_BYTES = producerSnapshot.encode(producerState(), 0, 0).length;

let clock: VirtualClock;
let disk: SimulatedDisk;
let shards: Shard[];
let commitLog: CommitLog;
let store: CheckpointStore;
let checkpointer: Checkpointer;
let hasTooManyOpenFiles: boolean;
/** Raised by retention: stream and offset. */
let logStarts: [streamId: number, offset: number][];

beforeEach(async () => {
  clock = new VirtualClock();
  hasTooManyOpenFiles = false;
  disk = new SimulatedDisk(clock, new Random(1));
  shards = [];
  logStarts = [];
  store = await clock.settle(CheckpointStore.open(disk, 'data'));
  ({ log: commitLog } = await clock.settle(CommitLog.open(disk, 'data/commit-log', { fileBytes: 1 << 20 })));
  checkpointer = new Checkpointer({
    commitLog,
    store,
    shards: () => shards,
    marks: await clock.settle(QuarantineMarks.open(disk, 'data')),
    clock,
    timers: clock,
    log: SILENT,
    failed: (error) => {
      throw error;
    },
    isLiveProducer: () => false,
    advanceLogStart: (shard, offset) => void logStarts.push([shard.streamId, offset]),
    checkpointBytes: BYTES,
    checkpointIntervalMs: INTERVAL_MS,
    hasTooManyOpenFiles: () => hasTooManyOpenFiles,
    maxSnapshotBytes: 3 * SNAPSHOT_BYTES,
  });
});

afterEach(() => clock.settle(checkpointer.abandon()));

async function append(valueBytes: number): Promise<number> {
  commitLog.append([recordsSection({ streamId: 1, shard: 0 }, batchOf(['v'.repeat(valueBytes)]))]);
  return clock.settle(commitLog.sync());
}

function shardOf(streamId: number): Shard {
  const log = SegmentLog.open(disk, `data/${streamId}-0`, {}, undefined);
  return new Shard({ streamId, shard: 0, topicId: '' }, log, producerState());
}

function producerState(): ProducerState {
  return new ProducerState({ isGateway: () => false, quota: new ProducerQuota(100) });
}

/** How long a checkpoint takes. */
async function checkpointMs(): Promise<number> {
  const startedMs = clock.monotonicMs();
  await clock.settle(checkpointer.checkpoint());
  return clock.monotonicMs() - startedMs;
}

test('nothing appended, nothing made, however long it takes', async () => {
  await clock.advance(3 * INTERVAL_MS);
  expect(store.latest.position).toBe(0);
});

test('a little is covered after the interval, and not before', async () => {
  const position = await append(100);
  await clock.advance(INTERVAL_MS - 2_000);
  expect(store.latest.position).toBe(0);
  await clock.advance(4_000);
  // The witness that an idle log leaves is behind it.
  expect(store.latest.position).toBeGreaterThanOrEqual(position);
});

test('much is covered at once, so that a replay at the start is bounded', async () => {
  const position = await append(2 * BYTES);
  await clock.advance(2_000);
  expect(store.latest.position).toBeGreaterThanOrEqual(position);
});

test('dirty segments that keep too many files open are synced, however little they hold (I8)', async () => {
  const position = await append(100);
  await clock.advance(5_000);
  expect(store.latest.position).toBe(0);
  hasTooManyOpenFiles = true;
  await clock.advance(2_000);
  expect(store.latest.position).toBeGreaterThanOrEqual(position);
});

test('a checkpoint waits between shards that it syncs, and for none of many that nothing happened to (L6)', async () => {
  const PACE_MS = 5;
  shards = Array.from({ length: 300 }, (_, n) => shardOf(n + 1));
  expect(await checkpointMs()).toBeGreaterThan(shards.length * PACE_MS);
  shards[123]!.log.append(batchOf(['v']));
  expect(await checkpointMs()).toBeLessThan(20 * PACE_MS);
  expect(store.latest.shards).toHaveLength(shards.length);
});

test('I8: a checkpoint holds the producers of as many shards as it has room for, and all shards', async () => {
  shards = Array.from({ length: 5 }, (_, n) => shardOf(n + 1));
  await clock.settle(checkpointer.checkpoint());
  expect(store.latest.shards.map(({ extra }) => extra.length > 0)).toEqual([true, true, true, false, false]);
});

test('N7: the last checkpoint has four shards under way at once, those before one: nobody appends any more', async () => {
  let underWay = 0;
  let most = 0;
  shards = Array.from({ length: 12 }, (_, n) => shardOf(n + 1));
  for (const { log } of shards) {
    const prepare = log.prepareCheckpoint.bind(log);
    jest.spyOn(log, 'prepareCheckpoint').mockImplementation(() => {
      const { record, sync } = prepare();
      const counted = async (): Promise<boolean> => {
        most = Math.max(most, (underWay += 1));
        try {
          return await sync();
        } finally {
          underWay -= 1;
        }
      };
      return { record, sync: counted };
    });
  }
  await clock.settle(checkpointer.checkpoint());
  expect(most).toBe(1);
  for (const { log } of shards) log.append(batchOf(['v']));
  await clock.settle(checkpointer.close());
  expect([most, underWay]).toEqual([4, 0]);
  expect(store.latest.shards.map(({ logEndOffset }) => logEndOffset)).toEqual(Array(12).fill(1));
});

/** Three segments of a record each, of a stream that keeps the bytes of one. */
function largeShard(streamId: number): Shard {
  const shard = shardOf(streamId);
  const config = { 'segment.bytes': '1000', 'retention.bytes': '1000' };
  const facts = {
    streamId,
    tenant: 't',
    name: 's',
    topicId: 'topic',
    mqttFilter: '',
    ownsRest: false,
    config,
  };
  shard.describe(facts);
  const sink = { highWatermarkAdvanced: () => undefined, proposeIsr: () => undefined };
  const self = { nodeId: 'a', incarnation: 1 };
  for (let record = 0; record < 3; record++)
    shard.log.append(batchOf(['v'.repeat(900)], { baseOffset: record }));
  const reopened = new Shard({ streamId, shard: 0, topicId: '' }, shard.log, producerState());
  reopened.describe(facts);
  reopened.lead({ self, leaderEpoch: 1, isr: { members: [self], version: 1 } }, sink, 0);
  expect(reopened.highWatermark).toBe(3);
  return reopened;
}

test("L4, R4: retention is the leader's: a follower that knows as much, or one without a role, raises no log start", () => {
  shards = [largeShard(1), largeShard(2), largeShard(3)];
  shards[1]!.follow(2);
  shards[2]!.stepDown();
  expect(shards.map(({ highWatermark }) => highWatermark)).toEqual([3, 3, 3]);
  checkpointer.retain();
  expect(logStarts).toEqual([[1, 1]]);
  shards[0]!.follow(2);
  checkpointer.retain();
  expect(logStarts).toEqual([[1, 1]]);
});
