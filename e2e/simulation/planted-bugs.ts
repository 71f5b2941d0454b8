// Known bugs, each planted in a production class for as long as a run takes: a simulation that does not find them proves
// nothing.

import { CommitLog } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import { JournalClient } from '@robustmq/journal-client';
import { Deletions } from '../../apps/journal-server/src/directory/deletions.ts';
import { Shard } from '../../apps/journal-server/src/shard/shard.ts';
import { Serving } from '../../apps/mqtt-gateway/src/serving.ts';
import { Takeovers } from '../../apps/mqtt-gateway/src/session/takeovers.ts';
import { SessionStore } from '../../apps/mqtt-gateway/src/store/session-store.ts';
import { JOURNAL_PARTS } from './journal-process.ts';

/** Plants a bug; the result takes it out again. */
export type Plant = () => () => void;

/** Replaces a method by what `make` makes of it. */
function replaced<Owner extends object, Name extends keyof Owner>(
  owner: Owner,
  name: Name,
  make: (original: Owner[Name]) => Owner[Name],
): Plant {
  return () => {
    const original = owner[name];
    owner[name] = make(original);
    return () => {
      owner[name] = original;
    };
  };
}

/** Changes what a session leaves at its release. */
function releasing(change: (release: Parameters<SessionStore['release']>[0]) => typeof release): Plant {
  return replaced(
    SessionStore.prototype,
    'release',
    (original) =>
      function (this: SessionStore, release, callback) {
        original.call(this, change(release), callback);
      },
  );
}

const SKIPPED = 3;

/** So many rounds are acknowledged before the disk hears of the first: a power cut between two of the real kind is rare. */
const ROUNDS_PER_SYNC = 8;

const syncedLate: Plant = () => {
  const rounds = new WeakMap<CommitLog, number>();
  return replaced(
    CommitLog.prototype,
    'sync',
    (original) =>
      function (this: CommitLog) {
        const round = (rounds.get(this) ?? 0) + 1;
        rounds.set(this, round);
        if (round % ROUNDS_PER_SYNC === 0) original.call(this).catch(() => undefined);
        return Promise.resolve(this.endPosition);
      },
  )();
};

const lastFrameForgotten = replaced(
  CommitLog as { open: typeof CommitLog.open },
  'open',
  (original) =>
    async (...given) => {
      const opened = await original.apply(CommitLog, given);
      const frames = [...opened.recovery.frames()];
      Object.defineProperty(opened.recovery, 'frames', { value: () => frames.slice(0, -1) });
      return opened;
    },
);

const cursorsAhead = releasing((release) => ({
  ...release,
  ...(release.places && {
    places: {
      ...release.places,
      outbound: [],
      cursors: release.places.cursors.map((row) => ({ ...row, offset: row.offset + SKIPPED, sentBelow: 0 })),
    },
  }),
}));

const cursorsBack = releasing((release) => ({
  ...release,
  ...(release.places && {
    places: {
      ...release.places,
      outbound: [],
      cursors: release.places.cursors.map((row) => ({
        ...row,
        leaderEpoch: row.leaderEpoch + 1,
        offset: 0,
        sentBelow: 0,
      })),
    },
  }),
}));

const inFlightDropped = releasing((release) => ({
  ...release,
  ...(release.places && { places: { ...release.places, outbound: [] } }),
}));

const beginningsAskedOnce = (): (() => void) => {
  const asked = new WeakMap<JournalClient, Set<number>>();
  return replaced(
    JournalClient.prototype,
    'changeFilters',
    (original) =>
      function (this: JournalClient, change, callback) {
        const known = asked.get(this) ?? new Set<number>();
        asked.set(this, known);
        const add = change.add ?? [];
        if (add.length > 0 && add.every(({ filterId }) => known.has(filterId))) return;
        for (const { filterId } of add) known.add(filterId);
        original.call(this, change, callback);
      },
  )();
};

/** Gaps are refused as before; only what was appended already is not known for that. */
function forgetRepeats(producers: Shard['producers']): Shard['producers'] {
  if (Object.hasOwn(producers, 'check')) return producers;
  const check = producers.check.bind(producers);
  producers.check = (batch, strictStart) => {
    try {
      check(batch, strictStart);
    } catch (thrown) {
      if (!(thrown instanceof BrokerError && thrown.code === 'duplicate')) throw thrown;
    }
    return undefined;
  };
  return producers;
}

const repeatsAppended: Plant = () => {
  const original = Object.getOwnPropertyDescriptor(Shard.prototype, 'producers')!;
  Object.defineProperty(Shard.prototype, 'producers', {
    ...original,
    get(this: Shard) {
      return forgetRepeats(original.get!.call(this) as Shard['producers']);
    },
  });
  return () => void Object.defineProperty(Shard.prototype, 'producers', original);
};

/** The first look of each life is at a snapshot that ends behind the oldest stream. */
const deletedByStaleView = replaced(JOURNAL_PARTS, 'clusterPort', (original) => (...given) => {
  const port = original(...given);
  let isStale = true;
  const listDeletions = async (afterStreamId: number): ReturnType<typeof port.listDeletions> => {
    const page = await port.listDeletions(afterStreamId);
    if (!isStale) return page;
    isStale = false;
    const streams = [...port.streams()].sort((left, right) => left.streamId - right.streamId);
    return { ...page, deleted: [...page.deleted, ...streams.slice(1)] };
  };
  return { ...port, listDeletions };
});

const both =
  (...plants: readonly Plant[]): Plant =>
  () => {
    const undo = plants.map((plant) => plant());
    return () => {
      for (const each of undo) each();
    };
  };

/** By what is wrong. */
export const PLANTED: Readonly<Record<string, Plant>> = {
  'acknowledged before the disk has it': syncedLate,
  'a replay forgets the last frame': lastFrameForgotten,
  'who has lost its lease goes on': both(
    replaced(Serving.prototype, 'close', () => () => undefined),
    replaced(Serving.prototype, 'disconnectAll', () => () => Promise.resolve()),
  ),
  'a takeover does not wait for the owner': replaced(
    Takeovers.prototype,
    'take',
    () => () => Promise.resolve(undefined),
  ),
  'cursors are ahead of what was delivered': cursorsAhead,
  'cursors go back': cursorsBack,
  'a hand-over drops what is in flight': inFlightDropped,
  'deletions are not carried out': replaced(Deletions.prototype, 'look', () => () => undefined),
  'what is not in a stale view is taken for deleted': deletedByStaleView,
  'a repeat of an idempotent producer is appended again': repeatsAppended,
  'where a tail begins is asked once': beginningsAskedOnce,
};
