// A session belongs to the principal that made it: a client id is a name, and not a right to what another has there.

import { hashPassword } from '@robustmq/access-control';
import { RawClient, start, until, type Running } from './running-gateway.ts';

const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };
const ann = { username: 'ann', password: Buffer.from('secret') };

let running: Running;
const clients: RawClient[] = [];

const client = (): RawClient => {
  const made = new RawClient(running.port, 5);
  clients.push(made);
  return made;
};

beforeEach(async () => {
  running = await start();
  running.meta.addUser('ann', await hashPassword('secret'));
  await until(() => running.gateway.meta.view.users.size === 1);
});

afterEach(async () => {
  for (const each of clients.splice(0)) each.close();
  await running.stop();
});

test.each([
  ['a session that ends with its connection', {}],
  ['a durable session', durable],
])('%s: a client of another principal is refused, and its owner is served on', async (_kind, terms) => {
  const owner = client();
  await owner.connect('dev', { ...ann, ...terms });
  await owner.subscribe('t', 1);
  expect((await client().connect('dev', terms)).reasonCode).toBe(0x85);
  owner.publish('t', 'x', 1, 1);
  await until(() => owner.payloads().length === 1);
  expect(owner.received.map(({ cmd }) => cmd)).not.toContain('disconnect');
  expect(running.gateway.counters.foreignSessions).toBe(1);
  expect(running.gateway.counters.takenOver).toBe(0);
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
