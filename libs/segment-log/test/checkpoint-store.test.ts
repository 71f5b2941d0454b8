import fs from 'node:fs';
import { crc32c } from '@robustmq/bytes';
import { NodeDisk } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import { CheckpointStore } from '../src/index.ts';
import type { Checkpoint } from '../src/checkpoint-format.ts';
import { scratchDirectory } from './batches.ts';

const disk = new NodeDisk();

function checkpoint(position: number): Checkpoint {
  return {
    position,
    extra: Buffer.from('directory'),
    shards: [
      {
        streamId: 7,
        shard: 3,
        topicId: 'c3a8c2f0-0000-4000-8000-000000000007',
        logStartOffset: 5,
        logEndOffset: 90,
        segments: [
          { baseOffset: 0, lengthBytes: 1000, maxTimestampMs: 1_700_000_000_000 },
          { baseOffset: 50, lengthBytes: 0, maxTimestampMs: -1 },
        ],
        leaderEpochs: [{ leaderEpoch: 2, startOffset: 0 }],
        extra: Buffer.alloc(0),
      },
    ],
  };
}

describe('checkpoint store (L3)', () => {
  let directory: string;
  let remove: () => void;
  beforeEach(() => ({ directory, remove } = scratchDirectory()));
  afterEach(() => remove());

  const slot = (i: number): string => `${directory}/checkpoint-${i}`;

  test('a new directory has an empty checkpoint', async () => {
    expect((await CheckpointStore.open(disk, directory)).latest).toEqual({
      position: 0,
      shards: [],
      extra: Buffer.alloc(0),
    });
  });

  test('the last one saved is loaded, shorter ones included', async () => {
    const store = await CheckpointStore.open(disk, directory);
    await store.save(checkpoint(10));
    expect((await CheckpointStore.open(disk, directory)).latest).toEqual(checkpoint(10));
    await store.save({ position: 11, shards: [], extra: Buffer.alloc(0) });
    expect((await CheckpointStore.open(disk, directory)).latest.position).toBe(11);
  });

  test('N8: however it is cut into pieces and slices, the bytes are the same', async () => {
    const [{ shards, ...rest }] = [checkpoint(10)];
    const many: Checkpoint = {
      ...rest,
      shards: Array.from({ length: 3_000 }, (_, shard) => ({
        ...shards[0]!,
        shard,
        extra: Buffer.alloc(shard % 1_000 === 0 ? 100_000 : 40, shard),
      })),
    };
    const store = await CheckpointStore.open(disk, directory);
    await store.save(many);
    const whole = fs.readFileSync(slot(0));
    let looks = 0;
    let turns = 0;
    const turn = {
      get isSpent() {
        looks++;
        return looks % 10 === 0;
      },
      yield: () => (turns++, Promise.resolve()),
    };
    await store.save(many, turn);
    const sliced = fs.readFileSync(slot(0));
    // The generation alone differs, and the checksum with it.
    for (const bytes of [whole, sliced]) bytes.fill(0, 8, 24);
    expect(sliced.equals(whole)).toBe(true);
    expect(looks).toBeGreaterThanOrEqual(3_000);
    expect(turns).toBe(Math.floor(looks / 10));
    expect((await CheckpointStore.open(disk, directory)).latest).toEqual(many);
  });

  test.each([0, 1])('one damaged copy changes nothing (slot %i)', async (damaged) => {
    const store = await CheckpointStore.open(disk, directory);
    await store.save(checkpoint(10));
    const bytes = fs.readFileSync(slot(damaged));
    bytes[30]! ^= 1;
    fs.writeFileSync(slot(damaged), bytes);
    const again = await CheckpointStore.open(disk, directory);
    expect(again.latest).toEqual(checkpoint(10));
    // It mends the copy.
    expect(fs.readFileSync(slot(0)).equals(fs.readFileSync(slot(1)))).toBe(true);
  });

  test.each([0, 1])('one that is gone is made anew from the other (slot %i)', async (lost) => {
    const store = await CheckpointStore.open(disk, directory);
    await store.save(checkpoint(10));
    fs.rmSync(slot(lost));
    const again = await CheckpointStore.open(disk, directory);
    expect(again.latest).toEqual(checkpoint(10));
    expect(fs.readFileSync(slot(0)).equals(fs.readFileSync(slot(1)))).toBe(true);
  });

  test('a torn write leaves the checkpoint before', async () => {
    const store = await CheckpointStore.open(disk, directory);
    await store.save(checkpoint(10));
    const before = fs.readFileSync(slot(1));
    await store.save(checkpoint(20));
    fs.writeFileSync(slot(1), before);
    fs.writeFileSync(slot(0), fs.readFileSync(slot(0)).subarray(0, 40));
    expect((await CheckpointStore.open(disk, directory)).latest.position).toBe(10);
  });

  test.each([0, 1])(
    'a sound one of another version is refused in words, not taken for damage (N17; slot %i)',
    async (which) => {
      await (await CheckpointStore.open(disk, directory)).save(checkpoint(10));
      const bytes = fs.readFileSync(slot(which));
      bytes.writeUInt32BE(3, 4);
      const end = 24 + bytes.readUInt32BE(16);
      bytes.writeUInt32BE(crc32c(bytes, 24, end, crc32c(bytes, 0, 20)) >>> 0, 20);
      fs.writeFileSync(slot(which), bytes);
      await expect(CheckpointStore.open(disk, directory)).rejects.toMatchObject({
        code: 'unsupported',
        message: expect.stringContaining('version: 3') as unknown,
      });
      // A flipped bit in the version is damage like any other.
      bytes[7]! ^= 4;
      fs.writeFileSync(slot(which), bytes);
      expect((await CheckpointStore.open(disk, directory)).latest).toEqual(checkpoint(10));
    },
  );

  describe('on a full disk the directory is opened (L6)', () => {
    /** Takes so many bytes of each file that is written over. */
    class FullDisk extends NodeDisk {
      writes = 0;
      constructor(private readonly fails: (write: number) => boolean) {
        super();
      }
      override open(path: string): ReturnType<NodeDisk['open']> {
        const file = super.open(path);
        const { writeAsync } = file;
        file.writeAsync = async (bytes, position) => {
          if (!this.fails(this.writes++)) return writeAsync.call(file, bytes, position);
          await writeAsync.call(file, bytes.subarray(0, 20), position);
          throw new BrokerError('storage_full', path);
        };
        return file;
      }
    }
    const always = (): boolean => true;

    /** As a save of 20 leaves it that ended between the two files, over one of 10. */
    const betweenFiles = async (): Promise<void> => {
      const store = await CheckpointStore.open(disk, directory);
      await store.save(checkpoint(10));
      const before = fs.readFileSync(slot(1));
      await store.save(checkpoint(20));
      fs.writeFileSync(slot(1), before);
    };

    test.each([0, 1])('with the checkpoint that both files have, and it is kept (write %i)', async (from) => {
      await (await CheckpointStore.open(disk, directory)).save(checkpoint(10));
      const full = new FullDisk((write) => write >= from);
      expect((await CheckpointStore.open(full, directory)).latest).toEqual(checkpoint(10));
      expect((await CheckpointStore.open(disk, directory)).latest).toEqual(checkpoint(10));
    });

    test('with the one before, if the last one may not be durable: what lies behind it was not recycled (L5)', async () => {
      await betweenFiles();
      const store = await CheckpointStore.open(new FullDisk(always), directory);
      expect(store.latest).toEqual(checkpoint(10));
    });

    test('and saves the next one over the one that may not be durable', async () => {
      await betweenFiles();
      const store = await CheckpointStore.open(new FullDisk((write) => write === 0), directory);
      await store.save(checkpoint(30));
      expect(store.latest).toEqual(checkpoint(30));
      expect((await CheckpointStore.open(disk, directory)).latest).toEqual(checkpoint(30));
    });

    test('also where the other file has none: it was written behind the one that is there', async () => {
      await (await CheckpointStore.open(disk, directory)).save(checkpoint(10));
      fs.writeFileSync(slot(0), '');
      expect((await CheckpointStore.open(new FullDisk(always), directory)).latest).toEqual(checkpoint(10));
    });

    test('and any other failure of the disk ends the opening', async () => {
      await (await CheckpointStore.open(disk, directory)).save(checkpoint(10));
      const broken = new NodeDisk();
      const open = broken.open.bind(broken);
      broken.open = (path) => {
        const file = open(path);
        file.writeAsync = () => Promise.reject(new BrokerError('storage_failed', path));
        return file;
      };
      await expect(CheckpointStore.open(broken, directory)).rejects.toMatchObject({ code: 'storage_failed' });
    });
  });

  test('both damaged, or one damaged and one gone, is not a new directory', async () => {
    const store = await CheckpointStore.open(disk, directory);
    await store.save(checkpoint(10));
    fs.writeFileSync(slot(0), 'nonsense');
    fs.unlinkSync(slot(1));
    await expect(CheckpointStore.open(disk, directory)).rejects.toMatchObject({ code: 'corrupt' });
    fs.writeFileSync(slot(1), 'nonsense');
    await expect(CheckpointStore.open(disk, directory)).rejects.toMatchObject({ code: 'corrupt' });
  });

  test.each([
    ['both empty', ['', '']],
    ['one empty, one cut short', ['', 'RMCP']],
    ['one empty, one gone', ['', undefined]],
    ['both gone', [undefined, undefined]],
  ])(
    '%s in a directory in use is damage, and in a new one its first save cut short (L3)',
    async (_, left) => {
      const store = await CheckpointStore.open(disk, directory);
      await store.save(checkpoint(10));
      for (const [index, content] of left.entries()) {
        if (content === undefined) fs.rmSync(slot(index));
        else fs.writeFileSync(slot(index), content);
      }
      await expect(CheckpointStore.open(disk, directory, true)).rejects.toMatchObject({
        code: 'corrupt',
        message: expect.stringContaining(directory) as unknown,
      });
      expect(
        left.map((_content, index) =>
          fs.existsSync(slot(index)) ? fs.readFileSync(slot(index), 'utf8') : undefined,
        ),
      ).toEqual(left);
      expect((await CheckpointStore.open(disk, directory)).latest.position).toBe(0);
    },
  );

  test.each([0, 1])('one that is cut short changes nothing (slot %i)', async (cut) => {
    await (await CheckpointStore.open(disk, directory)).save(checkpoint(10));
    const whole = fs.readFileSync(slot(cut));
    for (let bytes = whole.length - 1; bytes >= 0; bytes -= 9) {
      fs.writeFileSync(slot(cut), whole.subarray(0, bytes));
      expect((await CheckpointStore.open(disk, directory, true)).latest).toEqual(checkpoint(10));
    }
  });
});
