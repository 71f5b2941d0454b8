// The content of one file on the simulated disk, sector by sector: what programs see, and what a power cut leaves.

import type { Random } from './random.ts';

/** Writes reach the platter in sectors; each is old or new, never a mix. */
export const SECTOR_BYTES = 512;

/** How much of what was not synced survives a power cut. */
export interface Survival {
  /** Probability that an unsynced sector was written back. */
  readonly sector: number;
  /** Probability that an unsynced size was. */
  readonly size: number;
}

/** Content of an inode. Names are the directory's business. */
export class SimulatedContent {
  #current: Buffer = Buffer.alloc(0);
  #currentSize = 0;
  #durable: Buffer = Buffer.alloc(0);
  #durableSize = 0;
  /** Sectors that differ from the platter and will be written back. */
  #dirty = new Set<number>();
  /** Sectors that a failed sync left clean in memory though they never reached the platter (fsyncgate). */
  #orphaned = new Set<number>();

  get sizeBytes(): number {
    return this.#currentSize;
  }

  read(target: Uint8Array, position: number): number {
    const end = Math.min(this.#currentSize, position + target.length);
    if (end <= position) return 0;
    target.set(this.#current.subarray(position, end));
    return end - position;
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    this.#current = grown(this.#current, end);
    this.#current.set(bytes, position);
    this.#currentSize = Math.max(this.#currentSize, end);
    this.#mark(position, end);
  }

  truncate(sizeBytes: number): void {
    this.#current = grown(this.#current, sizeBytes);
    const cutFrom = Math.min(sizeBytes, this.#currentSize);
    this.#current.fill(0, cutFrom);
    this.#mark(cutFrom, Math.max(sizeBytes, this.#currentSize));
    this.#currentSize = sizeBytes;
  }

  /** What a sync that begins now will make durable. */
  beginSync(): SyncInFlight {
    const sectors = new Map<number, Buffer>();
    for (const sector of this.#dirty) sectors.set(sector, this.#sector(sector));
    return { sectors, sizeBytes: this.#currentSize };
  }

  completeSync({ sectors, sizeBytes }: SyncInFlight): void {
    for (const [sector, bytes] of sectors) {
      this.#toPlatter(sector, bytes);
      if (this.#sector(sector).equals(bytes)) this.#dirty.delete(sector);
    }
    this.#resizePlatter(sizeBytes);
  }

  /** The error is reported once and the pages count as clean: a later sync succeeds without writing them. */
  failSync({ sectors }: SyncInFlight): void {
    for (const sector of sectors.keys()) {
      this.#dirty.delete(sector);
      this.#orphaned.add(sector);
    }
  }

  /** Power is gone: memory is lost, unsynced sectors were written back or not. */
  cutPower(random: Random, survival: Survival): void {
    if (this.#currentSize !== this.#durableSize && random.chance(survival.size)) {
      this.#resizePlatter(this.#currentSize);
    }
    for (const sector of [...this.#dirty].sort((a, b) => a - b)) {
      if (random.chance(survival.sector)) this.#toPlatter(sector, this.#sector(sector));
    }
    // File systems never show again what lay behind a size that was lost.
    this.#durable.fill(0, this.#durableSize);
    this.#current = Buffer.from(this.#durable.subarray(0, this.#durableSize));
    this.#currentSize = this.#durableSize;
    this.#dirty.clear();
    this.#orphaned.clear();
  }

  /** One bit of the platter turns, and of what memory holds of it. */
  flipBit(position: number, bit: number): void {
    for (const bytes of [this.#current, this.#durable]) {
      if (position < bytes.length) bytes[position] = bytes[position]! ^ (1 << bit);
    }
  }

  /** Bytes as programs see them now. */
  bytes(): Buffer {
    return this.#current.subarray(0, this.#currentSize);
  }

  #mark(from: number, to: number): void {
    for (let sector = Math.floor(from / SECTOR_BYTES); sector * SECTOR_BYTES < to; sector++) {
      this.#dirty.add(sector);
      this.#orphaned.delete(sector);
    }
  }

  #sector(sector: number): Buffer {
    const bytes = Buffer.alloc(SECTOR_BYTES);
    this.#current.copy(
      bytes,
      0,
      sector * SECTOR_BYTES,
      Math.min((sector + 1) * SECTOR_BYTES, this.#current.length),
    );
    return bytes;
  }

  #toPlatter(sector: number, bytes: Buffer): void {
    this.#durable = grown(this.#durable, (sector + 1) * SECTOR_BYTES);
    this.#durable.set(bytes, sector * SECTOR_BYTES);
  }

  /** A shorter file gives its blocks back: growing again reads zeros there. */
  #resizePlatter(sizeBytes: number): void {
    this.#durable = grown(this.#durable, sizeBytes);
    if (sizeBytes < this.#durableSize) this.#durable.fill(0, sizeBytes);
    this.#durableSize = sizeBytes;
  }
}

/** A sync between its call and its end. */
export interface SyncInFlight {
  readonly sectors: ReadonlyMap<number, Buffer>;
  readonly sizeBytes: number;
}

function grown(bytes: Buffer, lengthBytes: number): Buffer {
  if (lengthBytes <= bytes.length) return bytes;
  const larger = Buffer.alloc(Math.max(lengthBytes, 2 * bytes.length, 4096));
  bytes.copy(larger);
  return larger;
}
