// Directories with their parents. Not `recursive: true` of Node's own mkdir: where a file system makes no names, as in /proc, it
// tries for ever, and the process hangs with its loop.

import fs from 'node:fs';
import path from 'node:path';

/**
 * Makes a directory and those above it that are missing; nothing happens if it is there.
 * @throws what the operating system says
 */
export function makeDirectory(directory: string, mode: number): void {
  const missing: string[] = [];
  let at = path.resolve(directory);
  while (!isMadeOrThere(at, mode)) {
    missing.push(at);
    at = path.dirname(at);
  }
  for (const below of missing.reverse()) isMadeOrThere(below, mode);
}

/** False if one above it has to be made first. */
function isMadeOrThere(directory: string, mode: number, isAgain = false): boolean {
  try {
    fs.mkdirSync(directory, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      if (!fs.existsSync(path.dirname(directory))) return false;
      // Another process may have made the one above it just now.
      if (!isAgain) return isMadeOrThere(directory, mode, true);
    }
    // Others answer EACCES, EPERM or EROFS for one that is there.
    if (!fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
  return true;
}
