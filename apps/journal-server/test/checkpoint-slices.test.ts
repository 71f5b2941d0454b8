// N8: a checkpoint of thousands of producers lets appends pass in between, and a start from it knows of every
// producer what the log says (R6, L3).

import { RecordBatchBuilder } from '@robustmq/record-batch';
import { openFiles } from '@robustmq/segment-log';
import { TurnBudget } from '@robustmq/runtime';
import { Random, SimulatedDisk, VirtualClock } from '@robustmq/testkit';
import { Checkpointer } from '../src/directory/checkpointer.ts';
import { openDirectory, type OpenedDirectory } from '../src/directory/recovery.ts';
import { shardKey, type Shard } from '../src/shard/shard.ts';
import { recordsSection } from '../src/write/sections.ts';
import { SILENT } from './running-journal.ts';

const PRODUCERS = 3_000;
/** Of the commit log: the simulated disk makes all of them, and keeps copies of what is not synced. */
const FILE_BYTES = 1024 * 1024;
const STREAM = { streamId: 1, shard: 0 };
/** What lies between two looks at the clock takes so long. */
const STEP_MS = 1;

/** Looking at it is what takes time; its timers are turns of the loop. */
class WorkClock extends VirtualClock {
  workMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + (this.workMs += STEP_MS);
  }
}

let clock: WorkClock;
let disk: SimulatedDisk;
let opened: OpenedDirectory;
let nextOffset: number;
const sequences = new Map<number, number>();
const builder = new RecordBatchBuilder();
const VALUE = Buffer.from('v');

const open = (): Promise<OpenedDirectory> =>
  clock.settle(openDirectory(disk, 'data', { fileBytes: FILE_BYTES }));
const shardOf = ({ shards }: OpenedDirectory): Shard => shards.get(shardKey(1, 0))!;

/** Appends a batch of each producer, as a tick of the commit loop does: to the commit log, then to the shard, not durable yet. */
function append(producerIds: readonly number[]): void {
  const batches = producerIds.map((producerId) => {
    const baseSequence = sequences.get(producerId) ?? 0;
    sequences.set(producerId, baseSequence + 1);
    const facts = { baseOffset: nextOffset++, leaderEpoch: 0, producerId, producerEpoch: 0, baseSequence };
    builder.reset();
    builder.append(1, null, VALUE);
    return builder.finishCopy(facts);
  });
  const bytes = Buffer.concat(batches);
  opened.commitLog.append([recordsSection(STREAM, bytes)]);
  opened.shards.get(shardKey(1, 0))?.replay(bytes, 0);
}

/** Every producer, with the batches that are remembered of it. */
function known({ producers }: Shard): Map<number, readonly number[]> {
  return new Map(
    Array.from(producers.producers.entries(), ([producerId, { batches }]) => [
      producerId,
      batches.map(({ lastSequence }) => lastSequence),
    ]),
  );
}

const someOf = (random: Random, count: number): number[] =>
  Array.from({ length: count }, () => random.below(PRODUCERS + 50));

beforeEach(async () => {
  clock = new WorkClock();
  disk = new SimulatedDisk(clock, new Random(1));
  sequences.clear();
  nextOffset = 0;
  opened = await open();
  append([0]);
  await clock.settle(opened.commitLog.sync());
  disk.kill();
  opened = await open();
  for (let from = 0; from < PRODUCERS; from += 1_000)
    append(Array.from({ length: 1_000 }, (_, index) => from + index));
  await clock.settle(opened.commitLog.sync());
});

test('N8, R6: it takes slices; what was appended in between is known to the next start as the log has it', async () => {
  const random = new Random(7);
  const checkpointer = new Checkpointer({
    ...{ commitLog: opened.commitLog, store: opened.store, marks: opened.quarantine, log: SILENT },
    shards: () => opened.shards.values(),
    clock,
    timers: clock,
    failed: (error) => {
      throw error;
    },
    isLiveProducer: () => false,
    advanceLogStart: () => undefined,
    paceMs: 0,
    hasTooManyOpenFiles: () => openFiles.isOver,
  });
  let isOver = false;
  const making = checkpointer.checkpoint().then(() => (isOver = true));
  const longest = { turnMs: 0, turns: 0 };
  for (let beganMs = clock.workMs; !isOver; beganMs = clock.workMs) {
    expect(await clock.step()).toBe(true);
    if (clock.workMs > beganMs) longest.turns++;
    longest.turnMs = Math.max(longest.turnMs, clock.workMs - beganMs);
    if (!isOver && random.chance(0.5)) append(someOf(random, 20));
  }
  await making;
  expect(longest.turns).toBeGreaterThan(PRODUCERS / 1_024 / TurnBudget.sliceMs);
  expect(longest.turnMs).toBeLessThanOrEqual(TurnBudget.sliceMs + 2 * STEP_MS);
  const live = known(shardOf(opened));
  await clock.settle(opened.commitLog.sync());
  await clock.settle(checkpointer.abandon());
  disk.kill();
  const again = await open();
  expect(again.store.latest.position).toBeGreaterThan(0);
  expect(shardOf(again).log.logEndOffset).toBe(nextOffset);
  expect(known(shardOf(again))).toEqual(live);
});

test('R6: a power cut right behind it loses what was appended later, and no producer is said to have written it', async () => {
  const random = new Random(8);
  const { store } = opened;
  const checkpointer = new Checkpointer({
    ...{ commitLog: opened.commitLog, store, marks: opened.quarantine, log: SILENT },
    shards: () => opened.shards.values(),
    clock,
    timers: clock,
    failed: (error) => {
      throw error;
    },
    isLiveProducer: () => false,
    advanceLogStart: () => undefined,
    paceMs: 0,
  });
  const before = store.latest.position;
  void checkpointer.checkpoint();
  while (store.latest.position === before) {
    expect(await clock.step()).toBe(true);
    // One of them so often that all that is remembered of it is behind where the checkpoint stands.
    append([...someOf(random, 20), ...Array.from({ length: 6 }, () => PRODUCERS - 1)]);
  }
  disk.cutPower({ sector: 0, size: 0 });
  const again = await open();
  const shard = shardOf(again);
  const said = known(shard);
  // Each record is a batch of its own, and sequences have no gaps.
  let count = 0;
  for (const lastSequences of said.values()) count += lastSequences.at(-1)! + 1;
  expect(count).toBe(shard.log.logEndOffset);
});
