import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import type { FilterAnswer } from '@robustmq/journal-client';
import type { StreamView } from '@robustmq/meta-client';
import { FailureSchema, OpenSessionOutcomeSchema, SessionKeySchema, type MeshResponse } from '@robustmq/rpc';
import type { StartOffset } from '@robustmq/mqtt-session';
import { VirtualClock } from '@robustmq/testkit';
import { FilterRegistry, type ActiveFilter, type FilterPort } from '../src/delivery/filter-registry.ts';
import { MeshRoutes, type RouteStream } from '../src/mesh/mesh-routes.ts';
import { BatchedCall } from '../src/store/batched-call.ts';
import { SessionChanges } from '../src/store/session-changes.ts';
import { CollectedRows } from '../src/store/session-rows.ts';
import { SessionStore } from '../src/store/session-store.ts';
import { Ownership } from '../src/ownership.ts';
import { ConnectRate } from '../src/transport/connect-rate.ts';
import { WORK_PORTS } from './work-ports.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('BatchedCall', () => {
  const options = { maxBatch: 3, maxCalls: 1, maxWaiting: 5, ...WORK_PORTS };

  test('entries of a turn leave together; later ones gather while a call is under way', async () => {
    const sent: number[][] = [];
    const answers: (() => void)[] = [];
    const call = new BatchedCall<number, string>((entries) => {
      sent.push([...entries]);
      return new Promise((resolve) => answers.push(() => resolve(entries.map(String))));
    }, options);
    const outcomes: (string | undefined)[] = [];
    const add = (entry: number): void => call.add(entry, (_error, outcome) => outcomes.push(outcome));
    add(1);
    add(2);
    await turn();
    add(3);
    add(4);
    expect(sent).toEqual([[1, 2]]);
    expect(call.pending).toBeGreaterThan(0);
    answers.shift()!();
    await turn();
    answers.shift()!();
    await turn();
    expect(sent).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(outcomes).toEqual(['1', '2', '3', '4']);
  });

  test('a failed call fails its entries; too few outcomes fail the rest; too many waiting are refused', async () => {
    const codes: (string | undefined)[] = [];
    const tell = (error: BrokerError | undefined): void => void codes.push(error?.code);
    const failing = new BatchedCall<number, string>(() => Promise.reject(new Error('x')), options);
    failing.add(1, tell);
    await turn();
    const short = new BatchedCall<number, string>(() => Promise.resolve(['only']), options);
    short.add(1, tell);
    short.add(2, tell);
    await turn();
    const full = new BatchedCall<number, string>(() => new Promise(() => undefined), options);
    for (let entry = 0; entry < 6; entry++) full.add(entry, tell);
    expect(codes).toEqual(['internal', undefined, 'internal', 'quota_exceeded']);
  });

  describe('with few entries that wait for more (L7)', () => {
    const clock = new VirtualClock();
    let sent: number[][];
    let answers: (() => void)[];
    let call: BatchedCall<number, number>;

    beforeEach(() => {
      sent = [];
      answers = [];
      const send = (entries: readonly number[]): Promise<readonly number[]> => {
        sent.push([...entries]);
        return new Promise((resolve) => answers.push(() => resolve(entries)));
      };
      const limits = { maxBatch: 10, maxCalls: 2, maxWaiting: 100, fewEntries: 4, gatherMs: 3 };
      call = new BatchedCall(send, { ...limits, ...WORK_PORTS, timers: clock });
    });

    const add = (...entries: number[]): void => {
      for (const entry of entries) call.add(entry, () => undefined);
    };
    const answer = async (): Promise<void> => {
      answers.shift()!();
      await turn();
    };

    test('one that finds nothing under way leaves in the same turn', async () => {
      add(1);
      await clock.advance(0);
      expect(sent).toEqual([[1]]);
    });

    test('few leave in no call beside another, many do', async () => {
      add(1);
      await clock.advance(0);
      add(2, 3, 4);
      await clock.advance(100);
      expect(sent).toEqual([[1]]);
      add(5);
      await clock.advance(0);
      expect(sent).toEqual([[1], [2, 3, 4, 5]]);
    });

    test('few that wait behind a call leave a moment after it, with all that came meanwhile', async () => {
      add(1);
      await clock.advance(0);
      add(2);
      await answer();
      await clock.advance(2);
      add(3);
      expect(sent).toEqual([[1]]);
      await clock.advance(1);
      expect(sent).toEqual([[1], [2, 3]]);
    });

    test('many that wait behind a call leave as it ends', async () => {
      add(1, 2, 3, 4);
      await clock.advance(0);
      add(5, 6, 7, 8);
      await clock.advance(0);
      add(9, 10, 11, 12);
      await clock.advance(0);
      expect(sent).toHaveLength(2);
      await answer();
      expect(sent.at(-1)).toEqual([9, 10, 11, 12]);
    });

    test('N7: a call that fails, or ends while others wait their moment, leaves none behind', async () => {
      const told: (string | undefined)[] = [];
      const tell = (error: BrokerError | undefined): void => void told.push(error?.code);
      let failures = 3;
      const failing = new BatchedCall<number, number>(
        (entries) => (failures-- > 0 ? Promise.reject(new Error('x')) : Promise.resolve(entries)),
        {
          maxBatch: 2,
          maxCalls: 2,
          maxWaiting: 100,
          fewEntries: 4,
          gatherMs: 3,
          ...WORK_PORTS,
          timers: clock,
        },
      );
      for (let entry = 0; entry < 9; entry++) failing.add(entry, tell);
      await clock.advance(100);
      expect(told).toHaveLength(9);
      expect(told.filter((code) => code === 'internal')).toHaveLength(6);
      expect(failing.pending).toBe(0);
    });
  });
});

describe('SessionStore', () => {
  test('an open waits for the release of the same client id (S1)', async () => {
    const calls: string[] = [];
    let released = (): void => undefined;
    const store = new SessionStore(
      {
        requestId: () => ({ nodeId: 'n', incarnation: 1n, sequence: 1n }),
        persist: (call) => call(),
        sessions: {
          openSessions: (request) => {
            calls.push(`open ${request.sessions!.map(({ clientId }) => clientId).join()}`);
            return Promise.resolve({
              outcomes: request.sessions!.map(() => create(OpenSessionOutcomeSchema)),
            } as never);
          },
          releaseSessions: () => {
            calls.push('release');
            return new Promise((resolve) => {
              released = () => resolve({ outcomes: [create(FailureSchema)] } as never);
            });
          },
          readSession: () => Promise.reject(new Error('not scripted')),
          updateSessions: ({ updates }) => {
            const code = updates?.[0]?.change === 0n ? '' : 'fenced';
            return Promise.resolve({ outcomes: [create(FailureSchema, { code })] } as never);
          },
        },
      },
      () => ({ nodeId: 'n', incarnation: 1n, directoryId: '' }),
      WORK_PORTS,
    );
    const key = create(SessionKeySchema, { tenant: 't', clientId: 'c' });
    const open = { tenant: 't', cleanStart: true, expiryIntervalS: 0, previousReleased: false };
    const opened: string[] = [];
    store.release({ key, expiryIntervalS: 0 }, () => undefined);
    for (const clientId of ['c', 'other'])
      store.open(
        { tenant: 't', clientId },
        () => ({ ...open, clientId }),
        () => opened.push(clientId),
      );
    await turn();
    expect(opened).toEqual(['other']);
    released();
    await turn();
    await turn();
    expect(opened).toEqual(['other', 'c']);
    expect(calls).toEqual(['release', 'open other', 'open c']);
    for (const clientId of ['c', 'other']) store.opened({ tenant: 't', clientId });
    const errors: (string | undefined)[] = [];
    const changes = new SessionChanges(key, new CollectedRows());
    store.update(changes, { put: [], remove: ['x'], made: [] }, (error) => errors.push(error?.code));
    store.commit(changes, [], (error) => errors.push(error?.code));
    await turn();
    await turn();
    expect(errors).toEqual(['fenced', undefined]);
    expect(store.pending).toBe(0);
  });
});

describe('FilterRegistry', () => {
  type FilterChange = Parameters<FilterPort['changeFilters']>[0];
  class Port {
    readonly changes: FilterChange[] = [];
    readonly callbacks: ((error: BrokerError | undefined, answer: FilterAnswer) => void)[] = [];

    changeFilters(
      change: FilterChange,
      callback: (error: BrokerError | undefined, answer: FilterAnswer) => void,
    ): void {
      this.changes.push(change);
      this.callbacks.push(callback);
    }
  }
  const answer = { activeFrom: [{ streamId: 1, shard: 0, leaderEpoch: 2, offset: 9 }], marks: [] };

  test('X5: one registration per filter, changes of a turn in one request, gone with its last user', async () => {
    const clock = new VirtualClock();
    const port = new Port();
    const positions: number[] = [];
    const registry = new FilterRegistry(port, 1_000, ({ offset }) => positions.push(offset), clock, clock);
    const active: (ActiveFilter | undefined)[] = [];
    const add = (filter: string) => registry.add('t', filter, (_error, found) => active.push(found));
    const uses = ['a', 'b', 'a'].map(add);
    await clock.advance(0);
    expect(port.changes).toHaveLength(1);
    expect(port.changes[0]!.add!.map(({ filter }) => filter)).toEqual(['a', 'b']);
    port.callbacks[0]!(undefined, answer);
    expect(positions).toEqual([9]);
    expect(active).toHaveLength(3);
    uses.push(add('a'));
    expect(active).toHaveLength(4);
    for (const use of [uses[0]!, uses[2]!, uses[3]!]) {
      use.release();
      use.release();
    }
    await clock.advance(0);
    expect(port.changes[1]).toEqual({ add: [], remove: [1] });
    // Added and removed within a turn: the journal never hears of it.
    registry.add('t', 'c', () => undefined).release();
    await clock.advance(0);
    expect(port.changes).toHaveLength(2);
    expect(registry.size).toBe(1);
  });

  test('N7: who lets a filter go before it is active hears so, and the others still wait', async () => {
    const clock = new VirtualClock();
    const port = new Port();
    const registry = new FilterRegistry(port, 1_000, () => undefined, clock, clock);
    const heard: string[] = [];
    const add = (name: string) =>
      registry.add('t', 'a', (error) => heard.push(`${name} ${error?.code ?? 'active'}`), Infinity);
    const first = add('first');
    add('second');
    await clock.advance(0);
    first.release();
    expect(heard).toEqual(['first cancelled']);
    registry.expire(performance.now() + 1e9);
    port.callbacks[0]!(undefined, answer);
    expect(heard).toEqual(['first cancelled', 'second active']);
    first.release();
    expect(registry.size).toBe(1);
  });

  test('N7: a journal that answers after the last user has gone calls nobody back, and is told to forget', async () => {
    const clock = new VirtualClock();
    const port = new Port();
    const registry = new FilterRegistry(port, 1_000, () => undefined, clock, clock);
    const heard: (string | undefined)[] = [];
    const use = registry.add('t', 'a', (error) => heard.push(error?.code));
    await clock.advance(0);
    port.callbacks[0]!(new BrokerError('unavailable', 'away'), { activeFrom: [], marks: [] });
    use.release();
    await clock.advance(0);
    expect(heard).toEqual(['cancelled']);
    expect(port.changes[1]).toEqual({ add: [], remove: [1] });
    await clock.advance(150);
    expect(port.changes).toHaveLength(2);
  });

  test('X5: a filter that is asked for again and let go in the same turn is taken from the journals', async () => {
    const clock = new VirtualClock();
    const port = new Port();
    const registry = new FilterRegistry(port, 1_000, () => undefined, clock, clock, {
      shardsOf: () => [{ streamId: 1, shard: 7 }],
      positionOf: () => undefined,
      changes: () => 0,
    });
    const use = registry.add('t', 'a', () => undefined);
    await clock.advance(0);
    port.callbacks[0]!(undefined, { activeFrom: [], marks: [] });
    clock.after(100, () => use.release());
    await clock.advance(1_000);
    expect(port.changes.slice(1)).toEqual([{ add: [], remove: [1] }]);
  });

  test('N7: where a tail begins is asked until a shard without a leader has one, one question at a time', async () => {
    const clock = new VirtualClock();
    const port = new Port();
    const known = new Map<number, StartOffset>();
    const registry = new FilterRegistry(
      port,
      1_000,
      (position) => known.set(position.shard, position),
      clock,
      clock,
      {
        shardsOf: () => [{ streamId: 1, shard: 7 }],
        positionOf: (_streamId, shard) => known.get(shard),
        changes: () => 0,
      },
    );
    const heard: number[] = [];
    for (const filter of ['a', 'b', 'c'])
      registry.add('t', filter, (_error, active) => heard.push(active!.activeFrom.size), Infinity);
    await clock.advance(0);
    port.callbacks[0]!(undefined, { activeFrom: [], marks: [] });
    // Who resumes takes what there is; the shard has no leader.
    expect(heard).toEqual([0, 0, 0]);
    await clock.advance(100);
    expect(port.changes.slice(1).map(({ add }) => add!.length)).toEqual([1]);
    await clock.advance(1_000);
    expect(port.changes).toHaveLength(2);
    port.callbacks[1]!(undefined, {
      activeFrom: [{ streamId: 1, shard: 7, leaderEpoch: 1, offset: 5 }],
      marks: [],
    });
    expect(known.get(7)?.offset).toBe(5);
    await clock.advance(1_000);
    expect([port.changes.length, clock.pending]).toEqual([2, 0]);
  });

  describe('a user that comes after another stream has become visible (X3, X4)', () => {
    const clock = new VirtualClock();
    const at = (streamId: number, offset: number) => ({ streamId, shard: 0, leaderEpoch: 1, offset });

    async function withActive() {
      const port = new Port();
      const visible = [1];
      let changes = 0;
      const show = (...streamIds: readonly number[]): void => {
        visible.splice(0, visible.length, ...streamIds);
        changes++;
      };
      const tails = new Map<number, StartOffset>();
      const registry = new FilterRegistry(
        port,
        1_000,
        (position) => tails.set(position.streamId, position),
        clock,
        clock,
        {
          shardsOf: () => visible.map((streamId) => ({ streamId, shard: 0 })),
          positionOf: (streamId) => tails.get(streamId),
          changes: () => changes,
        },
      );
      const heard: number[][] = [];
      const add = (timeoutMs?: number) =>
        registry.add(
          't',
          '#',
          (_error, active) =>
            heard.push(
              [...active!.activeFrom.values()].map(({ streamId, offset }) => streamId * 100 + offset),
            ),
          timeoutMs,
        );
      add();
      await clock.advance(0);
      port.callbacks[0]!(undefined, { activeFrom: [at(1, 5)], marks: [] });
      expect(heard).toEqual([[105]]);
      return { port, show, tails, heard, add };
    }

    test('is told where its tail has come to, and nothing of streams that are gone', async () => {
      const { port, show, tails, heard, add } = await withActive();
      show(1, 2);
      tails.set(2, at(2, 9));
      add();
      tails.delete(1);
      show(2, 3);
      tails.set(3, at(3, 1));
      add();
      add();
      await clock.advance(1_000);
      expect(heard.slice(1)).toEqual([
        [105, 209],
        [209, 301],
        [209, 301],
      ]);
      expect(port.changes).toHaveLength(1);
    });

    test('waits for the journals where nobody has said that; who resumes takes what there is', async () => {
      const { port, show, heard, add } = await withActive();
      show(1, 2);
      add(Infinity);
      expect(heard.slice(1)).toEqual([[105]]);
      add();
      expect(heard).toHaveLength(2);
      await clock.advance(0);
      port.callbacks[1]!(undefined, { activeFrom: [at(1, 6), at(2, 0)], marks: [] });
      expect(heard.slice(2)).toEqual([[106, 200]]);
    });
  });

  test('a journal that is away is asked again; a deadline fails who waits', async () => {
    const clock = new VirtualClock();
    const port = new Port();
    const registry = new FilterRegistry(port, 50, () => undefined, clock, clock);
    const codes: (string | undefined)[] = [];
    registry.add('t', 'a', (error) => codes.push(error?.code));
    await clock.advance(0);
    port.callbacks[0]!(new BrokerError('unavailable', 'away'), { activeFrom: [], marks: [] });
    registry.expire(clock.monotonicMs() + 1_000);
    expect(codes).toEqual(['deadline_exceeded']);
    registry.add('t', 'a', (error) => codes.push(error?.code));
    await clock.advance(150);
    await clock.advance(0);
    port.callbacks[1]!(undefined, answer);
    expect(codes).toEqual(['deadline_exceeded', undefined]);
  });
});

describe('MeshRoutes (S6)', () => {
  class Peer implements RouteStream {
    readonly frames: MeshResponse[] = [];
    write(response: MeshResponse): void {
      this.frames.push(response);
    }
    routes(): { sequence: number; snapshot: boolean; add: string[]; remove: string[] }[] {
      return this.frames.map(({ frame }) => ({
        sequence: Number(frame.value!.sequence),
        snapshot: frame.value!.snapshot,
        add: frame.value!.add.map(({ filter }) => filter),
        remove: frame.value!.remove.map(({ filter }) => filter),
      }));
    }
  }

  test('a snapshot, then deltas; users are counted; what is undone in a turn is not sent', async () => {
    const clock = new VirtualClock();
    const routes = new MeshRoutes({ clock, timers: clock });
    const peer = new Peer();
    routes.add('t', 'a');
    routes.join(peer);
    routes.add('t', 'a');
    routes.add('t', 'b');
    routes.add('t', 'gone');
    routes.remove('t', 'gone');
    await clock.advance(0);
    routes.remove('t', 'a');
    routes.remove('t', 'b');
    await clock.advance(0);
    expect(peer.routes()).toEqual([
      { sequence: 1, snapshot: true, add: ['a'], remove: [] },
      { sequence: 2, snapshot: false, add: ['b'], remove: [] },
      { sequence: 3, snapshot: false, add: [], remove: ['b'] },
    ]);
  });

  test('N8, N13: what a peer gets when it connects comes in bounded parts, a few per turn; changes meanwhile go along', async () => {
    const timers = new VirtualClock();
    let frames = 0;
    // A clock that each frame costs two milliseconds.
    const routes = new MeshRoutes({ clock: { monotonicMs: () => frames * 2 }, timers });
    const peer = new Peer();
    const write = peer.write.bind(peer);
    peer.write = (response) => (frames++, write(response));
    const long = 'x'.repeat(20_000);
    for (let index = 0; index < 40_000; index++) routes.add('t', `f/${index}`);
    for (let index = 0; index < 20; index++) routes.add('t', `${long}/${index}`);
    routes.join(peer);
    expect(frames).toBe(3);
    routes.remove('t', 'f/0');
    routes.remove('t', 'f/39999');
    routes.add('t', 'late');
    let isKnown = false;
    routes.whenKnown(() => (isKnown = true));
    for (let before = -1; before !== frames;) {
      before = frames;
      await timers.advance(0);
    }
    const known = new Set<string>();
    for (const { add, remove } of peer.routes()) {
      for (const filter of remove) known.delete(filter);
      for (const filter of add) known.add(filter);
    }
    expect(known.size).toBe(40_019);
    expect([known.has('f/0'), known.has('f/39999'), known.has('late')]).toEqual([false, false, true]);
    expect(peer.routes().filter(({ snapshot }) => snapshot).length).toBe(1);
    for (const { frame } of peer.frames) {
      const bytes = frame.value!.add.reduce((sum, { filter }) => sum + filter.length, 0);
      expect(bytes).toBeLessThan(256 * 1024 + 65_536);
    }
    routes.acknowledged(peer, peer.routes().at(-1)!.sequence);
    expect(isKnown).toBe(true);
    routes.close();
  });

  test('SUBACK waits for every peer, for one that leaves, or 100 ms', async () => {
    const clock = new VirtualClock();
    const routes = new MeshRoutes({ clock, timers: clock });
    const peers = [new Peer(), new Peer()];
    const told: string[] = [];
    routes.whenKnown(() => told.push('alone'));
    for (const peer of peers) routes.join(peer);
    for (const peer of peers) routes.acknowledged(peer, 2);
    routes.add('t', 'a');
    routes.whenKnown(() => told.push('acknowledged'));
    await clock.advance(0);
    routes.acknowledged(peers[0]!, 3);
    expect(told).toEqual(['alone']);
    routes.leave(peers[1]!);
    expect(told).toEqual(['alone', 'acknowledged']);
    routes.add('t', 'b');
    routes.whenKnown(() => told.push('late'));
    await clock.advance(99);
    expect(told).toHaveLength(2);
    await clock.advance(1);
    expect(told).toEqual(['alone', 'acknowledged', 'late']);
    routes.add('t', 'c');
    routes.whenKnown(() => told.push('never'));
    routes.close();
    await clock.advance(1_000);
    expect(told).toHaveLength(3);
    expect(clock.pending).toBe(0);
  });

  test('what another gateway gets when it connects is none of what the rest have to acknowledge', async () => {
    const clock = new VirtualClock();
    const routes = new MeshRoutes({ clock, timers: clock });
    const [old, late] = [new Peer(), new Peer()];
    const acknowledge = (peer: Peer): void => routes.acknowledged(peer, peer.routes().at(-1)!.sequence);
    routes.join(old);
    routes.add('t', 'a');
    await clock.advance(0);
    acknowledge(old);
    routes.join(late);
    const told: string[] = [];
    routes.add('t', 'a');
    routes.whenKnown(() => told.push('both'));
    expect(told).toEqual([]);
    acknowledge(late);
    expect(told).toEqual(['both']);
    routes.whenKnown(() => told.push('at once'));
    expect(told).toEqual(['both', 'at once']);
    routes.close();
  });
});

describe('Ownership (O1, O2)', () => {
  const stream = (streamId: number, name: string, mqttFilter: string): StreamView =>
    ({
      streamId,
      tenant: 't',
      name,
      mqttFilter,
      shardsAtCreation: 2,
      shards: [],
      config: {},
      ownershipEpoch: streamId,
    }) as never;

  test('the most specific owner, else the built-in stream, else nobody', () => {
    const ownership = new Ownership(100);
    const routes = ownership.routesOf('t');
    const owner = (topic: string): string | undefined => routes.get(topic).stream?.name;
    expect(owner('sensors/1/temp')).toBeUndefined();
    expect(ownership.put(stream(1, 'mqtt', ''))).toBe(true);
    expect(ownership.hasDefault('t')).toBe(true);
    expect(owner('sensors/1/temp')).toBe('mqtt');
    const before = routes.get('sensors/1/temp');
    ownership.put(stream(2, 'all', 'sensors/#'));
    ownership.put(stream(3, 'temps', 'sensors/+/temp'));
    expect(ownership.put(stream(3, 'temps', 'sensors/+/temp'))).toBe(false);
    expect(ownership.put(stream(4, 'plain', ''))).toBe(false);
    expect(before.isDetached).toBe(true);
    expect([owner('sensors/1/temp'), owner('sensors/1/x'), owner('y')]).toEqual(['temps', 'all', 'mqtt']);
    expect([ownership.epochOf(3), ownership.epochOf(9)]).toEqual([3, 0]);
    expect(ownership.streamOf(3)?.stream.mqttFilter).toBe('sensors/+/temp');
    ownership.delete(3);
    expect(owner('sensors/1/temp')).toBe('all');
    ownership.delete(1);
    expect(owner('y')).toBeUndefined();
    expect(ownership.delete(1)).toBe(false);
  });
});

test('ConnectRate lets a burst of a second in, then the rate', () => {
  const rate = new ConnectRate(10);
  const taken = (nowMs: number): number =>
    Array.from({ length: 50 }, () => rate.take(nowMs)).filter(Boolean).length;
  expect(taken(0)).toBe(10);
  expect(taken(500)).toBe(5);
  expect(taken(60_000)).toBe(10);
});
