// A session belongs to the principal that made it: a client id is a name, and not a right to what another has there.

import { hashPassword } from '@robustmq/access-control/testing';
import { type RawClient, start, until, type Running } from './running-gateway.ts';

const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };
const ann = { username: 'ann', password: Buffer.from('secret') };
const bert = { username: 'bert', password: Buffer.from('secret') };

let running: Running;

const client = (version: 4 | 5 = 5): RawClient => running.client(version);

beforeEach(async () => {
  running = await start();
  const hash = await hashPassword('secret');
  for (const name of ['ann', 'bert']) running.meta.addUser(name, hash);
  await until(() => running.gateway.meta.view.users.size === 2);
});

afterEach(() => running.stop());

describe.each([
  ['a session that ends with its connection', {}],
  ['a durable session', durable],
])('%s', (_kind, terms) => {
  test.each([
    ['anonymous', 5, {}],
    ['anonymous', 4, {}],
    ['another user', 5, bert],
    ['another user', 4, bert],
    ['another user with Clean Start', 5, { ...bert, clean: true }],
  ] as const)('S1: %s is refused, level %d, and its owner is served on', async (_who, version, login) => {
    const owner = client();
    await owner.connect('dev', { ...ann, ...terms });
    await owner.subscribe('t', 1);
    const stranger = client(version);
    const { reasonCode, returnCode } = await stranger.connect('dev', { ...terms, ...login });
    expect(version === 5 ? reasonCode : returnCode).toBe(version === 5 ? 0x85 : 2);
    await until(() => stranger.isClosed);
    owner.publish('t', 'x', 1, 1);
    await until(() => owner.payloads().length === 1);
    expect(owner.received.map(({ cmd }) => cmd)).not.toContain('disconnect');
    expect(running.gateway.counters.foreignSessions).toBe(1);
    expect(running.gateway.counters.takenOver).toBe(0);
    // Nothing of the refusal stands in the owner's own way.
    expect((await client().connect('dev', { ...ann, ...terms })).reasonCode).toBe(0);
  });
});

test('a session of anonymous passes to the first user with all that its owner knew', async () => {
  const anonymous = client();
  await anonymous.connect('dev', durable);
  await anonymous.subscribe('t', 1);
  anonymous.publish('t', 'x', 1, 1);
  const sent = await anonymous.take('publish');
  const user = client();
  expect((await user.connect('dev', { ...ann, ...durable })).sessionPresent).toBe(true);
  expect((await anonymous.take('disconnect')).reasonCode).toBe(0x8e);
  const again = await user.take('publish');
  expect(again).toMatchObject({ messageId: sent.messageId, dup: true });
  expect(running.gateway.serving!.directory.size).toBe(1);
});

test('S1: a session of anonymous passes once: neither anonymous nor another user gets it back', async () => {
  const anonymous = client();
  await anonymous.connect('dev', durable);
  const user = client();
  expect((await user.connect('dev', { ...ann, ...durable })).sessionPresent).toBe(true);
  for (const login of [{}, bert])
    expect((await client().connect('dev', { ...login, ...durable })).reasonCode).toBe(0x85);
  expect(user.isClosed).toBe(false);
  expect(running.gateway.counters.foreignSessions).toBe(2);
});

test('S1: a session that an operator reassigns is refused to its owner of before, and goes on for the new one', async () => {
  const owner = client();
  await owner.connect('dev', { ...ann, ...durable });
  await owner.subscribe('t', 1);
  running.meta.reassign('dev', 'bert');
  expect((await client().connect('dev', { ...ann, ...durable })).reasonCode).toBe(0x85);
  const heir = client();
  expect(await heir.connect('dev', { ...bert, ...durable })).toMatchObject({
    reasonCode: 0,
    sessionPresent: true,
  });
  heir.publish('t', 'x', 1, 1);
  await until(() => heir.payloads().length === 1);
  await until(() => owner.isClosed);
  expect(owner.payloads()).toEqual([]);
});

test('I6: a session that an operator drops is served no more, and anybody may begin anew with its client id', async () => {
  const owner = client();
  await owner.connect('dev', { ...ann, ...durable });
  await owner.subscribe('t', 1);
  running.meta.sessions.delete('dev');
  owner.send({ cmd: 'subscribe', messageId: 9, subscriptions: [{ topic: 'u', qos: 1 }] });
  expect((await owner.take('disconnect')).reasonCode).toBe(0x8e);
  const next = client();
  expect(await next.connect('dev', { ...bert, ...durable })).toMatchObject({
    reasonCode: 0,
    sessionPresent: false,
  });
  next.publish('t', 'x', 1, 1);
  await next.take('puback');
  expect(next.payloads()).toEqual([]);
});

test('sessions.owner=client-id: whoever brings the client id takes the session over', async () => {
  running.meta.ownerIs = 'client-id';
  const owner = client();
  await owner.connect('dev', { ...ann, ...durable });
  expect(await client().connect('dev', { ...bert, ...durable })).toMatchObject({
    reasonCode: 0,
    sessionPresent: true,
  });
  expect((await owner.take('disconnect')).reasonCode).toBe(0x8e);
  expect(running.gateway.counters.foreignSessions).toBe(0);
});

describe('CONNECTs of one client id while one is being decided', () => {
  const opens = (): number => running.meta.calls.filter((call) => call === 'open dev').length;
  const closed = (crowd: readonly RawClient[]): number => crowd.filter(({ isClosed }) => isClosed).length;
  let answer: () => void;

  /** Meta answers no open from now on; the first one that comes is on its way. */
  const hold = (): void => {
    running.meta.opensHeld = new Promise((resolve) => {
      answer = () => {
        running.meta.opensHeld = undefined;
        resolve();
      };
    });
  };

  const crowdOf = (size: number, terms: Record<string, unknown>): RawClient[] =>
    Array.from({ length: size }, () => {
      const each = client();
      each.send(each.connectPacket('dev', terms));
      return each;
    });

  test('I8: one of all that wait is opened', async () => {
    hold();
    const crowd = crowdOf(20, durable);
    await until(() => closed(crowd) === 19, 'the last of them is left');
    answer();
    const winner = crowd.find(({ isClosed }) => !isClosed)!;
    expect((await winner.take('connack')).reasonCode).toBe(0);
    expect(opens()).toBe(2);
  });

  test('I10: those of a stranger take one place in the line of the owner', async () => {
    const owner = client();
    await owner.connect('dev', { ...ann, ...durable });
    hold();
    const strangers = crowdOf(20, { ...bert, ...durable });
    await until(() => closed(strangers) === 18, 'one is being decided and one waits');
    answer();
    await until(() => closed(strangers) === 20, 'all are refused');
    expect(opens()).toBe(1 + 2);
    expect(await owner.subscribe('t', 1)).toBe(1);
  });

  test('[MQTT-3.1.2-4]: what one of them wanted to end is not present for the one behind it', async () => {
    const device = client();
    await device.connect('dev', durable);
    device.close();
    hold();
    const first = crowdOf(1, durable);
    await until(() => opens() === 2, 'the first is being decided');
    const second = crowdOf(1, { ...durable, clean: true });
    await until(() => closed(first) === 1, 'the second waits');
    const [third] = crowdOf(1, durable);
    await until(() => closed(second) === 1, 'the third has its place');
    answer();
    expect(await third!.take('connack')).toMatchObject({ reasonCode: 0, sessionPresent: false });
    expect(opens()).toBe(3);
  });
});
