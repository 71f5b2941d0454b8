// Rule M2: requests apply once; and the same commands give the same rows, whichever way they come.
import {
  AllocateProducerIdsRequestSchema,
  CommandSchema,
  RequestIdSchema,
  type AllocateProducerIdsResponse,
  type NodeIdentity,
} from '@robustmq/rpc';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { KeyValueBatch } from '@robustmq/kv-store';
import { MemoryStore } from '@robustmq/kv-store/testing';
import fc from 'fast-check';
import { applyingOnce, type GroupMachine } from '../src/group-machine.ts';
import { dataMachine } from '../src/data/data-machine.ts';
import { OverlayView } from '../src/log/overlay-view.ts';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';

describe('requests apply once (M2)', () => {
  let world: TestMeta;
  let node: NodeIdentity;
  beforeEach(async () => {
    world = await TestMeta.open();
    node = await world.gateway('mqtt-1');
  });
  afterEach(() => world.remove());

  const allocate = async (sequence: number, incarnation = node.incarnation): Promise<bigint> => {
    const requestId = create(RequestIdSchema, { nodeId: 'mqtt-1', incarnation, sequence: BigInt(sequence) });
    const request = message(AllocateProducerIdsRequestSchema, { count: 1, requestId });
    return ((await world.cluster.allocateProducerIds(request, CONTEXT)) as AllocateProducerIdsResponse).base;
  };

  test('a repeat gets the first answer, at once, later, after a restart', async () => {
    const [first, twin] = await Promise.all([allocate(1), allocate(1)]);
    expect(twin).toBe(first);
    expect(await allocate(2)).toBe(first + 1n);
    expect(await allocate(1)).toBe(first);
    world = await world.restart('lost');
    expect(await allocate(1)).toBe(first);
    expect(await allocate(3)).toBe(first + 2n);
  });

  test('a failure changed nothing, so its repeat may succeed', async () => {
    const request = message(AllocateProducerIdsRequestSchema, { count: 0, requestId: world.requestId(node) });
    await expect(world.cluster.allocateProducerIds(request, CONTEXT)).rejects.toEqual(
      failing('invalid_argument'),
    );
    const again = message(AllocateProducerIdsRequestSchema, { ...request, count: 1 });
    await world.cluster.allocateProducerIds(again, CONTEXT);
  });

  test('an earlier incarnation is fenced as soon as a later one was heard', async () => {
    await allocate(1);
    const next = await world.gateway('mqtt-1');
    const base = await allocate(1, next.incarnation);
    await expect(allocate(1)).rejects.toEqual(failing('fenced'));
    expect(await allocate(1, next.incarnation)).toBe(base);
  });

  test('F1: the end of an incarnation reaches all groups, drops its answers and fences what is under way', async () => {
    await world.openSession(node, { clientId: 'c' });
    await allocate(1);
    const [ended, late] = await Promise.allSettled([
      world.meta.endNodes([node]),
      world.openSession(node, { clientId: 'late' }),
    ]);
    expect(ended.status).toBe('fulfilled');
    await world.meta.reapSessions();
    const rows = await world.dump();
    expect(rows.filter((row) => / (r\/|w\0)/.test(row))).toEqual([]);
    expect(rows.filter((row) => row.includes('i/mqtt-1')).length).toBe(4);
    // It was accepted before the end, or refused; in neither case is it left open.
    expect(['fulfilled', 'rejected']).toContain(late.status);
    await expect(allocate(1)).rejects.toEqual(failing('fenced'));
  });

  test('answers are kept within a window; what is older is refused, never applied again', async () => {
    const before = await allocate(1);
    for (let sequence = 1_000; sequence <= 30_000; sequence += 1_000) await allocate(sequence);
    await expect(allocate(1)).rejects.toEqual(failing('duplicate'));
    const answers = (await world.dump()).filter((row) => row.startsWith('cluster r/'));
    expect(answers.length).toBeLessThanOrEqual(11);
    expect(await allocate(30_000)).toBe(before + 30n);
  });
});

describe('apply is deterministic', () => {
  const node = { nodeId: 'n', incarnation: 3n };
  const clientId = fc.constantFrom('a', 'b', 'c');
  const key = fc.record({
    tenant: fc.constant('t'),
    clientId,
    generation: fc.constantFrom(16_384n, 32_768n, 49_152n),
    epoch: fc.bigInt(1n, 4n),
  });
  const positions = fc.array(
    fc.record({
      streamId: fc.constant(1),
      shard: fc.nat(1),
      offset: fc.bigInt(0n, 9n),
      leaderEpoch: fc.nat(1),
    }),
    { maxLength: 2 },
  );
  const group = { tenant: 't', groupId: 'g' };
  const coordinatorEpoch = fc.nat(2);
  const commands: fc.Arbitrary<object> = fc.oneof(
    fc.record({
      case: fc.constant('openSessions'),
      value: fc.record({
        node: fc.constantFrom(node, { nodeId: 'm', incarnation: 4n }),
        sessions: fc.array(
          fc.record({
            tenant: fc.constant('t'),
            clientId,
            cleanStart: fc.boolean(),
            expiryIntervalS: fc.constantFrom(0, 1, 0xffff_ffff),
          }),
          { maxLength: 4 },
        ),
      }),
    }),
    fc.record({
      case: fc.constant('releaseSessions'),
      value: fc.record({
        sessions: fc.array(fc.record({ key, expiryIntervalS: fc.nat(2), cursors: positions }), {
          maxLength: 2,
        }),
      }),
    }),
    fc.record({
      case: fc.constant('updateSubscriptions'),
      value: fc.record({
        updates: fc.array(
          fc.record({
            key,
            put: fc.array(fc.record({ filter: clientId, options: fc.nat(2) }), { maxLength: 2 }),
          }),
          { maxLength: 2 },
        ),
      }),
    }),
    fc.record({
      case: fc.constant('commitCursors'),
      value: fc.record({ commits: fc.array(fc.record({ key, cursors: positions }), { maxLength: 2 }) }),
    }),
    fc.record({
      case: fc.constantFrom('expireSessions', 'closeIncarnation'),
      value: fc.record({ node: fc.constant(node), sessions: fc.array(key, { maxLength: 3 }) }),
    }),
    fc.record({
      case: fc.constant('claimGroup'),
      value: fc.record({
        node: fc.constant(node),
        group: fc.constant(group),
        expectedEpoch: fc.integer({ min: -1, max: 2 }),
      }),
    }),
    fc.record({
      case: fc.constant('commitOffsets'),
      value: fc.record({
        node: fc.constant(node),
        group: fc.constant(group),
        coordinatorEpoch,
        offsets: fc.array(
          fc.record({ streamId: fc.constant(1), shard: fc.nat(2), offset: fc.bigInt(0n, 9n) }),
        ),
      }),
    }),
    fc.record({
      case: fc.constantFrom('deleteGroups', 'putGroupMetadata'),
      value: fc.record({ node: fc.constant(node), group: fc.constant(group), coordinatorEpoch }),
    }),
  );
  const history = fc.array(
    fc.record({
      command: commands,
      requestId: fc.option(
        fc.record({ nodeId: fc.constant('n'), incarnation: fc.bigInt(1n, 2n), sequence: fc.bigInt(1n, 9n) }),
        { nil: undefined },
      ),
    }),
    { maxLength: 40 },
  );

  /** As a proposer makes it: with its time and random bytes. */
  const commandOf = (init: object, at: number): Uint8Array => {
    const message = { ...init, nowMs: BigInt(at * 400), entropy: Buffer.alloc(16, at) };
    return toBinary(CommandSchema, create(CommandSchema, message as never));
  };

  /** Applies commands in rounds of some sizes, as the log does; the rows afterwards. */
  async function apply(
    machine: GroupMachine,
    bytes: readonly Uint8Array[],
    rounds: readonly number[],
  ): Promise<string[]> {
    const store = new MemoryStore(['f']);
    for (let at = 0, round = 0; at < bytes.length; round++) {
      const taken = bytes.slice(at, at + (rounds[round % rounds.length] ?? 1));
      const batch = new KeyValueBatch();
      const view = new OverlayView(batch, 'f');
      const parsed = taken.map((entry) => fromBinary(CommandSchema, entry));
      for (const key of parsed.flatMap((command) => machine.keysOf(command)))
        view.fetched(key, await store.get('f', key));
      parsed.forEach((command, i) => {
        try {
          machine.apply(command, at + i + 1, view);
        } catch (thrown) {
          expect(thrown).toEqual(expect.objectContaining({ name: 'BrokerError' }));
        }
      });
      await store.write(batch);
      at += taken.length;
    }
    const rows = await store.scan('f', { from: Buffer.alloc(0), limit: 100_000 });
    return rows.map((row) => `${row.key.toString()} ${row.value.toString('hex')}`);
  }

  test('the same rows however the commands are grouped into rounds', async () => {
    await fc.assert(
      fc.asyncProperty(
        history,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
        async (all, rounds) => {
          const bytes = all.map(commandOf);
          const machine = applyingOnce(dataMachine);
          expect(await apply(machine, bytes, rounds)).toEqual(await apply(machine, bytes, [1]));
        },
      ),
      { numRuns: 150 },
    );
  });

  test('a command that brings no random bytes makes no session, and ends nothing else', async () => {
    const node = { nodeId: 'n', incarnation: 1n };
    const value = { node, sessions: [{ tenant: 't', clientId: 'c' }] };
    const bytesOf = (entropy: Buffer): Uint8Array => {
      const command = { case: 'openSessions', value };
      return toBinary(CommandSchema, create(CommandSchema, { command, entropy } as never));
    };
    const without = await apply(dataMachine, [bytesOf(Buffer.alloc(7))], [1]);
    expect(without).toEqual([]);
    const withBytes = await apply(dataMachine, [bytesOf(Buffer.alloc(7)), bytesOf(Buffer.alloc(16))], [1]);
    expect(withBytes).toHaveLength(2);
  });

  test('index rows name exactly the sessions that they should', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (all) => {
        const bytes = all.map(commandOf);
        const rows = (await apply(applyingOnce(dataMachine), bytes, [3])).map((row) => row.split(' ')[0]!);
        const named = (letter: string) =>
          rows.filter((row) => row.startsWith(`${letter}\0`)).map((row) => row.split('\0').at(-1)!);
        const sessions = named('s');
        const indexed = [...named('w'), ...named('e')];
        expect(new Set(indexed).size).toBe(indexed.length);
        for (const clientId of indexed) expect(sessions).toContain(clientId);
      }),
      { numRuns: 100 },
    );
  });

  test('a restart with rows, without rows, and no restart end in the same rows', async () => {
    let world = await TestMeta.open();
    await world.journal();
    const node = await world.gateway('mqtt-1');
    for (let i = 0; i < 20; i++) {
      await world.openSession(node, { clientId: `c${i % 7}`, cleanStart: i % 3 === 0 });
      if (i % 5 === 0) await world.createStream(`s${i}`, { 'mqtt.filter': `f${i}` }, 2);
    }
    const rows = await world.dump();
    world = await world.restart('kept');
    expect(await world.dump()).toEqual(rows);
    world = await world.restart('lost');
    expect(await world.dump()).toEqual(rows);
    await world.remove();
  });

  test('after a checkpoint the log is short, and what it held is not missed', async () => {
    let world = await TestMeta.open();
    const node = await world.gateway('mqtt-1');
    for (let round = 0; round < 40; round++) {
      const opens = Array.from({ length: 50 }, (_, i) =>
        world.openSession(node, { clientId: `${round}-${i}-${'x'.repeat(900)}` }),
      );
      await Promise.all(opens);
      await world.meta.checkpoint();
    }
    const { readdirSync } = await import('node:fs');
    expect(readdirSync(world.directory).length).toBeLessThanOrEqual(4);
    const rows = await world.dump();
    world = await world.restart('kept');
    expect(await world.dump()).toEqual(rows);
    await world.remove();
  });
});
