import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { CommitLogRecovery, Section } from '../src/index.ts';

/** A directory of its own for one test; removed by the returned function. */
export function scratchDirectory(): { directory: string; remove: () => void } {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'commit-log-'));
  return { directory, remove: () => fs.rmSync(directory, { recursive: true, force: true }) };
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
  for (const name of ['files.json', 'files.json.copy']) fs.rmSync(path.join(directory, name));
}
