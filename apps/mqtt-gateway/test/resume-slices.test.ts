// A session that comes back finds its places in slices (N8). Between two of them clients subscribe and leave, tails begin, move
// and go, and leaders tell where their epochs ended: whatever happens, nothing is skipped (I5), nothing comes from below where
// the session stood (N6), and no shard is looked through twice.

import type { ConnectTerms, StartOffset } from '@robustmq/mqtt-session';
import { VirtualClock } from '@robustmq/testkit';
import { EpochEnds, type EpochQuestion } from '../src/delivery/epoch-ends.ts';
import { ShardTail } from '../src/delivery/shard-tail.ts';
import { Subscription } from '../src/delivery/subscription.ts';
import { TopicRoutes } from '../src/delivery/topic-route.ts';
import {
  ClientSession,
  type ServingConnection,
  type SessionSurroundings,
} from '../src/session/client-session.ts';
import { Resumption, type ResumePorts } from '../src/session/resume-flow.ts';
import type { SessionChanges } from '../src/store/session-changes.ts';
import type { StoredSession } from '../src/store/session-rows.ts';
import type { SocketOutput } from '../src/transport/socket-output.ts';

const SHARDS = 8;
/** Where each tail is, and where the filter began. */
const TAIL_AT = 9;
const START = 4;
/** What a look through the subscriptions takes: two fit a slice. */
const LOOK_MS = 3;
const IDENTITY = { tenant: 't', clientId: 'dev', generation: 1n, epoch: 1n, originId: 7 };
const OPTIONS = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 };

let timers: VirtualClock;
let looks: number[];
let tails: Map<number, ShardTail>;
let routes: TopicRoutes;
let session: ClientSession;
let resumption: Resumption;
let deleted: Set<number>;
let wanted: number;
let asked: EpochQuestion[];
/** Answers of the leaders, by epoch; none: they say nothing. */
let ends: Map<number, number>;
let streamId: number;

const startAt = (shard: number, offset = START, leaderEpoch = 1): StartOffset => ({
  ...{ streamId: 1, shard, leaderEpoch, offset },
});

const stored = (fields: Partial<StoredSession> = {}): StoredSession => ({
  subscriptions: [
    {
      ...{ filter: 'a/#', ...OPTIONS, subscriptionIdentifier: 0, createdAtRevision: 5 },
      start: Array.from({ length: SHARDS }, (_, shard) => startAt(shard)),
    },
  ],
  ...{ cursors: [], outbound: [], inbound: [], doubtful: false },
  ...fields,
});

/** Whose leader has told of no epoch but the present one. */
function addTail(shard: number, offset = TAIL_AT): ShardTail {
  const tail = new ShardTail(streamId, shard, 1, offset);
  tails.set(tail.key, tail);
  return tail;
}

const tailOf = (shard: number): ShardTail => [...tails.values()].find((tail) => tail.shard === shard)!;

/** Where the session reads on in each shard. */
const readsFrom = (): (readonly [number, number])[] =>
  Array.from(session.lag ?? [], ([key, { nextOffset }]) => [tails.get(key)!.shard, nextOffset] as const);

const everywhere = (offset: number): (readonly [number, number])[] =>
  Array.from({ length: SHARDS }, (_, shard) => [shard, offset] as const);

function surroundings(): SessionSurroundings {
  const reader = (questions: readonly EpochQuestion[]) => {
    asked.push(...questions);
    return Promise.resolve(
      questions.map(({ leaderEpoch }) => {
        const endOffset = ends.get(leaderEpoch);
        return endOffset === undefined ? undefined : { error: undefined, endOffset };
      }),
    );
  };
  return {
    catchUp: { want: () => wanted++, forget: () => undefined },
    confirmations: { want: () => undefined },
    slowOutputBytes: 1,
    // Asked once for each look through the subscriptions.
    streamRevision: (id: number) => looks.push(id),
    epochEnds: new EpochEnds(reader, timers, () => -1),
    placesReset: () => undefined,
  } as unknown as SessionSurroundings;
}

function ports(): ResumePorts {
  return {
    clock: { monotonicMs: () => looks.length * LOOK_MS },
    timers,
    maxDepartures: 0,
    registry: {
      add: (_tenant: string, _filter: string, callback: (error: undefined, active: object) => void) => {
        callback(undefined, { filterId: 1, activeFrom: new Map() });
        return { release: () => undefined };
      },
    },
    routes: {
      routesOf: () => routes,
      addMeshFilter: () => undefined,
      meshReady: (callback: () => void) => callback(),
    },
    tails: { tails: () => tails.values(), tailOf: (key: number) => tails.get(key) },
    catchUp: { want: () => wanted++ },
    shardsOf: () => Array.from(tails.values(), ({ shard }) => ({ streamId, shard })),
    isDeleted: (id: number) => deleted.has(id),
    skipped: () => undefined,
  } as unknown as ResumePorts;
}

/** Its places are found up to those of the first slice. */
async function resumes(rows: StoredSession = stored()): Promise<void> {
  const machine = {
    subscriptions: new Map(),
    ledger: { window: { size: 0, room: 10, resendRoom: 10, lowestOffset: () => undefined } },
  } as unknown as ServingConnection['machine'];
  const connection = {
    machine,
    guard: (action: () => void) => action(),
    failed: (thrown: unknown) => {
      throw thrown;
    },
  };
  const terms = { version: 5, topicAliasMaximum: 0 } as ConnectTerms;
  session = new ClientSession(IDENTITY, {} as SessionChanges, terms, connection, surroundings());
  session.output = { waitingBytes: 0 } as SocketOutput;
  resumption = new Resumption(ports(), session, rows, true);
  await timers.settle(new Promise((resolve) => resumption.prepare(resolve)));
  resumption.accepted();
}

async function untilQuiet(): Promise<void> {
  while (await timers.step());
}

beforeEach(() => {
  timers = new VirtualClock();
  looks = [];
  tails = new Map();
  routes = new TopicRoutes(16, () => undefined);
  deleted = new Set();
  wanted = 0;
  asked = [];
  ends = new Map();
  streamId = 1;
  for (let shard = 0; shard < SHARDS; shard++) addTail(shard);
});

/** Two shards are found, the others are not. */
async function isHalfway(): Promise<void> {
  await resumes();
  expect([looks.length, session.outbound.isResuming, session.lag]).toEqual([2, true, null]);
}

test('N8: it is live nowhere until all places are found, and looks through its subscriptions once per shard', async () => {
  await isHalfway();
  for (const tail of tails.values()) expect(session.isLiveAt(tail.key, TAIL_AT)).toBe(false);
  await untilQuiet();
  expect(looks).toHaveLength(SHARDS);
  expect(readsFrom()).toEqual(everywhere(START));
  expect([wanted, session.subscriptions.get('a/#')!.isActive]).toEqual([1, true]);
});

test('I5: a tail that moves on meanwhile, or leaves records out, is read from where the session stood', async () => {
  await isHalfway();
  tailOf(0).nextOffset = 20;
  session.tailJumped(tailOf(7), TAIL_AT, 30);
  tailOf(7).restartAt(30);
  await untilQuiet();
  expect(readsFrom()).toEqual(everywhere(START));
});

test('N5: a tail that begins meanwhile is begun in once, with the others', async () => {
  await isHalfway();
  const late = addTail(SHARDS, 2);
  session.tailStarted(late);
  expect(session.lag).toBeNull();
  await untilQuiet();
  // Its stream is younger than the subscription, which names no start there (X4).
  expect(readsFrom()).toEqual([...everywhere(START), [SHARDS, 0]]);
  expect(session.outbound.awaits(late.key)).toBe(false);
});

test('N7: a tail that goes meanwhile is waited for no more, whether or not its place was found', async () => {
  await isHalfway();
  for (const shard of [0, 7]) {
    const tail = tailOf(shard);
    tails.delete(tail.key);
    session.shardGone(tail);
  }
  await untilQuiet();
  expect(readsFrom()).toEqual(everywhere(START).slice(1, -1));
  for (const shard of [0, 7]) expect(session.outbound.awaits(shard)).toBe(false);
});

test('[MQTT-3.10.4-1] what is unsubscribed meanwhile is routed no more; N6: the others are read from where they began', async () => {
  await resumes(
    stored({
      subscriptions: ['a/#', 'b/#'].map((filter, index) => ({
        ...{ filter, ...OPTIONS, subscriptionIdentifier: 0, createdAtRevision: 5 },
        start: Array.from({ length: SHARDS }, (_, shard) => startAt(shard, START + index)),
      })),
    }),
  );
  expect(looks).toHaveLength(2);
  const gone = session.subscriptions.get('a/#')!;
  session.subscriptions.delete('a/#');
  routes.remove(gone);
  await untilQuiet();
  expect([gone.isActive, routes.get('a/1').receivers.length]).toEqual([false, 0]);
  expect(session.subscriptions.get('b/#')!.isActive).toBe(true);
  // From an earlier place than needed where it was found before: what lies there matches none of its filters.
  expect(readsFrom()).toEqual(
    everywhere(START + 1).map(([shard, offset]) => [shard, shard < 2 ? START : offset]),
  );
});

test('X3: what is subscribed meanwhile is active with the others once it has a start, and begins nowhere earlier for it', async () => {
  await isHalfway();
  const [answered, waiting] = ['b/#', 'c/#'].map((filter) => new Subscription(session, filter));
  answered!.createdAtRevision = waiting!.createdAtRevision = 99;
  answered!.starts = new Map(Array.from(tails.values(), (tail) => [tail.key, startAt(tail.shard, 30)]));
  for (const each of [answered!, waiting!]) session.subscriptions.set(each.filter, each);
  await untilQuiet();
  expect([answered!.isActive, waiting!.isActive]).toEqual([true, false]);
  expect(routes.get('b/1').receivers).toEqual([answered]);
  expect(routes.get('c/1').receivers).toEqual([]);
  expect(readsFrom()).toEqual(everywhere(START));
});

test('N7, S1: one that ends or is taken over meanwhile begins nowhere and is routed no more', async () => {
  await isHalfway();
  for (const subscription of session.subscriptions.values()) routes.remove(subscription);
  session.close();
  const { length } = looks;
  await untilQuiet();
  expect([looks.length, wanted, session.lag]).toEqual([length, 0, null]);
  expect(session.outbound.isResuming).toBe(true);
  expect(routes.subscriptionCount).toBe(0);
});

describe('X4: leaders that tell where epochs ended', () => {
  const inEpoch = (shard: number): StoredSession['cursors'][number] => ({
    ...startAt(shard, 8),
    sentBelow: 8,
  });

  beforeEach(() => {
    for (const tail of tails.values()) tail.leaderEpoch = 2;
  });

  test('are heard before a place is found, so that none is found twice', async () => {
    ends.set(1, 6);
    await resumes(stored({ cursors: [inEpoch(0), inEpoch(7)] }));
    await untilQuiet();
    expect(asked).toHaveLength(SHARDS);
    expect(looks).toHaveLength(SHARDS);
    expect(readsFrom()).toEqual(everywhere(START).map(([shard, at]) => [shard, shard % 7 === 0 ? 6 : at]));
  });

  test('of a shard where they say nothing the session waits, and follows the others', async () => {
    ends.set(0, 6);
    const rows = stored();
    const [first] = rows.subscriptions;
    await resumes(
      stored({
        subscriptions: [{ ...first!, start: first!.start.map((start) => ({ ...start, leaderEpoch: 2 })) }],
        cursors: [inEpoch(3)],
      }),
    );
    while (session.outbound.isResuming) await timers.step();
    expect(readsFrom()).toEqual(everywhere(START).filter(([shard]) => shard !== 3));
    expect(session.outbound.awaits(tailOf(3).key)).toBe(true);
    ends.set(1, 6);
    while (session.outbound.awaits(tailOf(3).key)) await timers.step();
    expect(readsFrom().at(-1)).toEqual([3, 6]);
  });
});
