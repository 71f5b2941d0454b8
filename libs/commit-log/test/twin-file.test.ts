// Facts with a checksum and a copy: no flipped bit changes what they say (N2).

import fs from 'node:fs';
import { crc32c } from '@robustmq/bytes';
import { NodeDisk } from '../src/node-disk.ts';
import { twinFile } from '../src/twin-file.ts';
import { flipBit, scratchDirectory } from './scratch.ts';

let directory: string;
let remove: () => void;
let path: string;
const disk = new NodeDisk();
const FACTS = { directoryId: 'd-1', note: 'with "quotes", ünïcode and\nlines' };

beforeEach(() => {
  ({ directory, remove } = scratchDirectory());
  path = `${directory}/facts.json`;
});

afterEach(() => remove());

test('what was written is read; before that there is nothing', async () => {
  expect(twinFile.read(disk, path)).toBeUndefined();
  await twinFile.write(disk, path, FACTS);
  expect(twinFile.read(disk, path)).toEqual({ facts: FACTS, damagedPath: undefined });
  await twinFile.write(disk, path, { directoryId: 'd-2' });
  expect(twinFile.read(disk, path)?.facts).toEqual({ directoryId: 'd-2' });
  expect(JSON.parse(fs.readFileSync(path, 'utf8'))).toMatchObject({
    formatVersion: 1,
    facts: { directoryId: 'd-2' },
  });
});

test('each flipped bit of either file is seen, and the other file answers (N2)', async () => {
  await twinFile.write(disk, path, FACTS);
  for (const damaged of [path, twinFile.copyPath(path)]) {
    const bytes = fs.readFileSync(damaged);
    for (let position = 0; position < bytes.length; position++) {
      flipBit(damaged, position);
      expect(twinFile.read(disk, path)).toEqual({ facts: FACTS, damagedPath: damaged });
      fs.writeFileSync(damaged, bytes);
    }
  }
});

test('one file that is missing, empty or cut is answered for by the other', async () => {
  await twinFile.write(disk, path, FACTS);
  const bytes = fs.readFileSync(path);
  fs.writeFileSync(path, '');
  expect(twinFile.read(disk, path)).toEqual({ facts: FACTS, damagedPath: path });
  fs.writeFileSync(path, bytes.subarray(0, bytes.length - 1));
  expect(twinFile.read(disk, path)).toEqual({ facts: FACTS, damagedPath: path });
  fs.rmSync(path);
  expect(twinFile.read(disk, path)).toEqual({ facts: FACTS, damagedPath: path });
});

test('two damaged files are an error that names both (N2)', async () => {
  await twinFile.write(disk, path, FACTS);
  flipBit(path, 30);
  flipBit(twinFile.copyPath(path), 40);
  expect(() => twinFile.read(disk, path)).toThrow(`${path} and ${twinFile.copyPath(path)} are damaged`);
});

test('a version that this one does not know is said to be that', () => {
  const covered = Buffer.from('{"formatVersion":2,"facts":{}');
  const crc = crc32c(covered, 0, covered.length).toString(16).padStart(8, '0');
  fs.writeFileSync(path, `${covered.toString()},"crc32c":"${crc}"}\n`);
  expect(() => twinFile.read(disk, path)).toThrow(/written by another version: 2/);
});
