import fs from 'node:fs';
import { NodeDisk } from '../src/index.ts';
import { writeZeros } from '../src/disk.ts';
import { scratchDirectory } from './scratch.ts';

const disk = new NodeDisk();

describe('the disk port over node:fs', () => {
  let directory: string;
  let remove: () => void;
  beforeEach(() => ({ directory, remove } = scratchDirectory()));
  afterEach(() => remove());

  test('files are written, read, cut and renamed', async () => {
    const path = `${directory}/sub/a`;
    disk.makeDirectory(`${directory}/sub`);
    const file = disk.create(path);
    file.write(Buffer.from('hello'), 2);
    await file.writeAsync(Buffer.from('J'), 2);
    await file.sync();
    await disk.syncDirectory(`${directory}/sub`);
    const target = Buffer.alloc(10);
    expect([file.sizeBytes(), file.read(target, 2), await file.readAsync(target, 4)]).toEqual([7, 5, 3]);
    expect(target.toString('latin1', 0, 3)).toBe('llo');
    file.truncate(4);
    file.close();
    file.close();
    disk.rename(path, `${path}2`);
    expect([disk.exists(path), disk.list(`${directory}/sub`), disk.list(`${directory}/none`)]).toEqual([
      false,
      ['a2'],
      [],
    ]);
    await disk.unlinkAsync(`${path}2`);
    disk.create(path).close();
    disk.unlink(path);
    expect(disk.list(`${directory}/sub`)).toEqual([]);
  });

  test('names of a directory reach the disk by an fsync of that directory, and its failure is told (L3)', async () => {
    const synced: number[] = [];
    let failure: Error | null = null;
    const fsync = jest.spyOn(fs, 'fsync').mockImplementation((descriptor, callback) => {
      synced.push(fs.fstatSync(descriptor).ino);
      callback(failure);
    });
    // A module of its own: it takes its functions from node:fs when it is loaded.
    let fresh: NodeDisk | undefined;
    await jest.isolateModulesAsync(async () => {
      fresh = new (await import('../src/node-disk.ts')).NodeDisk();
    });
    await fresh!.syncDirectory(directory);
    expect(synced).toEqual([fs.statSync(directory).ino]);
    failure = Object.assign(new Error('EIO'), { code: 'EIO' });
    await expect(fresh!.syncDirectory(directory)).rejects.toMatchObject({ code: 'storage_failed' });
    fsync.mockRestore();
  });

  test('pre-allocation writes zeros to the end', async () => {
    const file = disk.create(`${directory}/a`);
    file.write(Buffer.from('x'), 0);
    await writeZeros(file, 1, 3_000_000);
    expect(file.sizeBytes()).toBe(3_000_000);
    const first = Buffer.alloc(2);
    file.read(first, 0);
    expect([...first]).toEqual([120, 0]);
    file.close();
  });

  test('errors carry a code of ours', async () => {
    const path = `${directory}/a`;
    expect(() => disk.open(path)).toThrow(expect.objectContaining({ code: 'not_found' }));
    const file = disk.create(path);
    expect(() => disk.create(path)).toThrow(expect.objectContaining({ code: 'already_exists' }));
    file.close();
    expect(() => file.write(Buffer.from('x'), 0)).toThrow(
      expect.objectContaining({ code: 'storage_failed' }),
    );
    expect(() => file.read(Buffer.alloc(1), 0)).toThrow(expect.objectContaining({ code: 'storage_failed' }));
    await expect(file.sync()).rejects.toMatchObject({ code: 'storage_failed' });
    await expect(file.writeAsync(Buffer.from('x'), 0)).rejects.toMatchObject({ code: 'storage_failed' });
    await expect(file.readAsync(Buffer.alloc(1), 0)).rejects.toMatchObject({ code: 'storage_failed' });
    await expect(disk.unlinkAsync(`${directory}/none`)).rejects.toMatchObject({ code: 'not_found' });
    await expect(disk.syncDirectory(`${directory}/none`)).rejects.toMatchObject({ code: 'not_found' });
  });
});
