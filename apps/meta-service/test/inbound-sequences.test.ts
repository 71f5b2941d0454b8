// Sequences of QoS 2 PUBLISHes (rule R7): a leader takes two publishes of a session with the same one for the same publish. And
// what they don't hold any more: epochs, which outgrow every part of a sequence.
import { fromBinary } from '@bufbuild/protobuf';
import {
  OpenSessionsRequestSchema,
  OpenSessionsResponseSchema,
  UpdateSessionsRequestSchema,
  UpdateSessionsResponseSchema,
  type NodeIdentity,
  type SessionKey,
} from '@robustmq/rpc';
import type { CommandContext } from '../src/data/commands.ts';
import { sessionKey } from '../src/data/keys.ts';
import { decodeHead } from '../src/data/session-heads.ts';
import { updateSessions } from '../src/data/session-updates.ts';
import { openSessions } from '../src/data/sessions.ts';
import type { ApplyView } from '../src/group-machine.ts';
import { message, TestMeta } from './support/test-meta.ts';

const MAX = BigInt(Number.MAX_SAFE_INTEGER);
const SHARD = { streamId: 1, shard: 0 };

describe('sequences of QoS 2 publishes', () => {
  let world: TestMeta;
  let a: NodeIdentity;
  let b: NodeIdentity;
  beforeEach(async () => {
    world = await TestMeta.open();
    a = await world.gateway('mqtt-1');
    b = await world.gateway('mqtt-2');
  });
  afterEach(() => world.remove());

  const open = async (node: NodeIdentity, cleanStart = false) =>
    (await world.openSession(node, { clientId: 'c', cleanStart })).session!;
  const put = (key: SessionKey, change: bigint, packetId: number, sequence: bigint, node = a) =>
    world.update(node, { key, change, putInbound: [{ packetId, sequence, shard: SHARD }] });

  test('R7: the highest one outlives its row, its owners and a restart', async () => {
    const { key, lastInboundSequence } = await open(a);
    expect(lastInboundSequence).toBe(0n);
    expect(await put(key!, 1n, 7, 1n)).toBe('');
    expect(await put(key!, 2n, 8, 2n)).toBe('');
    expect(await world.update(a, { key: key!, change: 3n, removeInbound: [7, 8] })).toBe('');
    expect(await open(b)).toMatchObject({ lastInboundSequence: 2n, counts: { inbound: 0 } });
    await world.meta.endNodes([b]);
    expect((await open(a)).lastInboundSequence).toBe(2n);
    await world.release(a, (await world.headOf({ tenant: 't', clientId: 'c' }))!.key!, 60);
    world = await world.restart('lost');
    expect((await open(await world.gateway('mqtt-3'))).lastInboundSequence).toBe(2n);
  });

  test('R7: a session that begins anew counts anew, under a session id of its own', async () => {
    const before = await open(a);
    await put(before.key!, 1n, 7, 5n);
    const anew = await open(a, true);
    expect(anew.lastInboundSequence).toBe(0n);
    expect(anew.sessionId).not.toBe(before.sessionId);
    expect(await put(anew.key!, 1n, 7, 1n)).toBe('');
  });

  test('S2: a PUBLISH that comes again is stored again with its own', async () => {
    const { key } = await open(a);
    await put(key!, 1n, 7, 1n);
    await put(key!, 2n, 8, 2n);
    expect(await put(key!, 3n, 7, 1n)).toBe('');
    expect((await world.headOf({ tenant: 't', clientId: 'c' }))!.lastInboundSequence).toBe(2n);
  });

  test.each<[string, number, bigint, string]>([
    ['another publish has', 9, 1n, 'invalid_argument'],
    ['the same identifier had before PUBREL', 8, 2n, 'invalid_argument'],
    ['is none', 9, 0n, 'invalid_argument'],
    ['is no number of a process', 9, MAX + 1n, 'out_of_range'],
  ])('R7: one that %s is refused, and nothing is changed', async (_name, packetId, sequence, code) => {
    const { key } = await open(a);
    await put(key!, 1n, 7, 1n);
    await put(key!, 2n, 8, 2n);
    await world.update(a, { key: key!, change: 3n, removeInbound: [8] });
    expect(await put(key!, 4n, packetId, sequence)).toBe(code);
    expect((await world.rowsOf(key!)).inbound).toMatchObject([{ packetId: 7, sequence: 1n }]);
    expect((await world.headOf(key!))!.lastInboundSequence).toBe(2n);
    expect(await put(key!, 5n, packetId, MAX)).toBe('');
  });

  test('R7: publishes of one change may be in any order, but not share one', async () => {
    const { key } = await open(a);
    const row = (packetId: number, sequence: bigint) => ({ packetId, sequence, shard: SHARD });
    const change = (number: bigint, ...rows: object[]) =>
      world.update(a, { key: key!, change: number, putInbound: rows });
    expect(await change(1n, row(7, 1n), row(8, 1n))).toBe('invalid_argument');
    expect(await change(2n, row(7, 2n), row(8, 1n))).toBe('');
    expect((await world.headOf(key!))!.lastInboundSequence).toBe(2n);
  });
});

/** Rows in a table. */
class TableView implements ApplyView {
  readonly #rows = new Map<string, Buffer>();

  get(key: Buffer): Buffer | undefined {
    return this.#rows.get(key.toString('latin1'));
  }

  put(key: Buffer, value: Uint8Array): void {
    this.#rows.set(key.toString('latin1'), Buffer.from(value));
  }

  delete(key: Buffer): void {
    this.#rows.delete(key.toString('latin1'));
  }

  deleteRange(from: Buffer, until: Buffer): void {
    for (const key of this.#rows.keys()) {
      const bytes = Buffer.from(key, 'latin1');
      if (bytes.compare(from) >= 0 && bytes.compare(until) < 0) this.#rows.delete(key);
    }
  }
}

describe('I6: epochs of a group whose log is long', () => {
  const node = { nodeId: 'mqtt-1', incarnation: 1n };
  const context = (index: number): CommandContext => ({
    index,
    nowMs: 1n,
    entropy: new Uint8Array(16),
    clientIdOwnsSession: false,
    refusesGrowth: false,
  });
  const open = (view: ApplyView, index: number) => {
    const sessions = [{ tenant: 't', clientId: 'c', expiryIntervalS: 60 }];
    const bytes = openSessions.apply(
      view,
      message(OpenSessionsRequestSchema, { node, sessions }),
      context(index),
    );
    return fromBinary(OpenSessionsResponseSchema, bytes).outcomes[0]!;
  };

  test.each([
    ['2^32', 2 ** 18],
    ['2^53', 2 ** 39 - 1],
    ['what a number holds', 2 ** 39],
  ])('are exact at %s, and sequences begin at 1 there as well', (_name, index) => {
    const view = new TableView();
    const { key: first } = open(view, index).session!;
    expect(first!.epoch).toBe(BigInt(index) * 16_384n + 1n);
    const { session, previousEpoch, sessionPresent } = open(view, index + 1);
    expect({ epoch: session!.key!.epoch, sessionPresent }).toEqual({
      epoch: first!.epoch + 1n,
      sessionPresent: true,
    });
    expect(previousEpoch).toBe(0n);
    const update = (key: SessionKey) => {
      const updates = [{ key, change: 1n, putInbound: [{ packetId: 7, sequence: 1n, shard: SHARD }] }];
      const request = message(UpdateSessionsRequestSchema, { node, updates });
      const bytes = updateSessions.apply(view, request, context(index + 2));
      return fromBinary(UpdateSessionsResponseSchema, bytes).outcomes.map(({ code }) => code);
    };
    expect(update(first!)).toEqual(['fenced']);
    expect(update(session!.key!)).toEqual(['']);
    expect(decodeHead(view.get(sessionKey('t', 'c'))!).lastInboundSequence).toBe(1n);
  });
});
