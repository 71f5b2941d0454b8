// What a quarantined shard has in the commit log alone is copied beside its segments (N4), with a bounded number of open files
// and few syncs.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeDisk, type CommitLogRecovery, type DiskFile } from '@robustmq/commit-log';
import { rescue, rescueFile } from '../src/directory/rescue.ts';
import { SECTION_RECORDS } from '../src/write/sections.ts';

const FIRST_SEQUENCE = 5;
const HEADER_BYTES = 8;

/** A disk that counts the files that are open, and the syncs. */
class CountedDisk extends NodeDisk {
  openFiles = 0;
  mostOpenFiles = 0;
  syncs = 0;

  override create(file: string): DiskFile {
    return this.#counted(super.create(file));
  }

  override open(file: string): DiskFile {
    return this.#counted(super.open(file));
  }

  #counted(file: DiskFile): DiskFile {
    this.openFiles++;
    this.mostOpenFiles = Math.max(this.mostOpenFiles, this.openFiles);
    const close = file.close.bind(file);
    const sync = file.sync.bind(file);
    file.close = () => {
      this.openFiles--;
      close();
    };
    file.sync = () => {
      this.syncs++;
      return sync();
    };
    return file;
  }
}

/** A commit log with a frame per round, and in each a section of every shard. */
function logOf(rounds: readonly string[], shards: number, textOf: (round: string, shard: number) => string) {
  return {
    firstSequence: FIRST_SEQUENCE,
    *frames() {
      for (const round of rounds) {
        const sections = Array.from({ length: shards }, (_, shard) => ({
          kind: SECTION_RECORDS,
          key: 1,
          subKey: shard,
          damaged: false,
          bytes: Buffer.concat([Buffer.from([1]), Buffer.from(textOf(round, shard))]),
        }));
        yield { sections };
      }
    },
  } as unknown as CommitLogRecovery;
}

let root: string;
let disk: CountedDisk;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'rescue-'));
  disk = new CountedDisk();
});
afterEach(() => rmSync(root, { recursive: true }));

const directoryOf = (streamId: number, shard: number): string => path.join(root, `${streamId}-${shard}`);

function rescued(shard: number): string {
  return readFileSync(path.join(directoryOf(1, shard), rescueFile(FIRST_SEQUENCE))).toString(
    'latin1',
    HEADER_BYTES,
  );
}

test('N4, I8: all that many quarantined shards have is copied, few files open at a time and each synced once', async () => {
  const shards = 150;
  const recovery = logOf(['a', 'b', 'c', 'd'], shards, (round, shard) => `${round}${shard};`);
  await rescue(recovery, { disk, directoryOf, isQuarantined: (_streamId, shard) => shard > 0 });
  const others = Array.from({ length: shards - 1 }, (_, n) => n + 1);
  expect(others.map(rescued)).toEqual(others.map((n) => `a${n};b${n};c${n};d${n};`));
  expect(disk.openFiles).toBe(0);
  expect(disk.mostOpenFiles).toBeLessThanOrEqual(64);
  expect(disk.syncs).toBe(others.length);
});

test('N4, I8: more than is gathered at a time comes to the files in order', async () => {
  const textOf = (round: string, shard: number): string => `${round}${shard}`.repeat(3 * 1024 * 1024);
  const rounds = ['a', 'b', 'c'];
  await rescue(logOf(rounds, 2, textOf), { disk, directoryOf, isQuarantined: () => true });
  for (const shard of [0, 1])
    expect(rescued(shard) === rounds.map((round) => textOf(round, shard)).join('')).toBe(true);
  expect(disk.syncs).toBe(4);
});
