// The conversation of a journal with meta about what was deleted (N2): in pages, and behind the view.

import { systemTimers } from '@robustmq/runtime';
import { Deletions } from '../src/directory/deletions.ts';
import type { DeletedStream, DeletionPage } from '../src/shard/cluster-port.ts';

const named = (streamId: number): DeletedStream => ({ streamId, topicId: `topic-${streamId}` });

/** A conversation with a meta that answers these pages; resolves once the last one was looked at. */
function conversation(
  pages: readonly DeletionPage[],
  remove: (deleted: readonly DeletedStream[]) => readonly number[],
  reached: (revision: number) => Promise<void> = () => Promise.resolve(),
): { asked: number[]; acknowledged: number[]; looked: Promise<void> } {
  const asked: number[] = [];
  const acknowledged: number[] = [];
  const looked = new Promise<void>((resolve) => {
    const deletions = new Deletions({
      cluster: {
        reached,
        listDeletions: (afterStreamId) => {
          asked.push(afterStreamId);
          return Promise.resolve(pages[asked.length - 1]!);
        },
        acknowledgeDeletions: (streamIds) => {
          acknowledged.push(...streamIds);
          return Promise.resolve();
        },
      },
      timers: systemTimers,
      log: { warn: () => undefined },
      remove: (deleted) => Promise.resolve(remove(deleted)),
      looked: resolve,
    });
    deletions.look();
  });
  return { asked, acknowledged, looked };
}

test('deletions that are kept for a reason do not hide those behind them (N2, I8)', async () => {
  const { asked, acknowledged, looked } = conversation(
    [
      { deleted: [named(1), named(2)], nextAfterStreamId: 2, revision: 9 },
      { deleted: [], nextAfterStreamId: 7, revision: 9 },
      { deleted: [named(8)], nextAfterStreamId: 0, revision: 9 },
    ],
    (deleted) => deleted.map(({ streamId }) => streamId).filter((streamId) => streamId > 2),
  );
  await looked;
  expect(asked).toEqual([0, 2, 7]);
  expect(acknowledged).toEqual([8]);
});

test('nothing is removed or acknowledged before the view is past the deletions: it may show a creation yet (N2)', async () => {
  const view = Promise.withResolvers<void>();
  const asking = Promise.withResolvers<number>();
  const removed: number[] = [];
  const { acknowledged, looked } = conversation(
    [{ deleted: [named(5)], nextAfterStreamId: 0, revision: 12 }],
    (deleted) => {
      removed.push(...deleted.map(({ streamId }) => streamId));
      return removed;
    },
    (revision) => {
      asking.resolve(revision);
      return view.promise;
    },
  );
  expect(await asking.promise).toBe(12);
  expect([removed, acknowledged]).toEqual([[], []]);
  view.resolve();
  await looked;
  expect([removed, acknowledged]).toEqual([[5], [5]]);
});
