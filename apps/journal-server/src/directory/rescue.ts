// A quarantine is narrow (rule N4): checkpoints leave the shard out, so the commit log will be recycled over the sound records
// that only it still has. They go to a file beside the segments first. docs/en/formats/journal-directory.md has the form.

import type { CommitLogRecovery, Disk, DiskFile } from '@robustmq/commit-log';
import { SECTION_RECORDS, sectionBody } from '../write/sections.ts';

/** "RMRB" */
const MAGIC = 0x524d5242;
const VERSION = 1;
const HEADER_BYTES = 8;
/** Every shard of a directory may be quarantined, and a process has a thousand descriptors. */
const MAX_OPEN_FILES = 64;

/** Where {@link rescue} works, and for whom. */
export interface RescueOptions {
  readonly disk: Disk;
  readonly directoryOf: (streamId: number, shard: number) => string;
  readonly isQuarantined: (streamId: number, shard: number) => boolean;
}

/** Name of the file for what the commit log held from a position on: the same over restarts without a checkpoint. */
export function rescueFile(firstSequence: number): string {
  return `commit-log-${String(firstSequence).padStart(20, '0')}.batches`;
}

/**
 * Copies all sound record sections of quarantined shards from the commit log; durable when it resolves. Nothing may be
 * recycled before.
 */
export async function rescue(recovery: CommitLogRecovery, options: RescueOptions): Promise<void> {
  const { disk, directoryOf, isQuarantined } = options;
  const sizes = new Map<string, number>();
  const open = new Map<string, DiskFile>();
  const fileIn = async (directory: string): Promise<DiskFile> => {
    const known = open.get(directory);
    if (known !== undefined) return known;
    const [oldest] = open;
    if (oldest !== undefined && open.size >= MAX_OPEN_FILES) {
      open.delete(oldest[0]);
      await finish(oldest[1]);
    }
    const file = sizes.has(directory)
      ? disk.open(`${directory}/${rescueFile(recovery.firstSequence)}`)
      : begin(disk, directory, recovery.firstSequence);
    open.set(directory, file);
    return file;
  };
  for (const frame of recovery.frames()) {
    for (const section of frame.sections) {
      const { kind, key, subKey, damaged } = section;
      if (kind !== SECTION_RECORDS || damaged || !isQuarantined(key, subKey)) continue;
      const directory = directoryOf(key, subKey);
      const file = await fileIn(directory);
      const sizeBytes = sizes.get(directory) ?? HEADER_BYTES;
      const batches = sectionBody(section);
      file.write(batches, sizeBytes);
      sizes.set(directory, sizeBytes + batches.length);
    }
  }
  for (const file of open.values()) await finish(file);
  for (const directory of sizes.keys()) await disk.syncDirectory(directory);
}

async function finish(file: DiskFile): Promise<void> {
  await file.sync();
  file.close();
}

function begin(disk: Disk, directory: string, firstSequence: number): DiskFile {
  disk.makeDirectory(directory);
  const path = `${directory}/${rescueFile(firstSequence)}`;
  const file = disk.exists(path) ? disk.open(path) : disk.create(path);
  file.truncate(0);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(VERSION, 4);
  file.write(header, 0);
  return file;
}
