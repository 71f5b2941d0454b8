import { BrokerError } from '@robustmq/errors';
import {
  ListSessionsRequestSchema,
  OpenSessionsRequestSchema,
  ReleaseSessionsRequestSchema,
  UpdateSessionsRequestSchema,
  type Failure,
  type NodeIdentity,
  type OpenSessionOutcome,
  type SessionKey,
  type SessionSummary,
} from '@robustmq/rpc';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';

const NEVER = 0xffff_ffff;

describe('sessions', () => {
  let world: TestMeta;
  let a: NodeIdentity;
  let b: NodeIdentity;
  let change = 0;
  beforeEach(async () => {
    world = await TestMeta.open();
    a = await world.gateway('mqtt-1');
    b = await world.gateway('mqtt-2');
  });
  afterEach(() => world.remove());

  const release = async (node: NodeIdentity, key: SessionKey | undefined, expiryIntervalS = 60) => {
    const sessions = [{ ...(key && { key }), expiryIntervalS, places: {} }];
    const request = message(ReleaseSessionsRequestSchema, { node, sessions });
    return codes((await world.sessions.releaseSessions(request, CONTEXT)).outcomes);
  };
  const subscribe = async (node: NodeIdentity, key: SessionKey, filter: string, options = 1, start = 5n) => {
    change++;
    const update = {
      key,
      change: BigInt(change),
      putStarts: [{ id: change, positions: [{ streamId: 1, shard: 0, offset: start }] }],
      putSubscriptions: [{ filter, options, start: change }],
    };
    const request = message(UpdateSessionsRequestSchema, { node, updates: [update] });
    return codes((await world.sessions.updateSessions(request, CONTEXT)).outcomes);
  };
  const commit = async (node: NodeIdentity, key: SessionKey, offset: bigint, leaderEpoch = 0) => {
    const putCursors = [{ position: { streamId: 1, shard: 0, offset, leaderEpoch } }];
    const request = message(UpdateSessionsRequestSchema, { node, updates: [{ key, putCursors }] });
    return codes((await world.sessions.updateSessions(request, CONTEXT)).outcomes);
  };
  const list = async (init: object = {}): Promise<SessionSummary[]> => {
    const request = message(ListSessionsRequestSchema, { tenant: 't', ...init });
    return (await world.sessions.listSessions(request, CONTEXT)).sessions as SessionSummary[];
  };
  const codes = (outcomes: unknown): string[] => (outcomes as Failure[]).map(({ code }) => code);

  // What CONNECT finds [MQTT-3.1.2-4..6] and whether the state goes on; `before` is what happened to the session before.
  test.each<[string, { before: string; cleanStart?: boolean }, { present: boolean; owner: boolean }]>([
    ['first connect', { before: 'nothing' }, { present: false, owner: false }],
    ['resumes an offline session', { before: 'released' }, { present: true, owner: false }],
    ['clean start discards it', { before: 'released', cleanStart: true }, { present: false, owner: false }],
    ['takes over a connected one', { before: 'connected' }, { present: true, owner: true }],
    [
      'takes over with clean start',
      { before: 'connected', cleanStart: true },
      { present: false, owner: true },
    ],
    ['expired meanwhile', { before: 'expired' }, { present: false, owner: false }],
    ['never expires', { before: 'released for ever' }, { present: true, owner: false }],
    ['ended with its connection (expiry 0)', { before: 'ended' }, { present: false, owner: false }],
    ['expiry 0 ends by takeover', { before: 'connected, expiry 0' }, { present: false, owner: true }],
    ['owner has died', { before: 'owner died' }, { present: true, owner: false }],
  ])('S1: %s', async (_name, { before, cleanStart }, expected) => {
    const expiryIntervalS = before === 'ended' || before.endsWith('expiry 0') ? 0 : 60;
    let key: SessionKey | undefined;
    if (before !== 'nothing') {
      key = (await world.openSession(a, { clientId: 'c', expiryIntervalS })).session!.key!;
      await subscribe(a, key, 'f');
    }
    if (before === 'released' || before === 'expired') await release(a, key);
    if (before === 'released for ever') await release(a, key, NEVER);
    if (before === 'ended') await release(a, key, 0);
    if (before === 'expired') world.clock.advance(60_000);
    if (before === 'released for ever') world.clock.advance(1e12);
    if (before === 'owner died') await world.meta.endNodes([a]);
    const outcome = await world.openSession(b, { clientId: 'c', ...(cleanStart && { cleanStart }) });
    expect(outcome.sessionPresent).toBe(expected.present);
    expect(outcome.previousOwner?.nodeId).toBe(expected.owner ? 'mqtt-1' : undefined);
    const filters = outcome.rows?.subscriptions.map(({ filter }) => filter) ?? [];
    expect(filters).toEqual(expected.present ? ['f'] : []);
    const opened = outcome.session!.key!;
    if (key === undefined) return;
    if (expected.present) expect(opened).toMatchObject({ generation: key.generation, epoch: key.epoch + 1n });
    else expect(opened.generation).toBeGreaterThan(key.generation);
  });

  test('I6: after a takeover the old owner can do nothing', async () => {
    const old = (await world.openSession(a, { clientId: 'c' })).session!.key!;
    const { session, previousEpoch } = await world.openSession(b, { clientId: 'c' });
    expect(previousEpoch).toBe(old.epoch);
    expect(await release(a, old)).toEqual(['fenced']);
    expect(await subscribe(a, old, 'f')).toEqual(['fenced']);
    expect(await commit(a, old, 1n)).toEqual(['fenced']);
    expect(await commit(b, session!.key!, 1n)).toEqual(['']);
  });

  test('S1: the old owner that answered, and the same owner, are not named again', async () => {
    await world.openSession(a, { clientId: 'c' });
    expect((await world.openSession(a, { clientId: 'c' })).previousOwner).toBeUndefined();
    const outcome = await world.openSession(b, { clientId: 'c', previousReleased: true });
    expect(outcome.previousOwner).toBeUndefined();
  });

  test('generations are never used twice, not after a deletion, not within a batch', async () => {
    const seen = new Set<bigint>();
    for (let i = 0; i < 4; i++) {
      const key = (await world.openSession(a, { clientId: 'c', cleanStart: true, expiryIntervalS: 0 }))
        .session!.key!;
      seen.add(key.generation);
      if (i % 2 === 0) await release(a, key, 0);
    }
    expect(seen.size).toBe(4);
    const twice = [1, 2].map(() => ({ tenant: 't', clientId: 'd', cleanStart: true, expiryIntervalS: 60 }));
    const request = message(OpenSessionsRequestSchema, { node: a, sessions: twice });
    const { outcomes } = await world.sessions.openSessions(request, CONTEXT);
    const [one, two] = (outcomes as OpenSessionOutcome[]).map(({ session }) => session!.key!);
    expect(two!.generation).toBe(one!.generation + 1n);
  });

  test.each([
    ['died unseen', () => world.meta.endNodes([a])],
    ['let it go', (key: SessionKey) => release(a, key, 0)],
  ])('I6: epochs rise over the end of a session with expiry 0 whose owner %s', async (_name, end) => {
    const open = (node: NodeIdentity): Promise<OpenSessionOutcome> =>
      world.openSession(node, { clientId: 'c', expiryIntervalS: 0 });
    // All in one command: they raise it by more than what lies between two indexes.
    const opens = Array.from({ length: 50 }, () => ({ tenant: 't', clientId: 'c', expiryIntervalS: 0 }));
    const { key: old } = (await world.openSessions(a, opens)).at(-1)!.session!;
    await end(old!);
    const { key } = (await open(b)).session!;
    expect(key!.epoch).toBeGreaterThan(old!.epoch);
  });

  test('F1: an incarnation that has ended opens nothing', async () => {
    await world.meta.endNodes([a]);
    await expect(world.openSession(a, { clientId: 'c' })).rejects.toEqual(failing('fenced'));
  });

  test('X3: a subscription that is replaced keeps its start and changes its options', async () => {
    const { key } = (await world.openSession(a, { clientId: 'c' })).session!;
    await subscribe(a, key!, 'f', 0, 5n);
    await subscribe(a, key!, 'f', 2, 99n);
    const { rows } = await world.openSession(a, { clientId: 'c' });
    const [row] = rows!.subscriptions;
    expect(row!.options).toBe(2);
    expect(rows!.starts.find(({ id }) => id === row!.start)!.positions[0]!.offset).toBe(5n);
  });

  test('cursors never go back within a leader epoch', async () => {
    const { key } = (await world.openSession(a, { clientId: 'c' })).session!;
    const at = async (): Promise<bigint> => (await world.rowsOf(key!)).cursors[0]!.position!.offset;
    await commit(a, key!, 7n);
    await commit(a, key!, 3n);
    expect(await at()).toBe(7n);
    await commit(a, key!, 3n, 1);
    expect(await at()).toBe(3n);
    await commit(a, key!, 9n, 0);
    expect(await at()).toBe(3n);
  });

  test('S3: a graceful release hands over what was in flight', async () => {
    const { key } = (await world.openSession(a, { clientId: 'c' })).session!;
    const outbound = [{ packetId: 9, qos: 1, position: { streamId: 1, shard: 0, offset: 4n } }];
    const sessions = [{ key: key!, expiryIntervalS: 60, places: { outbound } }];
    await world.sessions.releaseSessions(
      message(ReleaseSessionsRequestSchema, { node: a, sessions }),
      CONTEXT,
    );
    const { rows } = await world.openSession(b, { clientId: 'c' });
    expect(rows!.outbound.map(({ packetId }) => packetId)).toEqual([9]);
  });

  test.each([
    ['nothing was in flight any more', { offset: 4n, leaderEpoch: 2 }, 0n, { offset: 4n, sentBelow: 0n }],
    ['less was sent', { offset: 4n, leaderEpoch: 2 }, 6n, { offset: 4n, sentBelow: 6n }],
    ['by who stood below', { offset: 3n, leaderEpoch: 2 }, 5n, { offset: 4n, sentBelow: 5n }],
    ['by who knew an older leader', { offset: 9n, leaderEpoch: 1 }, 9n, { offset: 4n, sentBelow: 0n }],
    ['of a younger leader', { offset: 2n, leaderEpoch: 3 }, 3n, { offset: 2n, sentBelow: 3n }],
  ])(
    'I1, S3: what one release says was sent counts no more behind the next one: %s',
    async (_what, place, sentBelow, expected) => {
      const releaseAt = async (node: NodeIdentity, position: object, below: bigint): Promise<void> => {
        const { key } = (await world.openSession(node, { clientId: 'c' })).session!;
        const cursors = [{ position: { streamId: 1, shard: 0, ...position }, sentBelow: below }];
        const sessions = [{ key: key!, expiryIntervalS: 60, places: { cursors } }];
        const request = message(ReleaseSessionsRequestSchema, { node, sessions });
        expect(codes((await world.sessions.releaseSessions(request, CONTEXT)).outcomes)).toEqual(['']);
      };
      await releaseAt(a, { offset: 4n, leaderEpoch: 2 }, 8n);
      await releaseAt(b, place, sentBelow);
      const [cursor] = (await world.openSession(a, { clientId: 'c' })).rows!.cursors;
      expect({ offset: cursor!.position!.offset, sentBelow: cursor!.sentBelow }).toEqual(expected);
    },
  );

  test('S3: who resumes a session whose owner did not release it is told that deliveries are uncertain', async () => {
    const reopen = async (node: NodeIdentity) => (await world.openSession(node, { clientId: 'c' })).session!;
    expect((await reopen(a)).deliveryUncertain).toBe(false);
    await world.meta.endNodes([a]);
    await world.meta.reapSessions();
    const afterCrash = await reopen(b);
    expect(afterCrash.deliveryUncertain).toBe(true);
    expect(await release(b, afterCrash.key)).toEqual(['']);
    const afterRelease = await reopen(b);
    expect(afterRelease.deliveryUncertain).toBe(false);
    // Taken over from an owner that is still connected: what it hands over itself is better.
    expect((await reopen(await world.gateway('mqtt-3'))).deliveryUncertain).toBe(true);
  });

  test('S3: a doubt about what was sent is handed on with the places, until an owner says that it is over', async () => {
    const open = async (node: NodeIdentity) => (await world.openSession(node, { clientId: 'c' })).session!;
    const letGo = async (
      node: NodeIdentity,
      key: SessionKey | undefined,
      doubtful?: boolean,
    ): Promise<void> => {
      const places = doubtful === undefined ? {} : { places: { doubtful } };
      const sessions = [{ key: key!, expiryIntervalS: 60, ...places }];
      const request = message(ReleaseSessionsRequestSchema, { node, sessions });
      await world.sessions.releaseSessions(request, CONTEXT);
    };
    const first = await open(a);
    expect(first.doubtful).toBe(false);
    await letGo(a, first.key, true);
    const second = await open(b);
    expect([second.doubtful, second.deliveryUncertain]).toEqual([true, false]);
    // Let go by one that did not serve it: nothing is known better.
    await letGo(b, second.key);
    const third = await open(a);
    expect(third.doubtful).toBe(true);
    await letGo(a, third.key, false);
    expect((await open(b)).doubtful).toBe(false);
  });

  test('S1: rows of an ended incarnation are closed in steps; those with expiry 0 go', async () => {
    const open = (clientId: string, expiryIntervalS: number) =>
      world.openSession(a, { clientId, expiryIntervalS });
    await Promise.all(Array.from({ length: 700 }, (_, i) => open(`c${i}`, i % 2 === 0 ? 60 : 0)));
    await world.meta.endNodes([a]);
    await world.meta.reapSessions();
    const rows = await list({ limit: 1_000 });
    expect(rows.length).toBe(350);
    expect(rows.every(({ head }) => head?.connected === false)).toBe(true);
    world.clock.advance(60_001);
    await world.meta.reapSessions();
    expect(await list()).toEqual([]);
    expect((await world.dump()).filter((row) => / [sdwe]\0/.test(row))).toEqual([]);
  });

  test('S1: a gateway that registers again ends the sessions of its earlier incarnation', async () => {
    await world.openSession(a, { clientId: 'c', expiryIntervalS: 0 });
    await world.gateway('mqtt-1');
    await world.meta.reapSessions();
    expect(await list()).toEqual([]);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['its lease ran out', () => world.meta.endNodes([a])],
    ['it registered again', () => world.gateway('mqtt-1')],
  ])(
    'F1, N7: an end that the data groups had no room to hear of is told to them later: %s',
    async (_how, end) => {
      const { key } = (await world.openSession(a, { clientId: 'c' })).session!;
      const { meta } = world;
      // The first round looks for all that a restart left.
      await meta.reapSessions();
      const data = meta.data.bind(meta);
      meta.data = () => Promise.reject(new BrokerError('storage_full', 'no room'));
      await expect(end()).rejects.toEqual(failing('storage_full'));
      meta.data = data;
      await meta.reapSessions();
      expect((await world.headOf(key!))!.connected).toBe(false);
      const value = message(OpenSessionsRequestSchema, {
        node: a,
        sessions: [{ tenant: 't', clientId: 'late' }],
      });
      const late = meta.data(
        meta.dataGroupOf('t', 'late'),
        { case: 'openSessions', value },
        world.requestId(a),
      );
      await expect(late).rejects.toEqual(failing('fenced'));
    },
  );

  test('S1: sessions of an incarnation that ended unnoticed are found after a restart', async () => {
    await world.openSession(a, { clientId: 'c' });
    await world.meta.endNodes([a]);
    world = await world.restart();
    await world.meta.reapSessions();
    expect((await list()).map(({ head }) => head!.connected)).toEqual([false]);
  });

  test('a session that is resumed before its expiry is swept stays', async () => {
    const { key } = (await world.openSession(a, { clientId: 'c' })).session!;
    await release(a, key, 1);
    world.clock.advance(900);
    await world.openSession(b, { clientId: 'c' });
    world.clock.advance(10_000);
    await world.meta.reapSessions();
    expect((await list()).length).toBe(1);
  });

  test('lists pages in byte order over all data groups, one tenant only (I10)', async () => {
    const names = ['a', 'aa', 'b', 'é', '\u{1f600}', '\uffee'];
    for (const clientId of names) await world.openSession(a, { clientId });
    await world.openSession(a, { tenant: 't2', clientId: 'other' });
    const found: string[] = [];
    for (let after = ''; ;) {
      const request = message(ListSessionsRequestSchema, { tenant: 't', limit: 2, afterClientId: after });
      const page = await world.sessions.listSessions(request, CONTEXT);
      found.push(...(page.sessions as SessionSummary[]).map(({ head }) => head!.key!.clientId));
      after = found.at(-1)!;
      if (page.more !== true) break;
    }
    expect(found).toEqual(['a', 'aa', 'b', 'é', '\uffee', '\u{1f600}']);
    expect((await list({ clientIdPrefix: 'a' })).length).toBe(2);
  });

  test.each([
    ['', 'c'],
    ['t', ''],
    ['t\0x', 'c'],
    ['t', 'c\0d'],
  ])('refuses the key %j %j (I10)', async (tenant, clientId) => {
    await expect(world.openSession(a, { tenant, clientId })).rejects.toEqual(failing('invalid_argument'));
  });
});
