// N7, N9: a directory that can't be made is an error at once, wherever it was to be.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { makeDirectory } from '../src/make-directory.ts';

let scratch: string;

beforeEach(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'make-directory-'));
});

afterEach(() => {
  fs.rmSync(scratch, { recursive: true });
});

test('it is made with all that is missing above it, for its owner alone, and once', () => {
  const deep = path.join(scratch, 'a', 'b', 'c');
  makeDirectory(deep, 0o700);
  makeDirectory(deep, 0o700);
  const modes = ['a', 'a/b', 'a/b/c'].map((name) => fs.statSync(path.join(scratch, name)).mode & 0o777);
  expect(modes).toEqual([0o700, 0o700, 0o700]);
});

test('a relative one is made below the working directory', () => {
  const relative = path.relative(process.cwd(), path.join(scratch, 'x', 'y'));
  makeDirectory(relative, 0o700);
  expect(fs.statSync(path.join(scratch, 'x', 'y')).isDirectory()).toBe(true);
});

test('what is above it may be made by another process meanwhile', () => {
  const { mkdirSync } = fs;
  const above = path.join(scratch, 'a');
  jest.spyOn(fs, 'mkdirSync').mockImplementationOnce((directory, options) => {
    try {
      return mkdirSync(directory, options);
    } finally {
      mkdirSync(above);
    }
  });
  makeDirectory(path.join(above, 'b'), 0o700);
  expect(fs.readdirSync(above)).toEqual(['b']);
});

test('a link to a directory is one', () => {
  fs.mkdirSync(path.join(scratch, 'real'));
  fs.symlinkSync(path.join(scratch, 'real'), path.join(scratch, 'link'));
  makeDirectory(path.join(scratch, 'link', 'sub'), 0o700);
  expect(fs.readdirSync(path.join(scratch, 'real'))).toEqual(['sub']);
});

test.each([
  ['file', 'EEXIST'],
  ['file/below', 'ENOTDIR'],
  ['file/below/deep', 'ENOTDIR'],
])('a file in its way is an error: %s', (name, code) => {
  fs.writeFileSync(path.join(scratch, 'file'), '');
  expect(() => makeDirectory(path.join(scratch, name), 0o700)).toThrow(new RegExp(`^${code}`));
});

test('a link that leads nowhere is an error, and is not followed for ever', () => {
  fs.symlinkSync(path.join(scratch, 'gone'), path.join(scratch, 'link'));
  expect(() => makeDirectory(path.join(scratch, 'link'), 0o700)).toThrow(/^EEXIST/);
  expect(() => makeDirectory(path.join(scratch, 'link', 'below'), 0o700)).toThrow();
});

test.each(['robustmq', 'robustmq/below/deep'])(
  'a file system that makes no names is an error: /proc/%s',
  (name) => {
    expect(() => makeDirectory(path.join('/proc', name), 0o700)).toThrow(/^ENOENT/);
  },
);
