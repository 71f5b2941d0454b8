// Which files a commit log has, written beside them (rule L2). Frames of a lost file are missed by those of later ones; of the
// newest there is no later one, and its loss would pass for a clean end of the log. docs/en/formats/commit-log.md has the form.

import { BrokerError } from '@robustmq/errors';
import type { Disk } from './disk.ts';
import { readTwin, replaceTwin } from './twin-file.ts';

const FILE = 'files.json';

/** A slot as names of files have it. */
export function slotText(slot: number): string {
  return String(slot).padStart(6, '0');
}

/** The list as it is on the disk; absent in a directory that is new. */
export class FileList {
  readonly #disk: Disk;
  readonly #directory: string;
  #slots: readonly number[] = [];
  /** Whether the files on the disk are to be written whatever they say. */
  #isMissing: boolean;
  /** Writes follow one another. */
  #writing: Promise<unknown> = Promise.resolve();

  /** @throws BrokerError corrupt if both files of the list are damaged. */
  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
    const found = readTwin(disk, this.#path);
    this.#isMissing = found === undefined || found.damagedPath !== undefined;
    if (found !== undefined) this.#slots = slotsOf(found.facts, this.#path);
  }

  /** Slots of the files that must be there. */
  get slots(): readonly number[] {
    return this.#slots;
  }

  /** @throws BrokerError corrupt if a file is gone, which says what an operator can do. */
  assertComplete(found: readonly number[]): void {
    const lost = this.#slots.filter((slot) => !found.includes(slot));
    if (lost.length === 0) return;
    const names = lost.map((slot) => `…-${slotText(slot)}.commit`).join(', ');
    throw new BrokerError(
      'corrupt',
      `files of the log in ${this.#directory} are gone: ${names}. Put them back, or bring the whole data folder back from ` +
        `a copy. To give up what only they held, remove ${this.#path} and ${this.#path}.copy`,
    );
  }

  /** Writes what `slots` says when its turn comes, unless it is there already; durable when it resolves. */
  write(slots: () => readonly number[]): Promise<void> {
    const written = this.#writing.then(() => this.#write([...slots()].sort((a, b) => a - b)));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #write(slots: readonly number[]): Promise<void> {
    if (!this.#isMissing && slots.join() === this.#slots.join()) return;
    this.#isMissing = true;
    await replaceTwin(this.#disk, this.#path, { slots });
    this.#slots = slots;
    this.#isMissing = false;
  }

  get #path(): string {
    return `${this.#directory}/${FILE}`;
  }
}

function slotsOf(facts: unknown, path: string): readonly number[] {
  const { slots } = (facts ?? {}) as Partial<Record<'slots', unknown>>;
  if (!Array.isArray(slots) || !slots.every((slot) => Number.isInteger(slot)))
    throw new BrokerError('corrupt', `${path} is no list of files`);
  return slots as number[];
}
