// When a sync may block the event loop, as a table; and that it does so on a real disk without changing what sync promises.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeDisk } from '../src/index.ts';
import { SyncPace } from '../src/sync-pace.ts';

const SMALL = 4096;
const LARGE = 1024 * 1024;

function trusted(): SyncPace {
  const pace = new SyncPace();
  for (let n = 0; n < 64; n++) pace.took(SMALL, 0.2);
  return pace;
}

test('an unknown disk is synced in the pool until it has been quick for long', () => {
  const pace = new SyncPace();
  for (let n = 0; n < 64; n++) {
    expect(pace.mayBlock(SMALL)).toBe(false);
    pace.took(SMALL, 0.2);
  }
  expect(pace.mayBlock(SMALL)).toBe(true);
});

test('large syncs go to the pool, whatever the disk', () => {
  expect(trusted().mayBlock(32 * 1024)).toBe(true);
  expect(trusted().mayBlock(32 * 1024 + 1)).toBe(false);
});

test('one slow small sync ends the trust; it has to be earned again', () => {
  const pace = trusted();
  pace.took(SMALL, 5);
  expect(pace.mayBlock(SMALL)).toBe(false);
  for (let n = 0; n < 63; n++) pace.took(SMALL, 0.2);
  expect(pace.mayBlock(SMALL)).toBe(false);
  pace.took(SMALL, 0.2);
  expect(pace.mayBlock(SMALL)).toBe(true);
});

test('a slow large sync says nothing of small ones', () => {
  const pace = trusted();
  pace.took(LARGE, 50);
  expect(pace.mayBlock(SMALL)).toBe(true);
});

describe('on a real disk', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'sync-pace-'));
  });
  afterEach(() => {
    jest.restoreAllMocks();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a quick disk ends up without thread hops, a failed sync still rejects', async () => {
    // The clock says that every sync is quick, however busy the machine that runs this test.
    jest.spyOn(performance, 'now').mockReturnValue(1);
    const blocking = jest.spyOn(fs, 'fdatasyncSync');
    const file = new NodeDisk().create(path.join(folder, 'f'));
    for (let n = 0; n < 70; n++) {
      file.write(Buffer.from([n]), n);
      await file.sync();
    }
    expect(blocking).toHaveBeenCalledTimes(6);
    file.write(Buffer.alloc(64 * 1024, 7), 100);
    await file.sync();
    expect(blocking).toHaveBeenCalledTimes(6);
    expect(readFileSync(file.path)).toHaveLength(100 + 64 * 1024);
    blocking.mockImplementation(() => {
      throw Object.assign(new Error('EIO'), { code: 'EIO' });
    });
    await expect(file.sync()).rejects.toMatchObject({ code: 'storage_failed' });
    file.close();
  });
});
