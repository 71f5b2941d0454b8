import { Random, SimulatedDisk, VirtualClock } from '../src/index.ts';
import { SECTOR_BYTES } from '../src/simulation/simulated-file.ts';

const NOTHING = { sector: 0, size: 0 };
const EVERYTHING = { sector: 1, size: 1 };

describe('simulated disk', () => {
  let clock: VirtualClock;
  let disk: SimulatedDisk;
  beforeEach(() => {
    clock = new VirtualClock();
    disk = new SimulatedDisk(clock, new Random(1));
  });

  /** A file with a durable name and durable content. */
  async function durable(path: string, content: string): Promise<void> {
    const file = disk.create(path);
    file.write(Buffer.from(content), 0);
    await clock.settle(file.sync());
    await clock.settle(disk.syncDirectory('d'));
  }

  const text = (path: string): string => disk.contentOf(path).toString();

  test('synced content and names survive a power cut, the rest may not', async () => {
    await durable('d/a', 'kept');
    disk.open('d/a').write(Buffer.from('lost'), 0);
    disk.create('d/b').write(Buffer.from('x'), 0);
    disk.cutPower(NOTHING);
    expect(text('d/a')).toBe('kept');
  });

  test('a killed process leaves its writes visible but not durable', async () => {
    await durable('d/a', 'kept');
    disk.open('d/a').write(Buffer.from('seen'), 0);
    disk.kill();
    expect(text('d/a')).toBe('seen');
    disk.cutPower(NOTHING);
    expect(text('d/a')).toBe('kept');
  });

  test('a write may survive in part: whole sectors, in any order', async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      clock = new VirtualClock();
      disk = new SimulatedDisk(clock, new Random(seed));
      await durable('d/a', 'o'.repeat(3 * SECTOR_BYTES));
      disk.open('d/a').write(Buffer.alloc(3 * SECTOR_BYTES, 'n'), 0);
      disk.cutPower({ sector: 0.5, size: 1 });
      const sectors = [0, 1, 2].map((i) => text('d/a').slice(i * SECTOR_BYTES, (i + 1) * SECTOR_BYTES));
      for (const sector of sectors) expect(new Set(sector).size).toBe(1);
      outcomes.add(sectors.map((sector) => sector[0]).join(''));
    }
    expect(outcomes.size).toBe(8);
  });

  test('a sync covers what was written before it began', async () => {
    await durable('d/a', 'old.');
    const file = disk.open('d/a');
    file.write(Buffer.from('one.'), 0);
    const sync = file.sync();
    file.write(Buffer.from('two.'), 0);
    await clock.settle(sync);
    disk.cutPower(NOTHING);
    expect(text('d/a')).toBe('one.');
  });

  test('after a failed sync a good one proves nothing (fsyncgate)', async () => {
    await durable('d/a', 'old.');
    const file = disk.open('d/a');
    file.write(Buffer.from('new.'), 0);
    disk.behaviour.syncErrorRate = 1;
    await expect(clock.settle(file.sync())).rejects.toMatchObject({ code: 'storage_failed' });
    disk.behaviour.syncErrorRate = 0;
    await clock.settle(file.sync());
    expect(text('d/a')).toBe('new.');
    disk.cutPower(EVERYTHING);
    expect(text('d/a')).toBe('old.');
  });

  test('a rename is lost or kept as a whole, and never before what came first', async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      clock = new VirtualClock();
      disk = new SimulatedDisk(clock, new Random(seed));
      await durable('d/a', '');
      disk.rename('d/a', 'd/b');
      disk.create('d/c');
      disk.cutPower(EVERYTHING);
      outcomes.add(disk.paths().join());
    }
    expect([...outcomes].sort()).toEqual(['d/a', 'd/b', 'd/b,d/c']);
  });

  test('truncations, flipped bits, full disks and unlinks', async () => {
    await durable('d/a', 'abcdef');
    const file = disk.open('d/a');
    file.truncate(3);
    file.truncate(5);
    expect([...disk.contentOf('d/a')]).toEqual([97, 98, 99, 0, 0]);
    disk.flipBit('d/a', 0, 1);
    expect(text('d/a').startsWith('cbc')).toBe(true);
    disk.behaviour.capacityBytes = 7;
    expect(() => file.write(Buffer.from('12345'), 5)).toThrow(
      expect.objectContaining({ code: 'storage_full' }),
    );
    expect(file.sizeBytes()).toBe(7);
    expect(() => disk.create('d/b')).toThrow(expect.objectContaining({ code: 'storage_full' }));
    await clock.settle(disk.unlinkAsync('d/a'));
    expect(disk.exists('d/a')).toBe(false);
    expect(() => disk.open('d/a')).toThrow(expect.objectContaining({ code: 'not_found' }));
  });

  test('a handle dies with its process', async () => {
    await durable('d/a', 'abc');
    const file = disk.open('d/a');
    disk.kill();
    expect(() => file.write(Buffer.from('x'), 0)).toThrow('died');
  });
});
