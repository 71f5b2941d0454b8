// One flipped bit at every byte of a small data directory in turn, or one file cut short: what is served is what was
// acknowledged, or nothing (L2, I1, I9). A flipped bit stops the shard that it hit, never the start of the server.

import type { Section } from '@robustmq/commit-log';
import { producerSnapshot } from '@robustmq/producer-state';
import { BrokerError } from '@robustmq/errors';
import { Random, SimulatedDisk, VirtualClock } from '@robustmq/testkit';
import { runCheckpoint } from '@robustmq/segment-log';
import { openDirectory, type OpenedDirectory } from '../src/directory/recovery.ts';
import { offsetSection, recordsSection, SECTION_LOG_START } from '../src/write/sections.ts';
import { shardKey } from '../src/shard/shard.ts';
import { batchOf, recordsOf } from './records.ts';

const FILE_BYTES = 8 * 4096;
const STREAMS = [1, 2];
/** Zeros behind the frames of a pre-allocated file are looked at only now and then. */
const ZERO_STRIDE = 2_047;
const BLOCK_BYTES = 4096;
/** Where a frame's header says how long it is. */
const LENGTH_AT = 52;

type Image = ReadonlyMap<string, Buffer>;
type Expected = Map<number, string[]>;

interface World {
  readonly clock: VirtualClock;
  readonly disk: SimulatedDisk;
}

function newWorld(): World {
  const clock = new VirtualClock();
  const disk = new SimulatedDisk(clock, new Random(1));
  disk.behaviour.syncMs = 0;
  return { clock, disk };
}

function open({ clock, disk }: World): Promise<OpenedDirectory> {
  const options = { fileBytes: FILE_BYTES, newIdentity: () => Buffer.from('identity') };
  return clock.settle(openDirectory(disk, 'data', options));
}

/** Appends one record to each stream, as a tick of the commit loop does. */
async function tick({ clock }: World, opened: OpenedDirectory, expected: Expected): Promise<void> {
  const sections: Section[] = [];
  for (const streamId of STREAMS) {
    const values = expected.get(streamId)!;
    const baseSequence = values.length;
    values.push(`${streamId}:${baseSequence}`.padEnd(40, '.'));
    const facts = { baseOffset: baseSequence, leaderEpoch: 0, producerId: 9, producerEpoch: 0, baseSequence };
    const bytes = batchOf(values.slice(-1), facts);
    sections.push(recordsSection({ streamId, shard: 0 }, bytes));
    const shard = opened.shards.get(shardKey(streamId, 0));
    shard?.log.configure({ segmentBytes: 400 });
    shard?.replay(bytes, 0);
  }
  opened.commitLog.append(sections);
  await clock.settle(opened.commitLog.sync());
}

/** A checkpoint in the middle, several segments below it, frames behind it, and a witness at the end. */
async function build(): Promise<{ image: Image; expected: Expected }> {
  const world = newWorld();
  const { clock, disk } = world;
  const expected: Expected = new Map(STREAMS.map((streamId) => [streamId, []]));
  await tick(world, await open(world), expected);
  // The first tick made the shards; they are opened as a restart does.
  disk.kill();
  const opened = await open(world);
  const { commitLog, store, shards } = opened;
  for (let n = 0; n < 6; n++) await tick(world, opened, expected);
  const checkpoint = runCheckpoint({
    commitLog,
    store,
    appliedPosition: commitLog.endPosition,
    shards: [...shards.values()].map((shard) => ({
      streamId: shard.streamId,
      shard: shard.shard,
      log: shard.log,
      extra: producerSnapshot.encode(shard.producers, shard.log.logEndOffset, 0),
    })),
  });
  await clock.settle(checkpoint);
  for (let n = 0; n < 4; n++) await tick(world, opened, expected);
  commitLog.append([offsetSection(SECTION_LOG_START, { streamId: 1, shard: 0 }, 0)]);
  await clock.settle(commitLog.sync());
  await clock.settle(commitLog.markIfIdle());
  disk.kill();
  return { image: new Map(disk.paths().map((path) => [path, disk.contentOf(path)])), expected };
}

function restore(image: Image): World {
  const world = newWorld();
  for (const [path, bytes] of image) world.disk.create(path).write(bytes, 0);
  return world;
}

/** `served`, `refused`, or what is wrong. */
async function serve(world: World, opened: OpenedDirectory, streamId: number, values: readonly string[]) {
  const shard = opened.shards.get(shardKey(streamId, 0));
  if (opened.quarantine.reasonOf(streamId, 0) !== undefined) return 'refused';
  if (shard === undefined) return 'gone without a mark';
  try {
    const { logEndOffset } = shard.log;
    const found: string[] = [];
    for (let fromOffset = 0; fromOffset < logEndOffset;) {
      const range = { fromOffset, upToOffset: logEndOffset, maxBytes: 300 };
      const records = recordsOf(await world.clock.settle(shard.log.read(range)));
      if (records.length === 0) return `nothing at ${fromOffset}`;
      for (const { offset, value } of records) if (offset >= fromOffset) found.push(value);
      fromOffset = records.at(-1)!.offset + 1;
    }
    return found.join() === values.join() ? 'served' : `other records: ${found.join()}`;
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'corrupt') return 'refused';
    throw error;
  }
}

/** Bytes worth a flip: all of a small file, all of the frames of the commit log and some of the zeros behind them. */
function positionsOf(path: string, bytes: Buffer): number[] {
  const positions = Array.from(bytes.keys());
  if (!path.endsWith('.commit')) return positions;
  const frameBytes = (at: number): number => bytes.readUInt32BE(at - (at % BLOCK_BYTES) + LENGTH_AT);
  return positions.filter((at) => at % BLOCK_BYTES < frameBytes(at) || at % ZERO_STRIDE === 0);
}

test('a directory without damage is served whole', async () => {
  const { image, expected } = await build();
  const world = restore(image);
  const opened = await open(world);
  for (const streamId of STREAMS)
    expect(await serve(world, opened, streamId, expected.get(streamId)!)).toBe('served');
});

test('one flipped bit at every byte: served whole or refused, never anything else (L2, I9)', async () => {
  const { image, expected } = await build();
  const outcomes = new Map<string, number>();
  const wrong: string[] = [];
  for (const [path, bytes] of image) {
    for (const position of positionsOf(path, bytes)) {
      const damaged = Buffer.from(bytes);
      damaged[position]! ^= 1 << (position % 8);
      const world = restore(new Map([...image, [path, damaged]]));
      const at = `${path} byte ${position}`;
      let opened: OpenedDirectory;
      try {
        opened = await open(world);
      } catch (error) {
        wrong.push(`${at}: the directory does not open: ${String(error)}`);
        continue;
      }
      for (const streamId of STREAMS) {
        const outcome = await serve(world, opened, streamId, expected.get(streamId)!);
        const kind = `${/\.[a-z]+$/.exec(path)?.[0] ?? 'checkpoint'} ${outcome}`;
        outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
        if (outcome !== 'served' && outcome !== 'refused')
          wrong.push(`${at}: stream ${streamId}: ${outcome}`);
      }
    }
  }
  expect(wrong.slice(0, 10)).toEqual([]);
  // Damage to what is needed is seen, and damage to what can be rebuilt costs nothing.
  expect(outcomes.get('.commit refused')).toBeGreaterThan(100);
  expect(outcomes.get('.log refused')).toBeGreaterThan(100);
  expect(outcomes.get('checkpoint refused') ?? 0).toBe(0);
  expect(outcomes.get('.index refused') ?? 0).toBe(0);
}, 300_000);

/** Between two lengths to which a small file is cut. */
const LENGTH_STRIDE = 17;

/** Lengths worth a cut: of the commit log nothing, the edges of each block and what lies inside, of others nothing to all but a byte. */
function lengthsOf(path: string, bytes: Buffer): number[] {
  const lengths: number[] = [];
  if (path.endsWith('.commit')) {
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES)
      lengths.push(at, at + 64, at + BLOCK_BYTES / 2, at + BLOCK_BYTES - 1);
    return lengths;
  }
  for (let at = bytes.length - 1; at >= 0; at -= LENGTH_STRIDE) lengths.push(at);
  return bytes.length === 0 ? [] : [0, ...lengths];
}

test('one file cut short: served whole or refused, never fewer records (L2, I1)', async () => {
  const { image, expected } = await build();
  const outcomes = new Map<string, number>();
  const wrong: string[] = [];
  for (const [path, bytes] of image) {
    const holdsFrames = path.endsWith('.commit') && bytes.includes('RMCL');
    for (const length of lengthsOf(path, bytes)) {
      const world = restore(new Map([...image, [path, bytes.subarray(0, length)]]));
      const note = (outcome: string): void => {
        const kind = `${/\.[a-z]+$/.exec(path)?.[0] ?? 'checkpoint'} ${outcome}`;
        outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
        // A spare file in the making may be short.
        if (outcome !== 'refused' && (holdsFrames || outcome !== 'served'))
          wrong.push(`${path} cut to ${length} of ${bytes.length}: ${outcome}`);
      };
      let opened: OpenedDirectory;
      try {
        opened = await open(world);
      } catch (error) {
        const isNamed =
          error instanceof BrokerError && error.code === 'corrupt' && error.message.includes(path.slice(-13));
        note(isNamed && path.endsWith('.commit') ? 'refused' : `does not open: ${String(error)}`);
        continue;
      }
      for (const streamId of STREAMS) note(await serve(world, opened, streamId, expected.get(streamId)!));
    }
  }
  expect(wrong.slice(0, 10)).toEqual([]);
  expect(outcomes.get('.commit refused')).toBeGreaterThan(30);
  expect(outcomes.get('.log refused')).toBeGreaterThan(30);
  // What is there twice, or can be built anew, costs nothing.
  for (const kind of ['checkpoint', '.json', '.copy', '.index', '.timeindex'])
    expect([kind, outcomes.get(`${kind} refused`)]).toEqual([kind, undefined]);
}, 300_000);

test('both checkpoint files cut to nothing are no new directory (L2, L3)', async () => {
  const { image } = await build();
  const empty = ['data/checkpoint-0', 'data/checkpoint-1'].map((path) => [path, Buffer.alloc(0)] as const);
  for (const cut of [empty, [empty[0]!, ['data/checkpoint-1', Buffer.from('RMCP')] as const]])
    await expect(open(restore(new Map([...image, ...cut])))).rejects.toMatchObject({ code: 'corrupt' });
});
