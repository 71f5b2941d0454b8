import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { BrokerError } from '@robustmq/errors';
import fastify, { type FastifyInstance } from 'fastify';
import { requireAdmin } from '../src/authentication.ts';
import { sendError } from '../src/error-response.ts';
import type { RequestOrigin } from '../src/ports.ts';

const ADMIN = { tenant: 'default', name: 'admin', superuser: true, anonymous: false } as const;
const CREDENTIALS = Buffer.from('admin:se:cret').toString('base64');

let app: FastifyInstance;
/** Logins that wait for their verification, in order. */
let waiting: { readonly origin: RequestOrigin; verified(): void; notWanted(): void }[];
let served: number;
let begun: () => void;

beforeEach(async () => {
  waiting = [];
  served = 0;
  begun = () => undefined;
  app = fastify();
  app.setErrorHandler(sendError);
  requireAdmin(app, (_name, _password, origin) => {
    return new Promise((resolve, reject) => {
      waiting.push({
        origin,
        verified: () => resolve(ADMIN),
        notWanted: () => reject(new BrokerError('cancelled', 'the client did not wait')),
      });
      begun();
    });
  });
  app.get('/', () => {
    served += 1;
    return 'served';
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(() => app.close());

/** Asks on a connection of its own; resolves once its login waits. */
async function ask(): Promise<Socket> {
  const login = new Promise<void>((resolve) => (begun = resolve));
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(
    `GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Basic ${CREDENTIALS}\r\n\r\n`,
  );
  await login;
  return socket;
}

/** Resolves once it is so; a test that waits in vain ends by its own limit. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}

it('N14: a login is wanted for as long as its client waits, and no longer', async () => {
  const [patient, gone] = [await ask(), await ask()];
  const [first, second] = waiting;
  expect([first?.origin.isWanted(), second?.origin.isWanted()]).toEqual([true, true]);
  expect(second?.origin.address).toBe('127.0.0.1');
  gone.destroy();
  await until(() => second?.origin.isWanted() === false);
  expect(first?.origin.isWanted()).toBe(true);
  // What was not wanted ends without an answer, and the other one is served.
  second?.notWanted();
  first?.verified();
  let answer = '';
  patient.on('data', (bytes: Buffer) => (answer += bytes.toString('utf8')));
  await once(patient, 'close');
  expect(answer).toContain('served');
  expect(served).toBe(1);
});

it('N14: of many that guess and leave none stays in the line', async () => {
  const sockets: Socket[] = [];
  for (let count = 0; count < 50; count += 1) sockets.push(await ask());
  for (const socket of sockets) socket.destroy();
  await until(() => waiting.every(({ origin }) => !origin.isWanted()));
  for (const each of waiting) each.notWanted();
  expect(waiting).toHaveLength(50);
  expect(served).toBe(0);
});
