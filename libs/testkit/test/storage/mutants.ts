// Planted bugs, one per rule: the simulation must find each, or it proves nothing.

import { CommitLog, parentOf, type Disk, type DiskFile } from '@robustmq/commit-log';
import { RECOVERY_RULES } from '@robustmq/commit-log/testing';
import { runCheckpoint } from '@robustmq/segment-log';
import type { CheckpointInput } from '@robustmq/segment-log/testing';
import { readForeignFrames, readForeignSections } from './frame-reader.ts';
import type { JournalSteps } from './mini-journal.ts';
import type { WorldOptions } from './storage-world.ts';

/** A disk whose files are changed by `change`. */
export function withFiles(disk: Disk, change: (file: DiskFile) => Partial<DiskFile>): Disk {
  const wrap = (file: DiskFile): DiskFile => ({ ...file, ...change(file) });
  return {
    lock: (directory) => disk.lock(directory),
    makeDirectory: (directory) => disk.makeDirectory(directory),
    removeDirectory: (directory) => disk.removeDirectory(directory),
    list: (directory) => disk.list(directory),
    exists: (path) => disk.exists(path),
    modifiedAtMs: (path) => disk.modifiedAtMs(path),
    open: (path) => wrap(disk.open(path)),
    create: (path) => wrap(disk.create(path)),
    rename: (from, to) => disk.rename(from, to),
    unlink: (path) => disk.unlink(path),
    unlinkAsync: (path) => disk.unlinkAsync(path),
    syncDirectory: (directory) => disk.syncDirectory(directory),
  };
}

/** The same disk, wrapped as the mutants wrap it. */
export function wrapped(disk: Disk): Disk {
  return withFiles(disk, () => ({}));
}

/**
 * A reader that follows the bytes: behind the last frame of the log it goes on with whatever frame with a good CRC lies
 * next in that file. In a recycled file those are frames of its former life.
 */
const replayStale: JournalSteps['openCommitLog'] = async (disk, directory, options) => {
  const names = disk.list(directory).filter((name) => name.endsWith('.commit'));
  const files = names.map((name) => `${directory}/${name}`);
  const frames = files.sort().flatMap((path) => readForeignFrames(path, contentOf(disk, path)));
  const opened = await CommitLog.open(disk, directory, options);
  const { recovery } = opened;
  const last = frames.findLast((frame) => frame.sequence === recovery.lastSequence);
  const next = last === undefined ? undefined : frames[frames.indexOf(last) + 1];
  if (next === undefined || next.path !== last?.path) return opened;
  const stale = {
    sequence: recovery.lastSequence + 1,
    unreadable: false,
    sections: readForeignSections(next, contentOf(disk, next.path)),
  };
  return {
    log: opened.log,
    recovery: {
      ...recovery,
      frames: function* () {
        yield* recovery.frames();
        yield stale;
      },
    },
  };
};

function contentOf(disk: Disk, path: string): Buffer {
  const file = disk.open(path);
  const bytes = Buffer.alloc(file.sizeBytes());
  file.read(bytes, 0);
  file.close();
  return bytes;
}

/** Ignores writes of more than a header into blocks that hold a frame: the rewriting of the tail. */
function dropRewrites(file: DiskFile): Partial<DiskFile> {
  return {
    write: (bytes, position) => {
      const there = Buffer.alloc(bytes.length);
      const same = file.read(there, position) === bytes.length && there.equals(bytes);
      if (!same) file.write(bytes, position);
    },
  };
}

/** Checkpoints whose steps come in another order. */
async function recycleFirst(input: CheckpointInput): Promise<void> {
  await input.commitLog.recycle(input.appliedPosition);
  await runCheckpoint(input);
}

async function storeBeforeSegments(input: CheckpointInput): Promise<void> {
  const late: (() => Promise<boolean>)[] = [];
  const shards = input.shards.map((shard) => ({
    ...shard,
    log: Object.assign(Object.create(shard.log) as typeof shard.log, {
      prepareCheckpoint: () => {
        const pending = shard.log.prepareCheckpoint();
        late.push(() => pending.sync());
        return { record: pending.record, sync: () => Promise.resolve(true) };
      },
      checkpointed: (record: Parameters<typeof shard.log.checkpointed>[0]) => shard.log.checkpointed(record),
    }),
  }));
  await runCheckpoint({ ...input, shards });
  for (const sync of late) await sync();
}

/** Name, what is broken, and the options that break it. */
export const MUTANTS: readonly (readonly [name: string, options: WorldOptions])[] = [
  ['no fdatasync (L1)', { wrapDisk: (disk) => withFiles(disk, () => ({ sync: () => Promise.resolve() })) }],
  [
    'acknowledge before fdatasync (L1)',
    {
      wrapDisk: (disk) =>
        withFiles(disk, (file) => ({
          sync: () => {
            file.sync().catch(() => undefined);
            return Promise.resolve();
          },
        })),
    },
  ],
  [
    'no directory sync (L3)',
    {
      wrapDisk: (disk) =>
        Object.assign(
          withFiles(disk, () => ({})),
          { syncDirectory: () => Promise.resolve() },
        ),
    },
  ],
  [
    'no sync of the directory above (L3)',
    {
      wrapDisk: (disk) =>
        Object.assign(
          withFiles(disk, () => ({})),
          {
            syncDirectory: (directory: string) =>
              parentOf(directory) === undefined ? Promise.resolve() : disk.syncDirectory(directory),
          },
        ),
    },
  ],
  ['recycle before the checkpoint (L3)', { steps: { checkpoint: recycleFirst } }],
  ['checkpoint stored before the segments are synced (L3)', { steps: { checkpoint: storeBeforeSegments } }],
  ['stale frame of a recycled file replayed (L1)', { steps: { openCommitLog: replayStale } }],
  [
    'a frame of whatever generation is taken (L1)',
    {
      steps: {
        commitLog: {
          rules: { ...RECOVERY_RULES, find: (scan, sequence) => scan.bySequence.get(sequence)?.[0] },
        },
      },
    },
  ],
  [
    'torn tail taken for damage (L2)',
    {
      steps: {
        commitLog: {
          rules: {
            ...RECOVERY_RULES,
            isDamage: (scan, sequence) => scan.frames.some((frame) => frame.header.sequence >= sequence),
          },
        },
      },
    },
  ],
  [
    'damage taken for a torn tail (L2)',
    { steps: { commitLog: { rules: { ...RECOVERY_RULES, isDamage: () => false } } } },
  ],
  [
    'what was not known durable is not rewritten (L5)',
    {
      steps: {
        openCommitLog: (disk, directory, options) =>
          CommitLog.open(withFiles(disk, dropRewrites), directory, options),
      },
    },
  ],
];
