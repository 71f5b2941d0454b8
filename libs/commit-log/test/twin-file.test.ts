// Facts with a checksum and a copy: no flipped bit changes what they say (N2).

import fs from 'node:fs';
import { crc32c } from '@robustmq/bytes';
import { NodeDisk } from '../src/node-disk.ts';
import { readTwin, twinPath, writeTwin } from '../src/twin-file.ts';
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
  expect(readTwin(disk, path)).toBeUndefined();
  await writeTwin(disk, path, FACTS);
  expect(readTwin(disk, path)).toEqual({ facts: FACTS, damagedPath: undefined });
  await writeTwin(disk, path, { directoryId: 'd-2' });
  expect(readTwin(disk, path)?.facts).toEqual({ directoryId: 'd-2' });
  expect(JSON.parse(fs.readFileSync(path, 'utf8'))).toMatchObject({
    formatVersion: 1,
    facts: { directoryId: 'd-2' },
  });
});

test('each flipped bit of either file is seen, and the other file answers (N2)', async () => {
  await writeTwin(disk, path, FACTS);
  for (const damaged of [path, twinPath(path)]) {
    const bytes = fs.readFileSync(damaged);
    for (let position = 0; position < bytes.length; position++) {
      flipBit(damaged, position);
      expect(readTwin(disk, path)).toEqual({ facts: FACTS, damagedPath: damaged });
      fs.writeFileSync(damaged, bytes);
    }
  }
});

test('one file that is missing, empty or cut is answered for by the other', async () => {
  await writeTwin(disk, path, FACTS);
  const bytes = fs.readFileSync(path);
  fs.writeFileSync(path, '');
  expect(readTwin(disk, path)).toEqual({ facts: FACTS, damagedPath: path });
  fs.writeFileSync(path, bytes.subarray(0, bytes.length - 1));
  expect(readTwin(disk, path)).toEqual({ facts: FACTS, damagedPath: path });
  fs.rmSync(path);
  expect(readTwin(disk, path)).toEqual({ facts: FACTS, damagedPath: path });
});

test('two damaged files are an error that names both (N2)', async () => {
  await writeTwin(disk, path, FACTS);
  flipBit(path, 30);
  flipBit(twinPath(path), 40);
  expect(() => readTwin(disk, path)).toThrow(`${path} and ${twinPath(path)} are damaged`);
});

test('a version that this one does not know is said to be that', () => {
  const covered = Buffer.from('{"formatVersion":2,"facts":{}');
  const crc = crc32c(covered, 0, covered.length).toString(16).padStart(8, '0');
  fs.writeFileSync(path, `${covered.toString()},"crc32c":"${crc}"}\n`);
  expect(() => readTwin(disk, path)).toThrow(/written by another version: 2/);
});
