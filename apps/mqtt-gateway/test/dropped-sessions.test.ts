// A session that an operator drops: whoever is connected with it is told at once, not at its next write.

import { createClient, GatewayService, ServiceKind } from '@robustmq/rpc';
import { credentialsOf } from './credentials.ts';
import { type RawClient, start, until, type Running } from './running-gateway.ts';

const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };

let running: Running;
beforeEach(async () => {
  running = await start();
});
afterEach(() => running.stop());

const client = (version: 4 | 5): RawClient => running.client(version);

/** What admin-api calls once meta has dropped the sessions. */
async function endSessions(...sessions: { clientId: string; epoch: bigint }[]): Promise<boolean[]> {
  const gateway = createClient(GatewayService, {
    address: running.gateway.addresses.grpc,
    credentials: credentialsOf(ServiceKind.ADMIN_API),
  });
  const request = { sessions: sessions.map((session) => ({ tenant: 'default', ...session })) };
  try {
    return (await gateway.endSessions(request)).ended;
  } finally {
    gateway.close();
  }
}

const epochOf = (clientId: string): bigint =>
  [...running.meta.sessions.values()].find(({ key }) => key.clientId === clientId)?.key.epoch ?? 0n;

test('MQTT 5 hears 0x98 (administrative action), 3.1.1 loses its connection', async () => {
  const five = client(5);
  await five.connect('five', durable);
  const three = client(4);
  await three.connect('three', { clean: false });
  const names = ['five', 'three', 'nobody'];
  expect(await endSessions(...names.map((clientId) => ({ clientId, epoch: epochOf(clientId) })))).toEqual([
    true,
    true,
    false,
  ]);
  expect((await five.take('disconnect')).reasonCode).toBe(0x98);
  await until(() => five.isClosed && three.isClosed, 'both are closed');
  expect(running.gateway.serving!.directory.get('default', 'five')).toBeUndefined();
});

test('I6: who connected again after the session was dropped is not sent away', async () => {
  const first = client(5);
  await first.connect('dev', durable);
  const dropped = epochOf('dev');
  const second = client(5);
  await second.connect('dev', durable);
  expect(await endSessions({ clientId: 'dev', epoch: dropped })).toEqual([false]);
  await second.subscribe('t', 1);
  expect(second.isClosed).toBe(false);
});

test('N15: another gateway may not do that', async () => {
  const gateway = createClient(GatewayService, {
    address: running.gateway.addresses.grpc,
    credentials: credentialsOf(ServiceKind.MQTT_GATEWAY),
  });
  await expect(gateway.endSessions({ sessions: [] })).rejects.toMatchObject({ code: 'permission_denied' });
  gateway.close();
});
