// The log of one replica on a simulated disk: records of a fixed size, each of which names all before it, so that a power
// cut that leaves sectors of two ages is seen.

import type { Life } from '@robustmq/testkit';
import type { EpochEnd } from '../../src/follower.ts';

type Disk = Life['disk'];

/** One record. */
export interface Entry {
  readonly epoch: number;
  readonly value: number;
}

const DIRECTORY = 'replica';
const PATH = `${DIRECTORY}/log`;
const ENTRY_BYTES = 12;

/** See the file head. Its first row is the id of the directory (rule R5). */
export class ReplicaLog {
  readonly directoryId: number;
  readonly entries: Entry[] = [];
  readonly #file: ReturnType<Disk['open']>;
  /** Of each row, the id's included: a digest of it and of all before it. */
  readonly #digests: number[] = [];
  #durableEndOffset = 0;
  #cuts = 0;

  private constructor(file: ReturnType<Disk['open']>, newDirectoryId: number) {
    this.#file = file;
    const rows = readRows(file);
    const [id] = rows;
    this.directoryId = id?.value ?? newDirectoryId;
    this.#write({ epoch: 0, value: this.directoryId });
    for (const row of rows.slice(1)) this.append(row);
    file.truncate((rows.length || 1) * ENTRY_BYTES);
  }

  /** Recovers what is there; all of it is durable before it counts (rule L5). */
  static async open(disk: Disk, newDirectoryId: number): Promise<ReplicaLog> {
    disk.makeDirectory(DIRECTORY);
    const log = new ReplicaLog(disk.exists(PATH) ? disk.open(PATH) : disk.create(PATH), newDirectoryId);
    await log.sync();
    await disk.syncDirectory(DIRECTORY);
    return log;
  }

  /** The disk is a new one. */
  static async wipe(disk: Disk): Promise<void> {
    if (!disk.exists(PATH)) return;
    disk.unlink(PATH);
    await disk.syncDirectory(DIRECTORY);
  }

  get endOffset(): number {
    return this.entries.length;
  }

  get durableEndOffset(): number {
    return this.#durableEndOffset;
  }

  get latestEpoch(): number {
    return this.entries.at(-1)?.epoch ?? -1;
  }

  append(entry: Entry): void {
    this.entries.push(entry);
    this.#write(entry);
  }

  truncateTo(offset: number): void {
    if (offset >= this.endOffset) return;
    this.#cuts++;
    this.entries.length = offset;
    this.#digests.length = offset + 1;
    this.#durableEndOffset = Math.min(this.#durableEndOffset, offset);
    this.#file.truncate((offset + 1) * ENTRY_BYTES);
  }

  async sync(): Promise<void> {
    const [endOffset, cuts] = [this.endOffset, this.#cuts];
    await this.#file.sync();
    // What was cut meanwhile and written anew is not what was synced.
    if (cuts === this.#cuts) this.#durableEndOffset = endOffset;
  }

  endOffsetFor(epoch: number): EpochEnd {
    for (let at = this.entries.length - 1; at >= 0; at--) {
      const entry = this.entries[at]!;
      if (entry.epoch <= epoch) return { leaderEpoch: entry.epoch, endOffset: at + 1 };
    }
    return { leaderEpoch: -1, endOffset: -1 };
  }

  #write(row: Entry): void {
    const digest = digestOf(this.#digests.at(-1) ?? 0, row);
    const bytes = Buffer.alloc(ENTRY_BYTES);
    bytes.writeUInt32LE(row.epoch, 0);
    bytes.writeUInt32LE(row.value, 4);
    bytes.writeUInt32LE(digest, 8);
    this.#file.write(bytes, this.#digests.length * ENTRY_BYTES);
    this.#digests.push(digest);
  }
}

/** The rows up to the first that is not what followed. */
function readRows(file: ReturnType<Disk['open']>): Entry[] {
  const bytes = Buffer.alloc(file.sizeBytes());
  file.read(bytes, 0);
  const rows: Entry[] = [];
  let digest = 0;
  for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
    const row = { epoch: bytes.readUInt32LE(at), value: bytes.readUInt32LE(at + 4) };
    digest = digestOf(digest, row);
    if (digest !== bytes.readUInt32LE(at + 8)) break;
    rows.push(row);
  }
  return rows;
}

function digestOf(before: number, { epoch, value }: Entry): number {
  let mixed = Math.imul(before ^ 0x9e3779b9, 0x21f0aaad) ^ Math.imul(epoch + 1, 0x735a2d97);
  mixed = Math.imul(mixed ^ (mixed >>> 15) ^ value, 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
