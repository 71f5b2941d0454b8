// Known bugs of a journal, planted where a simulation runs it.

import type { CommitLog } from '@robustmq/commit-log';
import type { OpenedDirectory } from '../src/directory/recovery.ts';
import type { Shard } from '../src/shard/shard.ts';

/** Bugs that the simulation must find. */
export type JournalMutant =
  | 'none'
  | 'no fdatasync'
  | 'acknowledge before fdatasync'
  | 'deliver above HW'
  | 'epoch reused after a restart'
  | 'refused ticks stay in the producer table';

/** Plants what is wrong with syncs. */
export function plantedDirectory(mutant: JournalMutant, opened: OpenedDirectory): OpenedDirectory {
  const { commitLog } = opened;
  if (mutant === 'acknowledge before fdatasync')
    return { ...opened, commitLog: instead(commitLog, () => void commitLog.sync().catch(() => undefined)) };
  return mutant === 'no fdatasync' ? { ...opened, commitLog: instead(commitLog, () => undefined) } : opened;
}

/** Plants what is wrong with a shard. */
export function plantInShard(mutant: JournalMutant, shard: Shard): void {
  if (mutant === 'refused ticks stay in the producer table') shard.producers.takeBack = () => undefined;
  if (mutant === 'deliver above HW')
    Object.defineProperty(shard, 'highWatermark', { get: () => shard.log.logEndOffset });
}

/** A commit log whose `sync` claims to be done at once. */
function instead(commitLog: CommitLog, sync: () => void): CommitLog {
  return new Proxy(commitLog, {
    get(target, name) {
      if (name === 'sync') {
        return () => {
          sync();
          return Promise.resolve(target.endPosition);
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
