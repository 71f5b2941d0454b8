// Which files a commit log has, and how long each is at least, written beside them (rule L2). Frames that are gone are missed by
// later ones; of the last there is no later one, so the loss of the newest file, or of its end, would pass for a clean end of the
// log. docs/en/formats/commit-log.md has the form.

import { BrokerError } from '@robustmq/errors';
import type { Disk } from './disk.ts';
import { twinFile } from './twin-file.ts';

const FILE = 'files.json';
/** Version 1 had no sizes. One that reads it alone finds the slots where it looks for them. */
const VERSION = 2;

/** Bytes that each file keeps in a power cut, by its slot; 0 if none are known to. */
type Sizes = ReadonlyMap<number, number>;

/** A slot as names of files have it. */
export function slotText(slot: number): string {
  return String(slot).padStart(6, '0');
}

/** The list as it is on the disk; absent in a directory that is new. */
export class FileList {
  readonly #disk: Disk;
  readonly #directory: string;
  #sizes: Sizes = new Map();
  /** Whether the files on the disk are to be written whatever they say. */
  #isMissing: boolean;
  /** Writes follow one another. */
  #writing: Promise<unknown> = Promise.resolve();

  /** @throws BrokerError corrupt if both files of the list are damaged; unsupported if a later version wrote it. */
  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
    const found = twinFile.read(disk, this.#path);
    this.#isMissing = found === undefined || found.damagedPath !== undefined;
    if (found !== undefined) this.#sizes = sizesOf(found.facts, this.#path);
  }

  /** Slots of the files that must be there. */
  get slots(): Iterable<number> {
    return this.#sizes.keys();
  }

  /** Bytes that the file of a slot must have at least. */
  bytesOf(slot: number): number {
    return this.#sizes.get(slot) ?? 0;
  }

  /** @throws BrokerError corrupt if a file is gone or shorter than it was, which says what an operator can do. */
  assertComplete(found: Sizes): void {
    const lost: string[] = [];
    for (const [slot, bytes] of this.#sizes) {
      const foundBytes = found.get(slot);
      const name = `…-${slotText(slot)}.commit`;
      if (foundBytes === undefined) lost.push(`${name} is gone`);
      else if (foundBytes < bytes) lost.push(`${name} has ${foundBytes} of ${bytes} bytes`);
    }
    if (lost.length === 0) return;
    throw new BrokerError(
      'corrupt',
      `files of the log in ${this.#directory} are gone or cut short: ${lost.join(', ')}. Put them back, or bring the whole data ` +
        `folder back from a copy. To give up what only they held, remove ${this.#path} and ${this.#path}.copy`,
    );
  }

  /** Writes what `sizes` says when its turn comes, unless it is there already; durable when it resolves. */
  write(sizes: () => Sizes): Promise<void> {
    const written = this.#writing.then(() => this.#write(new Map([...sizes()].sort(([a], [b]) => a - b))));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #write(sizes: Sizes): Promise<void> {
    if (!this.#isMissing && [...sizes].join() === [...this.#sizes].join()) return;
    this.#isMissing = true;
    const facts = { version: VERSION, slots: [...sizes.keys()], syncedBytes: [...sizes.values()] };
    await twinFile.replace(this.#disk, this.#path, facts);
    this.#sizes = sizes;
    this.#isMissing = false;
  }

  get #path(): string {
    return `${this.#directory}/${FILE}`;
  }
}

function sizesOf(facts: unknown, path: string): Sizes {
  const list = (facts ?? {}) as Partial<Record<'version' | 'slots' | 'syncedBytes', unknown>>;
  const { version = 1, slots } = list;
  if (version !== 1 && version !== VERSION)
    throw new BrokerError('unsupported', `${path} was written by another version: ${String(version)}`);
  const syncedBytes = version === 1 && isNumbers(slots) ? slots.map(() => 0) : list.syncedBytes;
  if (!isNumbers(slots) || !isNumbers(syncedBytes) || slots.length !== syncedBytes.length)
    throw new BrokerError('corrupt', `${path} is no list of files`);
  return new Map(slots.map((slot, index) => [slot, syncedBytes[index]!]));
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
}
