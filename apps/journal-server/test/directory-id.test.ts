// Whose data a directory holds (R5, N2): said twice with a checksum, and no other node and no other cluster gets at it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeDisk } from '@robustmq/commit-log';
import { Random, SimulatedDisk, VirtualClock } from '@robustmq/testkit';
import { joinCluster, openDirectoryFacts } from '../src/directory/directory-id.ts';
import { openDirectory, type OpenedDirectory } from '../src/directory/recovery.ts';
import { offsetSection, recordsSection, SECTION_LOG_START } from '../src/write/sections.ts';
import { batchOf } from './records.ts';
import { SILENT } from './running-journal.ts';

const disk = new NodeDisk();
let dataDirectory: string;
let file: string;
let warnings: unknown[];

beforeEach(() => {
  dataDirectory = mkdtempSync(path.join(tmpdir(), 'journal-'));
  file = `${dataDirectory}/directory.json`;
  warnings = [];
});

afterEach(() => rmSync(dataDirectory, { recursive: true, force: true }));

const log = { warn: (fields: Record<string, unknown>) => void warnings.push(fields['path']) };
const open = (nodeId = 'journal-1') => openDirectoryFacts(disk, dataDirectory, nodeId, log);

function flip(path: string, position: number): void {
  const bytes = readFileSync(path);
  bytes[position]! ^= 1;
  writeFileSync(path, bytes);
}

test('a directory keeps its id, and joins one cluster only (R5)', async () => {
  const facts = await open();
  expect(facts).toMatchObject({ nodeId: 'journal-1', clusterId: '' });
  await joinCluster(disk, dataDirectory, facts, 'cluster-a');
  const again = await open();
  expect(again).toEqual({ ...facts, clusterId: 'cluster-a' });
  await joinCluster(disk, dataDirectory, again, 'cluster-a');
  await expect(joinCluster(disk, dataDirectory, again, 'cluster-b')).rejects.toMatchObject({
    code: 'conflict',
  });
});

test('another node is refused with both names, and the refusal changes nothing (N2)', async () => {
  await open();
  const before = readFileSync(file);
  await expect(open('journal-a')).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringMatching(/data of node 'journal-1'.* this is node 'journal-a'/) as unknown,
  });
  expect(readFileSync(file).equals(before)).toBe(true);
});

test('a flipped bit is mended from the copy and said so; the id stays what it was (N2)', async () => {
  const facts = await open();
  for (const damaged of [file, `${file}.copy`]) {
    const sound = readFileSync(damaged);
    for (const position of [0, 20, 60, sound.length - 5]) {
      flip(damaged, position);
      expect(await open()).toEqual(facts);
      expect(readFileSync(damaged).equals(sound)).toBe(true);
    }
  }
  expect(warnings).toHaveLength(8);
  expect(new Set(warnings)).toEqual(new Set([file, `${file}.copy`]));
});

test('both files damaged: refused by name', async () => {
  await open();
  flip(file, 40);
  flip(`${file}.copy`, 41);
  await expect(open()).rejects.toMatchObject({
    code: 'corrupt',
    message: expect.stringContaining(file) as unknown,
  });
});

test('a directory with data that has lost its id is not a new one (N2)', async () => {
  await open();
  rmSync(file);
  rmSync(`${file}.copy`);
  writeFileSync(`${dataDirectory}/checkpoint-0`, '');
  await expect(open()).rejects.toMatchObject({ code: 'corrupt' });
});

test('no power cut takes the name of a new data directory with what was acknowledged in it (L3, I1)', async () => {
  for (let seed = 0; seed < 100; seed++) {
    const clock = new VirtualClock();
    const simulated = new SimulatedDisk(clock, new Random(seed));
    const directory = 'volume/data/journal-1';
    const lock = simulated.lock(directory);
    const facts = await clock.settle(openDirectoryFacts(simulated, directory, 'journal-1', SILENT));
    const options = { lock, fileBytes: 16 * 1024 };
    const opened = await clock.settle(openDirectory(simulated, directory, options));
    const batches = batchOf(['acknowledged'], { leaderEpoch: 0 });
    opened.commitLog.append([recordsSection({ streamId: 1, shard: 0 }, batches)]);
    await clock.settle(opened.commitLog.sync());
    simulated.cutPower({ sector: 0.5, size: 1 });
    const again = await clock.settle(openDirectoryFacts(simulated, directory, 'journal-1', SILENT));
    const recovered = await clock.settle(openDirectory(simulated, directory, { fileBytes: 16 * 1024 }));
    expect([again, recovered.shards.size]).toEqual([facts, 1]);
  }
});

test('a second owner of the directory is refused before it reads or writes, and the first loses nothing (N3, I1)', async () => {
  const clock = new VirtualClock();
  const simulated = new SimulatedDisk(clock, new Random(1));
  const options = { fileBytes: 16 * 1024 };
  const append = (opened: OpenedDirectory): Promise<unknown> => {
    const batches = batchOf(['acknowledged'], { leaderEpoch: 0 });
    opened.commitLog.append([recordsSection({ streamId: 1, shard: 0 }, batches)]);
    return clock.settle(opened.commitLog.sync());
  };
  const first = await clock.settle(openDirectory(simulated, 'data', options));
  await append(first);
  const before = simulated.paths().map((path) => simulated.contentOf(path).toString('hex'));
  await expect(openDirectory(simulated, 'data', options)).rejects.toMatchObject({
    code: 'conflict',
  });
  expect(simulated.paths().map((path) => simulated.contentOf(path).toString('hex'))).toEqual(before);
  // A process that is killed lets go of it.
  simulated.kill();
  const second = await clock.settle(openDirectory(simulated, 'data', options));
  expect([...second.shards.values()].map(({ log }) => log.logEndOffset)).toEqual([1]);
  expect(second.quarantine.names).toEqual([]);
});

test('a log start beyond the end of its shard keeps no directory from opening', async () => {
  const clock = new VirtualClock();
  const simulated = new SimulatedDisk(clock, new Random(1));
  const options = { fileBytes: 16 * 1024 };
  const opened = await clock.settle(openDirectory(simulated, 'data', options));
  opened.commitLog.append([offsetSection(SECTION_LOG_START, { streamId: 9, shard: 0 }, 5)]);
  await clock.settle(opened.commitLog.sync());
  simulated.kill();
  const again = await clock.settle(openDirectory(simulated, 'data', options));
  expect([...again.shards.values()].map(({ log }) => [log.logStartOffset, log.logEndOffset])).toEqual([
    [0, 0],
  ]);
});
