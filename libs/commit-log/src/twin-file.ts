// A small file of facts that everything else hangs on (who a data directory is): with a checksum, and twice, so that one
// flipped bit neither changes what it says nor loses it (rule N2). docs/en/formats/journal-directory.md has the form.

import { crc32c } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { parentOf, syncNamesAbove, type Disk } from './disk.ts';

const VERSION = 1;
/** More than any facts need: the longest are the names of the files of a log. */
const MAX_BYTES = 64 * 1024;
const FORM = /^(\{"formatVersion":(\d+),"facts":(.*)),"crc32c":"([0-9a-f]{8})"\}\n$/s;

/** What was found. */
export interface TwinFacts {
  readonly facts: unknown;
  /** The file of the two that is damaged or missing, if one is; `twinFile.write` mends it. */
  readonly damagedPath: string | undefined;
}

/** The file and its copy, and the line that each holds. */
export const twinFile = {
  /**
   * The facts of `path`, from its copy if need be; undefined if neither file is there.
   * @throws BrokerError corrupt if no file can be believed.
   */
  read(disk: Disk, path: string): TwinFacts | undefined {
    const paths = [path, twinFile.copyPath(path)];
    if (!paths.some((each) => disk.exists(each))) return undefined;
    const [first, second] = paths.map((each) => soundText(disk, each));
    // Where both are sound and differ, a crash came between the two writes: the first was written first.
    const text = first ?? second;
    if (text === undefined) {
      throw new BrokerError(
        'corrupt',
        `${paths.join(' and ')} are damaged or missing: bring one of them back from a copy`,
      );
    }
    const damagedPath = first === undefined ? path : second === first ? undefined : twinFile.copyPath(path);
    return { facts: JSON.parse(text) as unknown, damagedPath };
  },

  /** Writes both files, one after the other; durable, with the names of the directories above, when it resolves. */
  async write(disk: Disk, path: string, facts: unknown): Promise<void> {
    // First, so that no facts are found in a directory that may still vanish.
    await syncNamesAbove(disk, parentOf(path) ?? '.');
    await twinFile.replace(disk, path, facts);
  },

  /** As `write`, in a directory whose name is durable already. */
  async replace(disk: Disk, path: string, facts: unknown): Promise<void> {
    const directory = parentOf(path) ?? '.';
    const bytes = twinFile.encode(facts);
    for (const each of [path, twinFile.copyPath(path)]) {
      const temporary = `${each}.tmp`;
      if (disk.exists(temporary)) disk.unlink(temporary);
      const file = disk.create(temporary);
      try {
        file.write(bytes, 0);
        await file.sync();
      } finally {
        file.close();
      }
      disk.rename(temporary, each);
      await disk.syncDirectory(directory);
    }
  },

  /** Facts as the line of a file. */
  encode(facts: unknown): Buffer {
    const covered = `{"formatVersion":${VERSION},"facts":${JSON.stringify(facts)}`;
    return Buffer.from(`${covered},"crc32c":"${checksum(covered)}"}\n`);
  },

  /**
   * The facts of such a line; undefined if it is damaged.
   * @throws BrokerError unsupported if another version wrote it, which names the file
   */
  decode(bytes: Buffer, path: string): unknown {
    const text = factsText(bytes, path);
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  },

  /** The second file. */
  copyPath(path: string): string {
    return `${path}.copy`;
  },
} as const;

/** The facts as JSON text; undefined if the file is missing or not what was written. */
function soundText(disk: Disk, path: string): string | undefined {
  if (!disk.exists(path)) return undefined;
  const file = disk.open(path);
  const bytes = Buffer.alloc(Math.min(MAX_BYTES, file.sizeBytes()));
  const read = file.read(bytes, 0);
  file.close();
  return factsText(bytes.subarray(0, read), path);
}

function factsText(bytes: Buffer, path: string): string | undefined {
  const match = FORM.exec(bytes.toString('utf8'));
  if (match === null || checksum(match[1]!) !== match[4]) return undefined;
  if (Number(match[2]) !== VERSION)
    throw new BrokerError(
      'unsupported',
      `${path} was written by another version: ${match[2]}, this one knows ${VERSION}`,
    );
  return match[3]!;
}

function checksum(text: string): string {
  const bytes = Buffer.from(text);
  return (crc32c(bytes, 0, bytes.length) >>> 0).toString(16).padStart(8, '0');
}
