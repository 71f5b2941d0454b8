// Random changes of a few sessions against a model object: what the rows say is what the model says, the counts are exact,
// and nothing is left behind.
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  CommandSchema,
  ReleaseSessionsRequestSchema,
  SessionCountsSchema,
  UpdateSessionsRequestSchema,
  type NodeIdentity,
  type SessionKey,
  type SessionRows,
  type SessionUpdateSchema,
} from '@robustmq/rpc';
import { Random } from '@robustmq/testkit';
import { dataMachine } from '../src/data/data-machine.ts';
import { filterKey, sessionKey, startKey } from '../src/data/keys.ts';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';

type Update = MessageInitShape<typeof SessionUpdateSchema>;

const CLIENTS = ['c', 'c\u0001', 'cc'];
const FILTERS = ['a', 'a/#', 'a/+/b', '\u00e9', 'c'];
const STEPS = 120;

/** What a session must be. */
class SessionModel {
  key: SessionKey;
  change = 0n;
  readonly filters = new Map<string, { options: number; start: number }>();
  readonly starts = new Map<number, bigint>();
  readonly cursors = new Map<number, bigint>();
  readonly inbound = new Map<number, bigint>();
  lastSequence = 0n;
  outbound = new Map<number, number>();

  constructor(key: SessionKey) {
    this.key = key;
  }

  sorted(): object {
    const byKey = <V>(map: Map<string | number, V>): [string, V][] =>
      [...map].map(([key, value]): [string, V] => [String(key), value]).sort();
    return {
      filters: byKey(this.filters),
      starts: byKey(this.starts),
      cursors: byKey(this.cursors),
      inbound: byKey(this.inbound),
      outbound: byKey(this.outbound),
    };
  }
}

function modelOf(key: SessionKey, rows: SessionRows): SessionModel {
  const model = new SessionModel(key);
  for (const { filter, options, start } of rows.subscriptions) model.filters.set(filter, { options, start });
  for (const { id, positions } of rows.starts) model.starts.set(id, positions[0]!.offset);
  for (const { position } of rows.cursors) model.cursors.set(position!.shard, position!.offset);
  for (const { packetId, sequence } of rows.inbound) model.inbound.set(packetId, sequence);
  for (const { packetId, state } of rows.outbound) model.outbound.set(packetId, state);
  return model;
}

/** A random change, made to the model as well. */
function randomUpdate(random: Random, model: SessionModel): Update {
  const update: Update = { key: model.key, change: ++model.change };
  if (random.chance(0.5)) {
    const filter = random.pick(FILTERS);
    update.removeSubscriptions = [filter, 'never there'];
    model.filters.delete(filter);
  }
  if (random.chance(0.6)) {
    const start = random.between(1, 4);
    const offset = BigInt(random.below(100));
    const filter = random.pick(FILTERS);
    const options = random.below(3);
    update.putStarts = [{ id: start, positions: [{ offset }] }];
    update.putSubscriptions = [{ filter, options, start }];
    model.starts.set(start, offset);
    model.filters.set(filter, { options, start: model.filters.get(filter)?.start ?? start });
  }
  if (random.chance(0.2)) {
    const used = new Set([...model.filters.values()].map(({ start }) => start));
    update.removeStarts = [1, 2, 3, 4].filter((id) => !used.has(id));
    for (const id of update.removeStarts) model.starts.delete(id);
  }
  if (random.chance(0.2)) {
    const shard = random.below(4);
    update.removeCursors = [{ shard }];
    model.cursors.delete(shard);
  }
  if (random.chance(0.5)) {
    const shard = random.below(4);
    const offset = BigInt(random.below(1_000));
    update.putCursors = [{ position: { shard, offset } }];
    const known = model.cursors.get(shard) ?? 0n;
    model.cursors.set(shard, known > offset ? known : offset);
  }
  if (random.chance(0.4)) {
    const packetId = random.between(1, 5);
    const removed = random.between(1, 5);
    model.inbound.delete(removed);
    // As the owner gives them: a PUBLISH that comes again keeps its own.
    const known = model.inbound.get(packetId);
    const sequence = known !== undefined && random.chance(0.5) ? known : ++model.lastSequence;
    update.removeInbound = [removed];
    update.putInbound = [{ packetId, sequence }];
    model.inbound.set(packetId, sequence);
  }
  if (random.chance(0.4)) {
    const packetId = random.between(1, 5);
    const state = random.below(3);
    update.removeOutbound = [random.between(1, 5)];
    update.putOutbound = [{ packetId, state }];
    model.outbound.delete(update.removeOutbound[0]!);
    model.outbound.set(packetId, state);
  }
  return update;
}

describe('the rows of sessions', () => {
  let world: TestMeta;
  let node: NodeIdentity;
  beforeEach(async () => {
    world = await TestMeta.open();
    node = await world.gateway('mqtt-1');
  });
  afterEach(() => world.remove());

  const release = async (
    key: SessionKey,
    packetIds: readonly number[] | undefined,
    expiryIntervalS: number,
  ) => {
    const outbound = packetIds?.map((packetId) => ({ packetId }));
    const sessions = [{ key, expiryIntervalS, ...(outbound && { places: { outbound } }) }];
    const request = message(ReleaseSessionsRequestSchema, { node, sessions });
    await world.sessions.releaseSessions(request, CONTEXT);
  };

  /** Opens, and with clean start forgets. */
  const open = async (
    clientId: string,
    models: Map<string, SessionModel>,
    cleanStart: boolean,
  ): Promise<void> => {
    const outcome = await world.openSession(node, { clientId, cleanStart });
    const model = models.get(clientId);
    expect(outcome.sessionPresent).toBe(model !== undefined && !cleanStart);
    if (model === undefined || cleanStart) models.set(clientId, new SessionModel(outcome.session!.key!));
    else {
      model.key = outcome.session!.key!;
      model.change = 0n;
    }
  };

  const check = async (models: Map<string, SessionModel>): Promise<void> => {
    for (const [clientId, model] of models) {
      const rows = await world.rowsOf({ tenant: 't', clientId });
      expect(modelOf(model.key, rows).sorted()).toEqual(model.sorted());
      const head = await world.headOf({ tenant: 't', clientId });
      expect(message(SessionCountsSchema, head?.counts ?? {})).toMatchObject({
        subscriptions: model.filters.size,
        starts: model.starts.size,
        cursors: model.cursors.size,
        inbound: model.inbound.size,
        outbound: model.outbound.size,
      });
      expect(head?.lastInboundSequence ?? 0n).toBe(model.lastSequence);
    }
  };

  test.each([1, 2, 3, 4, 5, 6])('X3, S2: are what the changes made of them (seed %d)', async (seed) => {
    const random = new Random(seed);
    const models = new Map<string, SessionModel>();
    for (const clientId of CLIENTS) await open(clientId, models, false);
    for (let step = 0; step < STEPS; step++) {
      const clientId = random.pick(CLIENTS);
      const model = models.get(clientId)!;
      if (random.chance(0.1)) await open(clientId, models, random.chance(0.3));
      else if (random.chance(0.05)) {
        const packetIds = random.chance(0.5) ? [7, 8] : undefined;
        await release(model.key, packetIds, 60);
        if (packetIds !== undefined) model.outbound = new Map(packetIds.map((packetId) => [packetId, 0]));
        await open(clientId, models, false);
      } else expect(await world.update(node, randomUpdate(random, model))).toBe('');
    }
    await check(models);
    const before = await world.dump();
    world = await world.restart('lost');
    expect(await world.dump()).toEqual(before);
    for (const { key } of models.values()) await release(key, undefined, 0);
    expect((await world.dump()).filter((row) => / [sdwe]\0/.test(row))).toEqual([]);
  });

  test('a change that is refused half-way changes nothing', async () => {
    const { key } = (await world.openSession(node, { clientId: 'c' })).session!;
    await world.update(node, { key, change: 1n, putSubscriptions: [{ filter: 'kept' }] });
    const before = await world.dump();
    const put = { putSubscriptions: [{ filter: 'new' }], removeSubscriptions: ['kept'] };
    const withoutVector = { putSubscriptions: [{ filter: 'f', start: 9 }] };
    const without = (rows: string[]): string[] => rows.filter((row) => !/ [ir]\//.test(row));
    expect(await world.update(node, { key, change: 2n, ...put, putOutbound: [{ packetId: 0 }] })).toBe(
      'invalid_argument',
    );
    expect(await world.update(node, { key, change: 2n, ...put, putInbound: [{ packetId: 65_536 }] })).toBe(
      'invalid_argument',
    );
    expect(await world.update(node, { key, change: 2n, ...put, putStarts: [{ id: 0 }] })).toBe(
      'invalid_argument',
    );
    expect(await world.update(node, { key, change: 2n, ...withoutVector })).toBe('invalid_argument');
    expect(await world.update(node, { key, ...put })).toBe('invalid_argument');
    expect(without(await world.dump())).toEqual(without(before));
  });

  test('N11: a change that a later one has overtaken is refused, in every epoch anew', async () => {
    const { key } = (await world.openSession(node, { clientId: 'c' })).session!;
    expect(await world.update(node, { key, change: 2n, removeSubscriptions: ['a'] })).toBe('');
    expect(await world.update(node, { key, change: 1n, putSubscriptions: [{ filter: 'a' }] })).toBe(
      'out_of_order',
    );
    expect(await world.update(node, { key, change: 2n, putSubscriptions: [{ filter: 'a' }] })).toBe(
      'out_of_order',
    );
    expect((await world.rowsOf(key!)).subscriptions).toEqual([]);
    const again = (await world.openSession(node, { clientId: 'c' })).session!.key;
    expect(await world.update(node, { key: again, change: 1n, putSubscriptions: [{ filter: 'a' }] })).toBe(
      '',
    );
  });

  test('X4: a commit of known cursors touches their rows alone', async () => {
    const { key } = (await world.openSession(node, { clientId: 'c' })).session!;
    const cursors = [0, 1].map((shard) => ({ position: { streamId: 1, shard, offset: 1n } }));
    await world.update(node, { key, putCursors: cursors });
    const before = await world.dump();
    await world.update(node, { key, putCursors: [{ position: { streamId: 1, shard: 1, offset: 9n } }] });
    const changed = (await world.dump()).filter((row) => !before.includes(row) && !/ [ir]\//.test(row));
    expect(changed.length).toBe(1);
    expect(changed[0]).toContain(' d\0t\0c\0c\0');
  });

  test('N13: a call of more sessions than one command may hold is refused', async () => {
    const names = Array.from({ length: 101 }, (_, i) => ({
      tenant: 't',
      clientId: `n${i}`,
      expiryIntervalS: 0,
    }));
    await expect(world.openSessions(node, names)).rejects.toEqual(failing('too_large'));
    expect((await world.openSessions(node, names.slice(1))).length).toBe(100);
  });

  test('N8: what a change may read are the rows that it names, however large the session is', () => {
    const value = message(UpdateSessionsRequestSchema, {
      updates: [
        { key: { tenant: 't', clientId: 'c' }, change: 1n, putSubscriptions: [{ filter: 'f', start: 7 }] },
      ],
    });
    const keys = dataMachine.keysOf(message(CommandSchema, { command: { case: 'updateSessions', value } }));
    const names = [sessionKey('t', 'c'), filterKey('t', 'c', 'f'), startKey('t', 'c', 7)];
    expect(keys.map((key) => key.toString('hex')).sort()).toEqual(
      names.map((key) => key.toString('hex')).sort(),
    );
  });

  test('I8: subscriptions, start vectors and cursors of a session are bounded', async () => {
    const { key } = (await world.openSession(node, { clientId: 'c' })).session!;
    const filters = (count: number, from = 0) =>
      Array.from({ length: count }, (_, i) => ({ filter: `f${from + i}` }));
    expect(await world.update(node, { key, change: 1n, putSubscriptions: filters(10_000) })).toBe('');
    expect(await world.update(node, { key, change: 2n, putSubscriptions: filters(1, 10_000) })).toBe(
      'quota_exceeded',
    );
    const removeSubscriptions = ['f0'];
    const exchange = { key, change: 3n, removeSubscriptions, putSubscriptions: filters(1, 10_000) };
    expect(await world.update(node, exchange)).toBe('');
    const putCursors = Array.from({ length: 20_001 }, (_, shard) => ({ position: { streamId: 1, shard } }));
    expect(await world.update(node, { key, putCursors })).toBe('quota_exceeded');
    const positions = Array.from({ length: 4_097 }, (_, shard) => ({ streamId: 1, shard }));
    expect(await world.update(node, { key, change: 4n, putStarts: [{ id: 1, positions }] })).toBe(
      'too_large',
    );
  });
});
