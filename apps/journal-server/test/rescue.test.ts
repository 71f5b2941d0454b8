// What a quarantined shard has in the commit log alone is copied beside its segments (N4), with a bounded number of open files.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeDisk, type CommitLogRecovery, type DiskFile } from '@robustmq/commit-log';
import { rescue, rescueFile } from '../src/directory/rescue.ts';
import { SECTION_RECORDS } from '../src/write/sections.ts';

const SHARDS = 150;
const HEADER_BYTES = 8;

/** A disk that counts the files that are open. */
class CountedDisk extends NodeDisk {
  openFiles = 0;
  mostOpenFiles = 0;

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
    file.close = () => {
      this.openFiles--;
      close();
    };
    return file;
  }
}

test('N4, I8: all that many quarantined shards have is copied, a few files open at a time', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'rescue-'));
  const disk = new CountedDisk();
  const recovery = {
    firstSequence: 5,
    *frames() {
      for (const round of ['a', 'b']) {
        const sections = Array.from({ length: SHARDS }, (_, shard) => ({
          kind: SECTION_RECORDS,
          key: 1,
          subKey: shard,
          damaged: false,
          bytes: Buffer.concat([Buffer.from([1]), Buffer.from(`${round}${shard};`)]),
        }));
        yield { sections };
      }
    },
  } as unknown as CommitLogRecovery;
  const directoryOf = (streamId: number, shard: number): string => path.join(root, `${streamId}-${shard}`);
  await rescue(recovery, { disk, directoryOf, isQuarantined: (_streamId, shard) => shard > 0 });
  const found = Array.from({ length: SHARDS - 1 }, (_, n) =>
    readFileSync(path.join(directoryOf(1, n + 1), rescueFile(5))).toString('latin1', HEADER_BYTES),
  );
  expect(found).toEqual(Array.from({ length: SHARDS - 1 }, (_, n) => `a${n + 1};b${n + 1};`));
  expect(disk.openFiles).toBe(0);
  expect(disk.mostOpenFiles).toBeLessThanOrEqual(64);
  rmSync(root, { recursive: true });
});
