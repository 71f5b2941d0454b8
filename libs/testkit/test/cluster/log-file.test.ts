// A log that another process appends to stays bounded.
import { closeSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { LogFile } from '../../src/cluster/log-file.ts';

const MAX_BYTES = 100;
let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'robustmq-log-'));
  file = path.join(folder, 'one.log');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('a large log becomes the previous one; its writer goes on at the start of an empty file', () => {
  const log = new LogFile(file, MAX_BYTES);
  const writer = log.open();
  for (const round of ['a', 'b']) {
    const line = round.repeat(MAX_BYTES);
    writeSync(writer, line);
    expect(log.rotateWhenLarge()).toBe(true);
    writeSync(writer, 'after');
    expect(readFileSync(file, 'utf8')).toBe('after');
    expect(readFileSync(`${file}.1`, 'utf8')).toBe(round === 'a' ? line : `after${line}`);
  }
  closeSync(writer);
  expect([file, `${file}.1`].map((each) => statSync(each).mode & 0o777)).toEqual([0o600, 0o600]);
});

test('a small log, and one that is not there, stay as they are', () => {
  const log = new LogFile(file, MAX_BYTES);
  expect(log.rotateWhenLarge()).toBe(false);
  closeSync(log.open());
  expect(log.rotateWhenLarge()).toBe(false);
  expect(existsSync(`${file}.1`)).toBe(false);
});
