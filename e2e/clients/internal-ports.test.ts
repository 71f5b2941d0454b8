// The ports between services, met by somebody without the secret of the cluster: refused, bounded, and hardly a line in the log
// (N14, N15, I8), while clients are served (N8, N9).
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';

import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { type ManagedProcess, waitUntil } from '@robustmq/testkit/cluster';
import mqtt, { type MqttClient } from 'mqtt';

import { residentBytes } from '../bench/processes.ts';
import { type Brokers, startBrokers } from '../cluster/brokers.ts';

const MiB = 1024 * 1024;
const IDLE_SOCKETS = 1_000;
const CALLS = 2_000;
const CALLS_AT_ONCE = 100;
/** What a thousand strangers may cost, with what the garbage collector has not looked at yet. */
const GROWTH_BYTES = 128 * MiB;
const GIVE_UP_MS = 30_000;
/** A few of each kind get through in ten seconds, and a busy machine takes several of these. */
const MAX_LINES = 50;
const METHODS = {
  'meta-service': '/robustmq.meta.v1.ClusterService/WatchCluster',
  'journal-server': '/robustmq.journal.v1.JournalService/DescribeShards',
  'mqtt-gateway': '/robustmq.gateway.v1.GatewayService/TakeOver',
} as const;
const SERVICES = Object.keys(METHODS) as (keyof typeof METHODS)[];

let brokers: Brokers;
let witness: MqttClient;
beforeAll(async () => {
  brokers = await startBrokers();
  witness = await mqtt.connectAsync(`mqtt://127.0.0.1:${brokers.mqttPort}`, { reconnectPeriod: 0 });
});
/** Whatever strangers do, a client of ours is served. */
afterEach(() => witness.publishAsync('witness', 'x', { qos: 1 }));
afterAll(async () => {
  await witness.endAsync(true);
  await brokers.remove();
});

function processOf(service: keyof typeof METHODS): ManagedProcess {
  return brokers.cluster!.first(service);
}

const refusalsLogged = ({ spec }: ManagedProcess): number =>
  readFileSync(spec.logFile, 'utf8').split('a call was refused').length - 1;

async function openSocket(port: number): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1');
  // A reset is one way of being sent away.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.resume();
  return socket;
}

/** Calls with what is shown; answers the status. */
function call(client: Client, path: string, shown: Metadata): Promise<number | undefined> {
  return new Promise((resolve) => {
    const nothing = (): Buffer => Buffer.alloc(0);
    const options = { deadline: Date.now() + GIVE_UP_MS };
    client.makeUnaryRequest(
      path,
      nothing,
      () => ({}),
      null,
      shown,
      options,
      (error: ServiceError | null) => resolve(error?.code),
    );
  });
}

test.each(SERVICES)(
  `${CALLS} calls of %s without the secret, and with a wrong one, are refused`,
  async (service) => {
    const process = processOf(service);
    const before = residentBytes([process.pid ?? 0]);
    const client = new Client(process.address('grpc'), credentials.createInsecure());
    const wrong = new Metadata();
    wrong.set('robustmq-secret', 'x'.repeat(43));
    wrong.set('robustmq-caller', 'MQTT_GATEWAY');
    for (let done = 0; done < CALLS; done += CALLS_AT_ONCE) {
      const shown = done % (2 * CALLS_AT_ONCE) === 0 ? new Metadata() : wrong;
      const codes = await Promise.all(
        Array.from({ length: CALLS_AT_ONCE }, () => call(client, METHODS[service], shown)),
      );
      expect(new Set(codes)).toEqual(new Set([status.UNAUTHENTICATED]));
    }
    client.close();
    expect(refusalsLogged(process)).toBeGreaterThan(0);
    expect(refusalsLogged(process)).toBeLessThan(MAX_LINES);
    expect(residentBytes([process.pid ?? 0]) - before).toBeLessThan(GROWTH_BYTES);
  },
);

test.each(SERVICES)(`${IDLE_SOCKETS} sockets that say nothing to %s are closed`, async (service) => {
  const process = processOf(service);
  const before = residentBytes([process.pid ?? 0]);
  const sockets: Socket[] = [];
  for (let opened = 0; opened < IDLE_SOCKETS; opened += CALLS_AT_ONCE)
    sockets.push(
      ...(await Promise.all(Array.from({ length: CALLS_AT_ONCE }, () => openSocket(process.port('grpc'))))),
    );
  await witness.publishAsync('witness', 'x', { qos: 1 });
  await waitUntil('all are closed', GIVE_UP_MS, () => sockets.every(({ destroyed }) => destroyed));
  expect(residentBytes([process.pid ?? 0]) - before).toBeLessThan(GROWTH_BYTES);
});

test('noise instead of HTTP/2 closes its own connection only', async () => {
  for (const service of SERVICES) {
    const socket = await openSocket(processOf(service).port('grpc'));
    socket.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await waitUntil(`${service} closes`, GIVE_UP_MS, () => socket.destroyed);
  }
});
