// The folder of a meta-service: whose it is, that nobody else gets at it, and what it says when it is damaged (N2, N3).

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeDisk } from '@robustmq/commit-log';
import { initialPassword, openDataDirectory } from '../src/data-directory.ts';

const disk = new NodeDisk();
let directory: string;
let warnings: unknown[];

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'meta-'));
  warnings = [];
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const log = { warn: (fields: Record<string, unknown>) => void warnings.push(fields['path']) };
const open = (nodeId = 'meta-1', dataGroups = 4) =>
  openDataDirectory(disk, directory, { nodeId, dataGroups }, log);

test('what was fixed when the folder was made stays, whatever is configured later', async () => {
  expect(await open()).toEqual({ nodeId: 'meta-1', dataGroups: 4 });
  expect(await open('meta-1', 8)).toEqual({ nodeId: 'meta-1', dataGroups: 4 });
});

test('another node is refused with both names (N2)', async () => {
  await open();
  await expect(open('meta-2')).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringMatching(/node 'meta-1'.* node 'meta-2'/) as unknown,
  });
});

test('one damaged file is mended from its copy; two are refused by name (N2)', async () => {
  await open();
  const file = `${directory}/meta.json`;
  writeFileSync(file, '');
  expect(await open()).toEqual({ nodeId: 'meta-1', dataGroups: 4 });
  expect(warnings).toEqual([file]);
  writeFileSync(file, '');
  writeFileSync(`${file}.copy`, '{"formatVersion":1');
  await expect(open()).rejects.toMatchObject({
    code: 'corrupt',
    message: expect.stringContaining(`${file} and ${file}.copy are damaged`) as unknown,
  });
});

test('a folder with data that has lost its facts is not a new one (N2)', async () => {
  await open();
  rmSync(`${directory}/meta.json`);
  rmSync(`${directory}/meta.json.copy`);
  disk.makeDirectory(`${directory}/log`);
  writeFileSync(`${directory}/log/something`, '');
  await expect(open()).rejects.toMatchObject({ code: 'corrupt' });
});

test('the first password is the same at each start, and private', async () => {
  const password = await initialPassword(disk, directory);
  expect(await initialPassword(disk, directory)).toBe(password);
  expect(readFileSync(`${directory}/initial-admin-password`, 'utf8')).toBe(`${password}\n`);
  expect(statSync(`${directory}/initial-admin-password`).mode & 0o777).toBe(0o600);
});

test('a password file that was cut to nothing is written anew: no password is empty', async () => {
  const before = await initialPassword(disk, directory);
  writeFileSync(`${directory}/initial-admin-password`, '\n');
  const password = await initialPassword(disk, directory);
  expect(password.length).toBe(before.length);
  expect(password).not.toBe(before);
  expect(readFileSync(`${directory}/initial-admin-password`, 'utf8')).toBe(`${password}\n`);
  expect(statSync(`${directory}/initial-admin-password`).mode & 0o777).toBe(0o600);
});
