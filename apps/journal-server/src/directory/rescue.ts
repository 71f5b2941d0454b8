// A quarantine is narrow (rule N4): checkpoints leave the shard out, so the commit log will be recycled over the sound records
// that only it still has. They go to a file beside the segments first. docs/en/formats/journal-directory.md has the form.

import type { CommitLogRecovery, Disk, DiskFile } from '@robustmq/commit-log';
import { SECTION_RECORDS, sectionBody } from '../write/sections.ts';

/** "RMRB" */
const MAGIC = 0x524d5242;
const VERSION = 1;
const HEADER_BYTES = 8;
/**
 * Bytes that are gathered before they are written: shards take turns in the log, every one of a directory may be quarantined,
 * and to open and sync a file per record would keep a journal from starting for long.
 */
const GATHERED_BYTES = 16 * 1024 * 1024;

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
  const gathered = new Gathered(disk, recovery.firstSequence);
  for (const frame of recovery.frames()) {
    for (const section of frame.sections) {
      const { kind, key, subKey, damaged } = section;
      if (kind !== SECTION_RECORDS || damaged || !isQuarantined(key, subKey)) continue;
      gathered.add(directoryOf(key, subKey), sectionBody(section));
      if (gathered.sizeBytes >= GATHERED_BYTES) await gathered.write();
    }
  }
  await gathered.write();
  for (const directory of gathered.directories()) await disk.syncDirectory(directory);
}

/** Records on their way into the rescue files; one of these is open at a time. */
class Gathered {
  readonly #disk: Disk;
  readonly #firstSequence: number;
  /** Sizes of the files that were begun, by directory. */
  readonly #written = new Map<string, number>();
  readonly #waiting = new Map<string, Buffer[]>();
  sizeBytes = 0;

  constructor(disk: Disk, firstSequence: number) {
    this.#disk = disk;
    this.#firstSequence = firstSequence;
  }

  /** Copies the batches: they are a view of a frame, which may be large and go on with those of others. */
  add(directory: string, batches: Buffer): void {
    const waiting = this.#waiting.get(directory);
    if (waiting === undefined) this.#waiting.set(directory, [Buffer.from(batches)]);
    else waiting.push(Buffer.from(batches));
    this.sizeBytes += batches.length;
  }

  /** Adds to each file what waits for it; durable when it resolves, but for the names of new files. */
  async write(): Promise<void> {
    for (const [directory, batches] of this.#waiting) {
      const sizeBytes = this.#written.get(directory);
      const file =
        sizeBytes === undefined
          ? begin(this.#disk, directory, this.#firstSequence)
          : this.#disk.open(`${directory}/${rescueFile(this.#firstSequence)}`);
      const bytes = Buffer.concat(batches);
      file.write(bytes, sizeBytes ?? HEADER_BYTES);
      await file.sync();
      file.close();
      this.#written.set(directory, (sizeBytes ?? HEADER_BYTES) + bytes.length);
    }
    this.#waiting.clear();
    this.sizeBytes = 0;
  }

  /** Where there is a file by now. */
  directories(): Iterable<string> {
    return this.#written.keys();
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
