// Meta-service under power cuts and kills, from seeds; and the mutants of rule M1, which the same world must catch.
import type { Disk, DiskFile } from '@robustmq/commit-log';
import { KeyValueBatch, type KeyValueStore } from '@robustmq/kv-store';
import { firstFailingSeed, simulate, simulationLimitMs } from '@robustmq/testkit';
import { runCommand } from '../src/cluster/commands.ts';
import { ClusterDraft } from '../src/cluster/draft.ts';
import { APPLIED_KEY, CHECKPOINT_RULE, type CheckpointRule } from '../src/log/checkpoint-rule.ts';
import { encodeMark } from '../src/log/log-entries.ts';
import { COVERAGE, MetaWorld, type WorldOptions } from './support/meta-world.ts';

const SEEDS = 200;
const LIVES = 4;

const run = (options: WorldOptions) => (seed: number) => new MetaWorld(seed, options).run(LIVES);

test(
  'nothing acknowledged is lost, applied twice or visible in part (I1, I9, M1, M2, N8)',
  async () => {
    let acknowledgements = 0;
    const runs = await simulate({ seeds: SEEDS }, async (seed) => {
      const world = new MetaWorld(seed);
      await world.run(LIVES);
      acknowledgements += world.acknowledgements;
    });
    if (runs < SEEDS) return;
    for (const [event, count] of Object.entries(COVERAGE)) expect([event, count > 10]).toEqual([event, true]);
    expect(acknowledgements).toBeGreaterThan(SEEDS * 25);
  },
  simulationLimitMs(600_000),
);

const positionReadDuringFlush: CheckpointRule = {
  ...CHECKPOINT_RULE,
  async flush(store, families, appliedPosition) {
    for (const family of families) await store.flush(family);
    return appliedPosition();
  },
};

const marksInAnotherFamily: CheckpointRule = {
  mark: (batch, family, mark) => void batch.put(`marks-${family}`, APPLIED_KEY, encodeMark(mark)),
  familyOfMark: (family) => `marks-${family}`,
  async flush(store, families, appliedPosition) {
    const position = appliedPosition();
    for (const family of families.flatMap((name) => [name, `marks-${name}`])) await store.flush(family);
    return position;
  },
};

const idleFamiliesNotFlushed: CheckpointRule = {
  ...CHECKPOINT_RULE,
  async flush(store, families, appliedPosition) {
    const position = appliedPosition();
    for (const family of families.slice(1)) await store.flush(family);
    return position;
  },
};

/** A disk whose files sync as `sync` says. */
const syncing =
  (sync: (file: DiskFile) => Promise<void>) =>
  (disk: Disk): Disk =>
    withFiles(disk, (file) => ({ ...file, sync: () => sync(file) }));

const unsynced = syncing(() => Promise.resolve());

const syncedLate = syncing((file) => {
  file.sync().catch(() => undefined);
  return Promise.resolve();
});

function withFiles(disk: Disk, lying: (file: DiskFile) => DiskFile): Disk {
  return new Proxy(disk, {
    get(target, name) {
      if (name === 'open') return (path: string) => lying(target.open(path));
      if (name === 'create') return (path: string) => lying(target.create(path));
      const member = Reflect.get(target, name) as unknown;
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

/** Shows each row as it is put into the batch. */
const visibleInParts: WorldOptions['newClusterMachine'] = (state, leases) => ({
  keysOf: () => [],
  *apply(command, _index, view) {
    const draft = new ClusterDraft(state);
    const answer = yield* runCommand({ draft, command, leases });
    const { edits, revision } = yield* draft.prepare();
    for (const { key, value, commit } of edits) {
      yield;
      if (value === undefined) view.delete(key);
      else view.put(key, value);
      commit();
    }
    return answer(revision);
  },
});

/** Changes what is committed while the command runs, so that one that is cut off by a kill is replayed on top of itself. */
const writtenInParts = (store: KeyValueStore): KeyValueStore =>
  new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (name !== 'write') return typeof member === 'function' ? (member.bind(target) as unknown) : member;
      return async ({ changes }: KeyValueBatch) => {
        const middle = changes.length >> 1;
        for (const part of [changes.slice(0, middle), changes.slice(middle)]) {
          const batch = new KeyValueBatch();
          batch.changes.push(...part);
          await target.write(batch);
        }
      };
    },
  });

test.each<[string, WorldOptions]>([
  ['rows that are visible before the last step of their command', { newClusterMachine: visibleInParts }],
  ['a command that is written in two batches', { wrapStore: writtenInParts }],
  ['applied index read during the flush', { rule: positionReadDuringFlush }],
  ['applied index in another column family', { rule: marksInAnotherFamily }],
  ['a family that is not flushed', { rule: idleFamiliesNotFlushed }],
  ['no fdatasync', { wrapDisk: unsynced }],
  ['acknowledge before fdatasync', { wrapDisk: syncedLate }],
])(
  'the simulation catches: %s',
  async (_name, options) => {
    expect(await firstFailingSeed({ seeds: SEEDS }, run(options))).toBeDefined();
  },
  120_000,
);
