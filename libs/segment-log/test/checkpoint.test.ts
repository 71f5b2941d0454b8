// How the shards of a checkpoint are synced: all before anything is stored (L3), some at once if the caller says so, and nothing is
// left under way by one that fails (L5).

import type { CommitLog } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import { drained } from '@robustmq/testkit';
import { runCheckpoint } from '../src/checkpoint.ts';
import type { CheckpointStore } from '../src/checkpoint-store.ts';
import type { SegmentLog } from '../src/segment-log.ts';

const SHARDS = 7;

/** Syncs that are under way, by their shard. */
let underWay: Map<number, { end(): void; fail(): void }>;
/** What happened, in order. */
let steps: string[];
let most: number;

beforeEach(() => {
  underWay = new Map();
  steps = [];
  most = 0;
});

function logOf(streamId: number): SegmentLog {
  const sync = (): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const over = (): boolean => underWay.delete(streamId);
      underWay.set(streamId, {
        end: () => resolve(over()),
        fail: () => over() && reject(new BrokerError('storage_failed', `${streamId}`)),
      });
      most = Math.max(most, underWay.size);
    });
  return {
    prepareCheckpoint: () => ({ record: {}, sync }),
    checkpointed: () => steps.push(`checkpointed ${streamId}`),
  } as unknown as SegmentLog;
}

/** What becomes of a checkpoint. */
function begin(syncsAtOnce?: number): Promise<string> {
  const commitLog = { endPosition: 0, recycle: async () => void steps.push('recycle') };
  const store = { latest: { position: 0 }, save: async () => void steps.push('save') };
  const shards = Array.from({ length: SHARDS }, (_, n) => ({ streamId: n + 1, shard: 0, log: logOf(n + 1) }));
  return runCheckpoint({
    commitLog: commitLog as unknown as CommitLog,
    store: store as unknown as CheckpointStore,
    shards,
    appliedPosition: 0,
    pace: async (hasSynced) => void steps.push(`${hasSynced}`),
    ...(syncsAtOnce !== undefined && { syncsAtOnce }),
  }).then(
    () => 'made',
    ({ code, message }: BrokerError) => `${code} ${message}`,
  );
}

test.each([
  [undefined, 1],
  [1, 1],
  [3, 3],
  [100, SHARDS],
])(
  'with %p syncs at once, %i run at most, in order, each is paced, and all come before the rest (L3)',
  async (given, expected) => {
    const outcome = begin(given);
    for (let next = 1; next <= SHARDS; next += 1) {
      await drained();
      expect([...underWay.keys()][0]).toBe(next);
      expect(steps).toEqual(Array<string>(next - 1).fill('true'));
      underWay.get(next)!.end();
    }
    expect(await outcome).toBe('made');
    expect(most).toBe(expected);
    const made = Array.from({ length: SHARDS }, (_, n) => `checkpointed ${n + 1}`);
    expect(steps.slice(SHARDS)).toEqual(['save', ...made, 'recycle']);
  },
);

test('one that fails ends it with its error once the others that run have ended, and no other begins (L5)', async () => {
  let hasEnded = false;
  const outcome = begin(3).finally(() => (hasEnded = true));
  await drained();
  underWay.get(2)!.fail();
  await drained();
  expect([[...underWay.keys()], hasEnded]).toEqual([[1, 3], false]);
  underWay.get(3)!.fail();
  underWay.get(1)!.end();
  expect(await outcome).toBe('storage_failed 2');
  expect([underWay.size, most]).toEqual([0, 3]);
  expect(steps).toEqual(['true']);
});
