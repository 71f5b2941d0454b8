// Whose a session is: the principal that made it, until an operator says otherwise.
import {
  DropSessionsRequestSchema,
  fromFailure,
  ReassignSessionRequestSchema,
  type DropSessionOutcome,
  type NodeIdentity,
  type OpenSessionOutcome,
} from '@robustmq/rpc';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';

const ANNA = { tenant: 't', name: 'anna' };
const BERT = { tenant: 't', name: 'bert' };
const ANONYMOUS = { tenant: 't', name: '' };

const codeOf = ({ failure }: OpenSessionOutcome): string | undefined => fromFailure(failure)?.code;

describe('the owner of a session', () => {
  let world: TestMeta;
  let node: NodeIdentity;
  beforeEach(async () => {
    world = await TestMeta.open();
    node = await world.gateway('mqtt-1');
  });
  afterEach(() => world.remove());

  const open = (principal?: typeof ANNA, init: object = {}): Promise<OpenSessionOutcome> =>
    world.openSession(node, { clientId: 'c', ...(principal && { principal }), ...init });

  test.each([
    ['itself', ANNA, ANNA, undefined],
    ['another user', ANNA, BERT, 'permission_denied'],
    ['the same name in another tenant', ANNA, { ...ANNA, tenant: 'other' }, 'permission_denied'],
    ['anonymous', ANNA, undefined, 'permission_denied'],
    ['anonymous by an empty name', ANNA, ANONYMOUS, 'permission_denied'],
    ['a user, when anonymous made it', undefined, ANNA, undefined],
    ['anonymous, when anonymous made it', ANONYMOUS, undefined, undefined],
  ])('may be opened by %s: %j, %j', async (_name, owner, caller, code) => {
    const first = await open(owner);
    const second = await open(caller);
    expect(codeOf(second)).toBe(code);
    expect(second.sessionPresent).toBe(code === undefined);
    // The refusal fences nobody.
    const outcome = await world.update(node, { key: first.session!.key, putCursors: [] });
    expect(outcome).toBe(code === undefined ? 'fenced' : '');
  });

  test('a clean start by another is refused as well: it would end the session', async () => {
    await open(ANNA);
    expect(codeOf(await open(BERT, { cleanStart: true }))).toBe('permission_denied');
    expect(codeOf(await open(BERT, { expiryIntervalS: 0 }))).toBe('permission_denied');
  });

  test('a session that anonymous made passes once', async () => {
    await open();
    expect(codeOf(await open(ANNA))).toBeUndefined();
    expect(codeOf(await open(BERT))).toBe('permission_denied');
    expect(codeOf(await open())).toBe('permission_denied');
  });

  test('one that has expired belongs to nobody', async () => {
    const { session } = await open(ANNA);
    await world.release(node, session!.key!, 1);
    world.clock.advance(1_000);
    const outcome = await open(BERT);
    expect([codeOf(outcome), outcome.sessionPresent]).toEqual([undefined, false]);
    expect(outcome.session!.principal).toMatchObject(BERT);
  });

  test('sessions.owner=client-id: whoever knows the client id owns it', async () => {
    await world.remove();
    world = await TestMeta.open({ clientIdOwnsSession: true });
    node = await world.gateway('mqtt-1');
    await open(ANNA);
    const outcome = await open(BERT);
    expect([codeOf(outcome), outcome.sessionPresent]).toEqual([undefined, true]);
  });

  test('the refusal of one session leaves the others of its batch alone, and a replay decides alike', async () => {
    await open(ANNA);
    const sessions = ['c', 'd'].map((clientId) => ({
      tenant: 't',
      clientId,
      expiryIntervalS: 60,
      principal: BERT,
    }));
    const outcomes = await world.openSessions(node, sessions);
    expect(outcomes.map(codeOf)).toEqual(['permission_denied', undefined]);
    const before = await world.dump();
    world = await world.restart('lost');
    expect(await world.dump()).toEqual(before);
  });

  test('an operator gives it to another, and to nobody', async () => {
    await open(ANNA);
    const reassign = async (principal?: typeof ANNA) => {
      const request = { node, session: { tenant: 't', clientId: 'c' }, ...(principal && { principal }) };
      return await world.sessions.reassignSession(message(ReassignSessionRequestSchema, request), CONTEXT);
    };
    expect((await reassign(BERT)).session).toMatchObject({ connected: true, principal: BERT });
    expect(codeOf(await open(ANNA))).toBe('permission_denied');
    expect(codeOf(await open(BERT))).toBeUndefined();
    await reassign();
    expect(codeOf(await open(ANNA))).toBeUndefined();
  });

  test('an operator drops it: its owner is fenced, its rows are gone', async () => {
    const { session } = await open(ANNA);
    await world.update(node, { key: session!.key, change: 1n, putSubscriptions: [{ filter: 'f' }] });
    const sessions = ['c', 'unknown'].map((clientId) => ({ tenant: 't', clientId }));
    const request = message(DropSessionsRequestSchema, { node, sessions });
    const outcomes = (await world.sessions.dropSessions(request, CONTEXT)).outcomes as DropSessionOutcome[];
    expect(outcomes.map(({ failure }) => fromFailure(failure)?.code)).toEqual([undefined, 'not_found']);
    expect(outcomes[0]!.dropped).toMatchObject({ connected: true, ownerNodeId: 'mqtt-1' });
    expect(await world.update(node, { key: session!.key, putCursors: [] })).toBe('fenced');
    expect((await world.dump()).filter((row) => / [sdwe]\0/.test(row))).toEqual([]);
    expect(codeOf(await open(BERT))).toBeUndefined();
  });

  test('what is not there can be neither reassigned nor named badly', async () => {
    const reassign = (session: object) =>
      world.sessions.reassignSession(message(ReassignSessionRequestSchema, { node, session }), CONTEXT);
    await expect(reassign({ tenant: 't', clientId: 'unknown' })).rejects.toEqual(failing('not_found'));
    await expect(reassign({ tenant: 't', clientId: '' })).rejects.toEqual(failing('invalid_argument'));
    const unnamed = message(ReassignSessionRequestSchema, { node });
    await expect(world.sessions.reassignSession(unnamed, CONTEXT)).rejects.toEqual(
      failing('invalid_argument'),
    );
  });

  test('R7: a session id has 53 bits, stays while the session goes on, and is new for a new one', async () => {
    const first = (await open(ANNA)).session!.sessionId;
    expect((await open(ANNA)).session!.sessionId).toBe(first);
    const cleaned = (await open(ANNA, { cleanStart: true })).session!.sessionId;
    expect(cleaned).not.toBe(first);
    const names = Array.from({ length: 100 }, (_, i) => ({
      tenant: 't',
      clientId: `d${i}`,
      expiryIntervalS: 60,
    }));
    const ids = (await world.openSessions(node, names)).map(({ session }) => session!.sessionId);
    expect(new Set(ids).size).toBe(100);
    expect(ids.every((id) => id > 0n && id < 1n << 53n)).toBe(true);
    expect(ids.some((id) => id >= 1n << 52n)).toBe(true);
  });

  test('R7: two sessions that one command makes of a client id have an id each', async () => {
    const anew = { tenant: 't', clientId: 'twice', expiryIntervalS: 60, cleanStart: true };
    const ids = (await world.openSessions(node, [anew, anew])).map(({ session }) => session!.sessionId);
    expect(new Set(ids).size).toBe(2);
  });
});
