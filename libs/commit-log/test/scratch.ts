import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { CommitLog, type CommitLogOptions, type CommitLogRecovery, type Section } from '../src/index.ts';
import type { OpenedCommitLog } from '../src/commit-log.ts';
import { twinFile } from '../src/twin-file.ts';
import { FaultyDisk } from './faulty-disk.ts';

const LIST_FILES = ['files.json', 'files.json.copy'];
const BLOCK_BYTES = 4096;

/** A directory of its own for one test; removed by the returned function. */
export function scratchDirectory(): { directory: string; remove: () => void } {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'commit-log-'));
  return { directory, remove: () => fs.rmSync(directory, { recursive: true, force: true }) };
}

/** The commit logs of one test, in a directory and on a disk of their own. */
export class ScratchLogs {
  readonly disk = new FaultyDisk();
  readonly directory: string;
  readonly #remove: () => void;
  readonly #fileBytes: number;
  readonly #opened: CommitLog[] = [];

  constructor(fileBytes: number) {
    ({ directory: this.directory, remove: this.#remove } = scratchDirectory());
    this.#fileBytes = fileBytes;
  }

  async open(options: CommitLogOptions = {}): Promise<OpenedCommitLog> {
    const small = { fileBytes: this.#fileBytes, spareFiles: 1 };
    const result = await CommitLog.open(this.disk, this.directory, { ...small, ...options });
    this.#opened.push(result.log);
    return result;
  }

  /** Lets go of what the disk holds, closes all that were opened, and removes the directory. */
  async close(): Promise<void> {
    this.disk.hold = false;
    for (const release of this.disk.waiting.splice(0)) release();
    for (const log of this.#opened.splice(0)) await log.close();
    this.#remove();
  }
}

/** A section of text. */
export function text(key: number, value: string, subKey = 0, kind = 1): Section {
  return { kind, key, subKey, buffers: [Buffer.from(value)] };
}

/** Recovered frames as lines `sequence key/subKey=text …`. */
export function transcript(recovery: CommitLogRecovery): string[] {
  return [...recovery.frames()].map((frame) =>
    [
      String(frame.sequence),
      ...(frame.unreadable ? ['unreadable'] : []),
      ...frame.sections.map(
        (section) => `${section.key}/${section.subKey}=${section.damaged ? '?' : section.bytes.toString()}`,
      ),
    ].join(' '),
  );
}

/** The commit log's files in the order of their slots. */
export function logFiles(directory: string): string[] {
  return fs
    .readdirSync(directory)
    .filter((name) => name.endsWith('.commit'))
    .sort()
    .map((name) => path.join(directory, name));
}

/** Flips one bit of a file. */
export function flipBit(file: string, position: number): void {
  const bytes = fs.readFileSync(file);
  bytes[position] = bytes[position]! ^ 0x10;
  fs.writeFileSync(file, bytes);
}

/** What an operator does who gives up the files that are gone. */
export function forgetFileList(directory: string): void {
  for (const name of LIST_FILES) fs.rmSync(path.join(directory, name));
}

/** Both files of the list, saying this. */
export function writeFileList(directory: string, facts: unknown): void {
  for (const name of LIST_FILES) fs.writeFileSync(path.join(directory, name), twinFile.encode(facts));
}

/** Bytes of each file as the list has them, in the order of their slots. */
export function listedSizes(directory: string): readonly number[] {
  const list = fs.readFileSync(path.join(directory, LIST_FILES[0]!), 'utf8');
  return JSON.parse(/"syncedBytes":(\[[\d,]*\])/.exec(list)![1]!) as number[];
}

/** The frames of a file by their headers, dead ones included: sequence, and where the padded frame ends. */
export function framesIn(file: string): { readonly sequence: number; readonly end: number }[] {
  const bytes = fs.readFileSync(file);
  const frames = [];
  for (let at = 0; at + BLOCK_BYTES <= bytes.length; at += BLOCK_BYTES) {
    if (bytes.toString('latin1', at, at + 4) !== 'RMCL') continue;
    const paddedBytes = Math.ceil(bytes.readUInt32BE(at + 52) / BLOCK_BYTES) * BLOCK_BYTES;
    frames.push({ sequence: Number(bytes.readBigUInt64BE(at + 32)), end: at + paddedBytes });
  }
  return frames;
}
