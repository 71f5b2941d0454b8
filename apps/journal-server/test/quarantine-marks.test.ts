// Marks of quarantined shards (L2): damage that was seen stays seen, and belongs to the stream that it hit.

import { crc32c } from '@robustmq/bytes';
import { twinFile } from '@robustmq/commit-log';
import { Random, SimulatedDisk, VirtualClock } from '@robustmq/testkit';
import { QuarantineMarks } from '../src/directory/quarantine.ts';

const SHARD = { streamId: 1, shard: 0, topicId: 'topic-1' };

interface World {
  readonly clock: VirtualClock;
  readonly disk: SimulatedDisk;
}

function newWorld(seed = 1): World {
  const clock = new VirtualClock();
  return { clock, disk: new SimulatedDisk(clock, new Random(seed)) };
}

const open = ({ clock, disk }: World): Promise<QuarantineMarks> =>
  clock.settle(QuarantineMarks.open(disk, 'volume/data'));

/** What a file holds, without the library. */
function textOf({ disk }: World, name: string): string {
  return disk.contentOf(`volume/data/quarantine/${name}`).toString();
}

function put({ disk }: World, name: string, text: string): void {
  disk.makeDirectory('volume/data/quarantine');
  const file = disk.create(`volume/data/quarantine/${name}`);
  file.write(Buffer.from(text), 0);
  file.close();
}

/** The line with a checksum that fits. */
function sealed(covered: string): string {
  const bytes = Buffer.from(covered);
  const sum = (crc32c(bytes, 0, bytes.length) >>> 0).toString(16).padStart(8, '0');
  return `${covered},"crc32c":"${sum}"}\n`;
}

test('a mark is durable when it is set: no power cut forgets it (L2)', async () => {
  for (let seed = 0; seed < 50; seed++) {
    const world = newWorld(seed);
    const { clock, disk } = world;
    const marks = await open(world);
    await clock.settle(disk.syncDirectory('volume'));
    await clock.settle(marks.add(SHARD, 'one flipped bit'));
    expect(marks.isDurable(1, 0)).toBe(true);
    disk.cutPower({ sector: 0, size: 0 });
    const again = await open(world);
    expect(again.reasonOf(1, 0)).toBe('one flipped bit');
    expect(again.shards).toEqual([SHARD]);
  }
});

test('L2: a mark that was forgotten stays so: no power cut brings it back over files that are healthy', async () => {
  for (let seed = 0; seed < 50; seed++) {
    const world = newWorld(seed);
    const { clock, disk } = world;
    const marks = await open(world);
    await clock.settle(disk.syncDirectory('volume'));
    await clock.settle(marks.add(SHARD, 'one flipped bit'));
    await clock.settle(marks.remove(1, 0));
    expect(marks.reasonOf(1, 0)).toBeUndefined();
    disk.cutPower({ sector: 0, size: 0 });
    expect((await open(world)).names).toEqual([]);
  }
});

test('a mark is a line of facts of version 1, and says whose it is (N17)', async () => {
  const world = newWorld();
  const marks = await open(world);
  await world.clock.settle(marks.add(SHARD, 'one flipped bit'));
  await world.clock.settle(marks.addAll('a frame'));
  const line = JSON.parse(textOf(world, '1-0')) as object;
  expect(line).toMatchObject({ formatVersion: 1, facts: { topicId: 'topic-1', reason: 'one flipped bit' } });
  expect([marks.shardCount, marks.directoryReason, marks.names]).toEqual([1, 'a frame', ['1-0', 'all']]);
});

test.each([
  ['the same stream', 'topic-1', 'topic-1', false],
  ['another stream under the id', 'topic-1', 'topic-2', true],
  ['a stream, where the mark does not know whose it was', '', 'topic-2', false],
  ['a shard that does not know whose it is', 'topic-1', '', false],
])('a mark and %s (N2)', async (_, marked, asked, isAnothers) => {
  const world = newWorld();
  const marks = await open(world);
  await world.clock.settle(marks.add({ ...SHARD, topicId: marked }, 'damage'));
  expect((await open(world)).isAnothers({ ...SHARD, topicId: asked })).toBe(isAnothers);
});

test.each([
  ['torn', ''],
  ['made by hand', 'do not serve this'],
  ['damaged', '{"formatVersion":1,"facts":{"topicId":"t","reason":"x"},"crc32c":"00000000"}\n'],
])('a mark that is %s is a mark (L2)', async (_, text) => {
  const world = newWorld();
  put(world, '1-0', text);
  const marks = await open(world);
  expect([marks.reasonOf(1, 0), marks.isDurable(1, 0)]).toEqual(['the mark itself is damaged', true]);
});

test('a mark of another version is refused in words (N17)', async () => {
  const world = newWorld();
  const marks = await open(world);
  await world.clock.settle(marks.add(SHARD, 'damage'));
  const later = twinFile.encode({}).toString().replace('"formatVersion":1', '"formatVersion":2');
  // The checksum covers the version: a flipped bit is damage, not another version.
  world.disk.unlink('volume/data/quarantine/1-0');
  put(world, '1-0', later);
  expect((await open(world)).reasonOf(1, 0)).toBe('the mark itself is damaged');
  world.disk.unlink('volume/data/quarantine/1-0');
  put(world, '1-0', sealed('{"formatVersion":2,"facts":{"more":1}'));
  await expect(open(world)).rejects.toMatchObject({ code: 'unsupported' });
});

test('a long reason is cut: the mark must fit what a reader takes', async () => {
  const world = newWorld();
  await world.clock.settle((await open(world)).add(SHARD, '主'.repeat(10_000)));
  expect((await open(world)).reasonOf(1, 0)).toMatch(/^主{500}$/);
});
