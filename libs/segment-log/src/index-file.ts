// The files of a segment's indexes: a header that says what they are, then entries (docs/en/formats/segments.md). Unsynced:
// they are read with suspicion, and made anew from the batches where they are not what they should be (rule N17).

import { writeInt32 } from '@robustmq/bytes';
import type { Disk } from '@robustmq/commit-log';
import { segmentPath } from './names.ts';

/** Magic and version, 32-bit big-endian each. */
export const INDEX_HEADER_BYTES = 8;
const VERSION = 1;
/** "RMOI" and "RMTI" */
const MAGIC = { index: 0x524d4f49, timeindex: 0x524d5449 } as const;

/** Where the files are. */
export interface IndexPlace {
  readonly disk: Disk;
  readonly directory: string;
  readonly baseOffset: number;
}

/** Which of the two. */
export type IndexKind = keyof typeof MAGIC;

/** The entries of a file; undefined without the file, and of one that another version wrote. */
export function loadEntries(place: IndexPlace, kind: IndexKind): Buffer | undefined {
  const { disk } = place;
  const path = segmentPath(place.directory, place.baseOffset, kind);
  if (!disk.exists(path)) return undefined;
  const file = disk.open(path);
  try {
    const bytes = Buffer.alloc(file.sizeBytes());
    const read = file.read(bytes, 0);
    if (read < INDEX_HEADER_BYTES || !bytes.subarray(0, INDEX_HEADER_BYTES).equals(headerOf(kind)))
      return undefined;
    return bytes.subarray(INDEX_HEADER_BYTES, read);
  } finally {
    file.close();
  }
}

/** Replaces the entries from a byte of theirs on, and the header with the first ones. */
export function storeEntries(place: IndexPlace, kind: IndexKind, entries: Buffer, position: number): void {
  const { disk } = place;
  const path = segmentPath(place.directory, place.baseOffset, kind);
  const file = disk.exists(path) ? disk.open(path) : disk.create(path);
  try {
    file.truncate(position === 0 ? 0 : INDEX_HEADER_BYTES + position);
    if (position === 0) file.write(headerOf(kind), 0);
    file.write(entries, INDEX_HEADER_BYTES + position);
  } finally {
    file.close();
  }
}

/** Removes both files. */
export function removeIndexFiles(place: IndexPlace): void {
  for (const kind of ['index', 'timeindex'] as const) {
    const path = segmentPath(place.directory, place.baseOffset, kind);
    if (place.disk.exists(path)) place.disk.unlink(path);
  }
}

function headerOf(kind: IndexKind): Buffer {
  const header = Buffer.alloc(INDEX_HEADER_BYTES);
  writeInt32(header, 0, MAGIC[kind]);
  writeInt32(header, 4, VERSION);
  return header;
}
