// A session at its limits is opened by pages: bounded in bytes for the answer, and in time for everybody's lease (I8, N8).
import { toBinary } from '@bufbuild/protobuf';
import {
  ListSessionsRequestSchema,
  ListSessionsResponseSchema,
  OpenSessionsResponseSchema,
  ReadSessionRequestSchema,
  ReadSessionResponseSchema,
  type NodeIdentity,
  type SessionKey,
  type SessionRows,
  type SessionSummary,
} from '@robustmq/rpc';
import { TurnBudget } from '@robustmq/runtime';
import { readSessionRows } from '../src/rpc/session-pages.ts';
import { dataFamily } from '../src/families.ts';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';

const FILTERS = 10_000;
const SHARDS = 64;
const MiB = 1024 * 1024;

describe('a session of 10,000 filters in 64 shards', () => {
  let world: TestMeta;
  let node: NodeIdentity;
  let key: SessionKey;
  beforeAll(async () => {
    world = await TestMeta.open();
    node = await world.gateway('mqtt-1');
    key = (await world.openSession(node, { clientId: 'large' })).session!.key!;
    const vector = (id: number) => ({
      id,
      positions: Array.from({ length: SHARDS }, (_, shard) => ({ streamId: 1, shard, offset: BigInt(id) })),
    });
    for (let at = 0, change = 1n; at < FILTERS; at += 250, change++) {
      const names = Array.from({ length: 250 }, (_, i) => `fleet/vehicle-${at + i}/telemetry/#`);
      // The worst case of a start vector for each filter; other sessions share one.
      const putStarts = names.map((_, i) => vector(at + i + 1));
      const putSubscriptions = names.map((filter, i) => ({ filter, start: at + i + 1 }));
      expect(await world.update(node, { key, change, putStarts, putSubscriptions })).toBe('');
    }
    const cursors = Array.from({ length: SHARDS }, (_, shard) => ({ position: { streamId: 1, shard } }));
    expect(await world.update(node, { key, putCursors: cursors })).toBe('');
  });
  afterAll(() => world.remove());

  const readPage = async (owner: SessionKey, from: Uint8Array) => {
    const request = message(ReadSessionRequestSchema, { key: owner, from });
    const response = await world.sessions.readSession(request, CONTEXT);
    const rows = response.rows as SessionRows;
    return {
      rows,
      sizeBytes: toBinary(ReadSessionResponseSchema, message(ReadSessionResponseSchema, { rows })).length,
    };
  };

  test('I8: is opened in a batch with others, and read to its end', async () => {
    const names = ['large', ...Array.from({ length: 99 }, (_, i) => `small-${i}`)];
    const sessions = names.map((clientId) => ({ tenant: 't', clientId, expiryIntervalS: 60 }));
    const outcomes = await world.openSessions(node, sessions);
    const answer = message(OpenSessionsResponseSchema, { outcomes });
    expect(toBinary(OpenSessionsResponseSchema, answer).length).toBeLessThan(MiB);
    key = outcomes[0]!.session!.key!;
    const filters = new Set<string>();
    const starts = new Set<number>();
    let cursors = 0;
    for (let page = outcomes[0]!.rows!; ;) {
      for (const { filter } of page.subscriptions) filters.add(filter);
      for (const { id, positions } of page.starts) if (positions.length === SHARDS) starts.add(id);
      cursors += page.cursors.length;
      if (page.next.length === 0) break;
      const next = await readPage(key, page.next);
      expect(next.sizeBytes).toBeLessThan(128 * 1024);
      page = next.rows;
    }
    expect([filters.size, starts.size, cursors]).toEqual([FILTERS, FILTERS, SHARDS]);
  });

  test('N8: a read yields as soon as its slice is used up, whatever a row costs', async () => {
    let nowMs = 0;
    let turns = 0;
    let workMs = 0;
    let longestMs = 0;
    // Every look at the clock costs as much as a row.
    const clock = { monotonicMs: () => ((nowMs += 0.5), (workMs += 0.5), nowMs) };
    const timers = {
      soon: (action: () => void) => {
        turns++;
        longestMs = Math.max(longestMs, workMs);
        workMs = 0;
        setImmediate(action);
        return () => undefined;
      },
      after: () => () => undefined,
      every: () => () => undefined,
    };
    const budget = new TurnBudget(clock, timers);
    const family = dataFamily(world.meta.dataGroupOf('t', 'large'));
    await readSessionRows({ store: world.store, family, budget }, key, new Uint8Array(), 256 * 1024);
    expect(turns).toBeGreaterThan(10);
    expect(longestMs).toBeLessThanOrEqual(6);
  });

  test('I6: only its owner reads it, and only inside its rows', async () => {
    const current = (await world.openSession(node, { clientId: 'large' })).session!.key!;
    await expect(readPage({ ...current, epoch: current.epoch - 1n }, Buffer.alloc(0))).rejects.toEqual(
      failing('fenced'),
    );
    await expect(readPage(current, Buffer.from('s\u0000t\u0000small-1'))).rejects.toEqual(
      failing('invalid_argument'),
    );
    await expect(readPage({ ...current, clientId: 'gone' }, Buffer.alloc(0))).rejects.toEqual(
      failing('fenced'),
    );
  });

  test('many large sessions in one batch share the room of one answer', async () => {
    const names = Array.from({ length: 100 }, (_, i) => ({
      tenant: 't',
      clientId: `m${i}`,
      expiryIntervalS: 60,
    }));
    for (const { session } of await world.openSessions(node, names)) {
      const filter = `${session!.key!.clientId}/${'x'.repeat(60_000)}`;
      const putSubscriptions = [{ filter }, { filter: `${filter}y` }];
      await world.update(node, { key: session!.key!, change: 1n, putSubscriptions });
    }
    const outcomes = await world.openSessions(node, names);
    const answer = message(OpenSessionsResponseSchema, { outcomes });
    expect(toBinary(OpenSessionsResponseSchema, answer).length).toBeLessThan(8 * MiB);
    const [first, last] = [outcomes[0]!, outcomes.at(-1)!];
    expect(first.rows!.subscriptions.length).toBeGreaterThan(0);
    expect(last.rows!.next.length).toBeGreaterThan(0);
    const rest = await readPage(last.session!.key!, last.rows!.next);
    expect(rest.rows.subscriptions.length + last.rows!.subscriptions.length).toBeGreaterThan(0);
  });

  test('I8: a page of the list is bounded in bytes, and the next goes on behind it', async () => {
    const long = Array.from({ length: 80 }, (_, i) => ({
      tenant: 't3',
      clientId: `${String(i).padStart(3, '0')}-${'x'.repeat(60_000)}`,
      expiryIntervalS: 60,
    }));
    for (let at = 0; at < long.length; at += 5) await world.openSessions(node, long.slice(at, at + 5));
    const found: string[] = [];
    for (let after = ''; ;) {
      const request = message(ListSessionsRequestSchema, { tenant: 't3', afterClientId: after });
      const page = message(ListSessionsResponseSchema, await world.sessions.listSessions(request, CONTEXT));
      expect(toBinary(ListSessionsResponseSchema, page).length).toBeLessThan(3 * MiB);
      found.push(...page.sessions.map(({ head }: SessionSummary) => head!.key!.clientId.slice(0, 3)));
      if (!page.more) break;
      after = page.sessions.at(-1)!.head!.key!.clientId;
    }
    expect(found).toEqual(long.map(({ clientId }) => clientId.slice(0, 3)));
  });
});
