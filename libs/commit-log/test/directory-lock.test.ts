// One process owns a data directory (N3): the lock is the kernel's, so a killed holder leaves none.

import { fork, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { NodeDisk } from '../src/node-disk.ts';
import { scratchDirectory } from './scratch.ts';

let directory: string;
let remove: () => void;
const children: ChildProcess[] = [];

beforeEach(() => {
  ({ directory, remove } = scratchDirectory());
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  remove();
});

/** A process that has the lock when this resolves. */
async function holder(): Promise<ChildProcess> {
  const child = fork(path.join(__dirname, 'lock-holder.ts'), [directory], {
    execArgv: ['--disable-warning=MODULE_TYPELESS_PACKAGE_JSON'],
  });
  children.push(child);
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`the holder ended with ${code}`)));
  });
  return child;
}

const attempt = (folder = directory): unknown => {
  try {
    new NodeDisk().lock(folder).release();
    return undefined;
  } catch (error) {
    return error;
  }
};

test('a second owner in the same process is refused, until the first lets go (N3)', () => {
  const lock = new NodeDisk().lock(directory);
  expect(attempt()).toMatchObject({ code: 'conflict' });
  lock.release();
  lock.release();
  expect(attempt()).toBeUndefined();
});

test('the refusal names the process that has it, and touches nothing (N3)', async () => {
  const child = await holder();
  const before = fs.readdirSync(directory).sort();
  const message: unknown = expect.stringContaining(`in use by process ${child.pid} on `);
  expect(attempt()).toMatchObject({ code: 'conflict', message });
  expect(fs.readdirSync(directory).sort()).toEqual(before);
});

test('a killed owner leaves no lock behind (N3)', async () => {
  const child = await holder();
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
  expect(attempt()).toBeUndefined();
});

test('a lock file that is none is an error with a reason, not a lock', () => {
  fs.writeFileSync(path.join(directory, 'lock'), 'x'.repeat(2000));
  const message: unknown = expect.stringMatching(/lock can not be locked: .*not a database/);
  expect(attempt()).toMatchObject({ code: 'storage_failed', message });
});

test('L6: a full disk keeps nobody from its folder, and others are refused without a name', () => {
  const full = jest.spyOn(fs, 'writeFileSync').mockImplementation(() => {
    throw Object.assign(new Error('ENOSPC: write'), { code: 'ENOSPC' });
  });
  const lock = new NodeDisk().lock(directory);
  full.mockRestore();
  expect(attempt()).toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('in use by another process') as unknown,
  });
  lock.release();
  expect(attempt()).toBeUndefined();
});

describe('a folder that can hold no data is refused at once, as a mistake of who named it', () => {
  const refused = (folder: string, code: string, reason: RegExp): void => {
    const message: unknown = expect.stringMatching(
      new RegExp(`^the folder ${folder} can not be used for data: (?:${reason.source})`),
    );
    expect(attempt(folder)).toMatchObject({ code, message });
  };

  test.each(['file', 'file/below', 'file/below/deep'])('a file is in its way: %s', (name) => {
    fs.writeFileSync(path.join(directory, 'file'), '');
    refused(path.join(directory, name), 'invalid_argument', /EEXIST|ENOTDIR/);
  });

  test('its name is too long', () => {
    refused(path.join(directory, 'n'.repeat(300)), 'invalid_argument', /ENAMETOOLONG/);
  });

  test.each(['/proc/robustmq', '/proc/robustmq/meta-1'])(
    'its file system makes no names: %s (N7)',
    (folder) => {
      refused(folder, 'invalid_argument', /.*ENOENT/);
    },
  );

  test('its lock file is a folder', () => {
    fs.mkdirSync(path.join(directory, 'lock'));
    refused(directory, 'invalid_argument', /.*lock.*EISDIR/);
  });

  test.each([
    ['EACCES', 'permission_denied'],
    ['EROFS', 'permission_denied'],
    ['ENOSPC', 'storage_full'],
    ['EIO', 'storage_failed'],
  ])('its disk answers %s: %s', (errno, code) => {
    const fails = jest.spyOn(fs, 'openSync').mockImplementation(() => {
      throw Object.assign(new Error(`${errno}: open`), { code: errno });
    });
    refused(directory, code, new RegExp(`.*${errno}`));
    fails.mockRestore();
  });
});

test('directories and files are private, also a directory that was there before', () => {
  fs.chmodSync(directory, 0o755);
  const disk = new NodeDisk();
  disk.lock(directory).release();
  disk.makeDirectory(`${directory}/a/b`);
  disk.create(`${directory}/a/b/file`).close();
  const modes = ['', 'lock', 'lock-holder', 'a', 'a/b', 'a/b/file'].map((name) =>
    (fs.statSync(path.join(directory, name)).mode & 0o777).toString(8),
  );
  expect(modes).toEqual(['700', '600', '600', '700', '700', '600']);
});
