// A quarantine is narrow (rule N4): checkpoints leave the shard out, so the commit log will be recycled over the sound records
// that only it still has. They go to a file beside the segments first. docs/en/formats/journal-directory.md has the form.

import type { CommitLogRecovery, Disk, DiskFile } from '@robustmq/commit-log';
import { SECTION_RECORDS, sectionBody } from '../write/sections.ts';

/** "RMRB" */
const MAGIC = 0x524d5242;
const VERSION = 1;
const HEADER_BYTES = 8;

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
  const files = new Map<string, { readonly file: DiskFile; sizeBytes: number }>();
  for (const frame of recovery.frames()) {
    for (const section of frame.sections) {
      const { kind, key, subKey, damaged } = section;
      if (kind !== SECTION_RECORDS || damaged || !isQuarantined(key, subKey)) continue;
      const directory = directoryOf(key, subKey);
      let target = files.get(directory);
      if (target === undefined) {
        target = { file: begin(disk, directory, recovery.firstSequence), sizeBytes: HEADER_BYTES };
        files.set(directory, target);
      }
      const batches = sectionBody(section);
      target.file.write(batches, target.sizeBytes);
      target.sizeBytes += batches.length;
    }
  }
  for (const [directory, { file }] of files) {
    await file.sync();
    file.close();
    await disk.syncDirectory(directory);
  }
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
