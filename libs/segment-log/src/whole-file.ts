// Small files that are replaced as a whole.

import type { Disk } from '@robustmq/commit-log';

/** Replaces a small file by rename, unsynced: for files that can be rebuilt. */
export function writeWhole(disk: Disk, path: string, bytes: Buffer): void {
  const temporary = `${path}.tmp`;
  if (disk.exists(temporary)) disk.unlink(temporary);
  const file = disk.create(temporary);
  try {
    file.write(bytes, 0);
  } finally {
    file.close();
  }
  disk.rename(temporary, path);
}
