// One cluster under attack by strangers, one attack after the other: no process ends or loses its lease, none takes memory
// without bound, and ordinary clients of both protocols are answered all the while (N8, I8, N9, N14).
import { appendFileSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Cluster, LOOPBACK_DEFAULTS, type PlanOptions, repositoryRoot } from '@robustmq/testkit/cluster';

import { Program } from '../clients/program.ts';
import { RawSocket } from '../clients/raw-socket.ts';
import { KafkaWireClient } from '../clients/kafka-wire-client.ts';
import { READY_TIMEOUT_MS, removeTestCluster, startTestCluster } from '../cluster/test-cluster.ts';
import type { Targets } from './attack.ts';
import { CONTROLS } from './controls.ts';
import { ATTACKED, KAFKA_ATTACKS } from './kafka-attacks.ts';
import { GUESSED_ADMIN, GUESSED_USERS, LOGIN_ATTACKS } from './login-attacks.ts';
import { MQTT_ATTACKS } from './mqtt-attacks.ts';
import { connectV5 } from './mqtt-bytes.ts';
import { Probe } from './probe.ts';
import { lostLeases, MemoryWatch, takeLoopDelays } from './watched-cluster.ts';

const ATTACK_MS = Number(process.env['ATTACK_MS'] ?? 2_000);
/** What an attacker's process may take to start and to end. */
const ATTACKER_MS = 30_000;
/** Far more than a client waits for; a machine that is slow makes everything slow. */
const DEADLINE_MS = 30_000;
/** Budgets for requests, answers and input are some hundred MB together; what has no bound is soon above this. */
const MOST_RESIDENT_BYTES = 1_200 * 1024 * 1024;
/**
 * A lease that ends sooner, or a publish, would ask for a machine of a certain speed: what is looked for here are stalls without
 * bound, of which those of unmended releases lasted for half a minute.
 */
const FLAGS: NonNullable<PlanOptions['extraFlags']> = {
  ...LOOPBACK_DEFAULTS,
  'meta-service': [...(LOOPBACK_DEFAULTS['meta-service'] ?? []), '--lease.duration=10000'],
  'mqtt-gateway': [...(LOOPBACK_DEFAULTS['mqtt-gateway'] ?? []), '--journal.appendTimeout=30000'],
};
const PASSWORD = 'a right password';
const PROBED = 'probed';
const CREATE_TOPICS = 19;
/** In CONNACK of MQTT 5. */
const REASON_AT = 3;

let cluster: Cluster;
let targets: Targets;

beforeAll(async () => {
  cluster = await startTestCluster({ extraFlags: FLAGS });
  targets = {
    kafkaPort: cluster.first('kafka-gateway').port('kafka'),
    mqttPort: cluster.first('mqtt-gateway').port('mqtt'),
    webSocketPort: cluster.first('mqtt-gateway').port('ws'),
    httpPort: cluster.first('admin-api').port('http'),
  };
  await createTopic(PROBED, 1);
  await createTopic(ATTACKED.topic, ATTACKED.partitions);
  const file = path.join(cluster.first('meta-service').spec.dataDir, 'initial-admin-password');
  const first = readFileSync(file, 'utf8').trim();
  for (const name of [GUESSED_ADMIN, ...GUESSED_USERS])
    expect(await administer('PUT', `users/${name}`, 'admin', first, putUserBody(name))).toBe(200);
}, 60_000);
afterAll(async () => {
  // Nobody wants what the attacks left: a clean stop would make all of it durable.
  await cluster.kill();
  await removeTestCluster(cluster);
}, 60_000);

const putUserBody = (name: string) => ({ password: PASSWORD, superuser: name === GUESSED_ADMIN });

async function createTopic(name: string, numPartitions: number): Promise<void> {
  const client = await KafkaWireClient.connect(`127.0.0.1:${targets.kafkaPort}`);
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await client.call(CREATE_TOPICS, 7, { topics: [topic], timeoutMs: 10_000 });
  expect(topics[0]?.errorCode).toBe(0);
  client.close();
}

/** The status of a request to the admin API. */
async function administer(
  method: string,
  route: string,
  name: string,
  password: string,
  body?: object,
): Promise<number> {
  const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
  const answer = await fetch(`http://127.0.0.1:${targets.httpPort}/api/v1/${route}`, {
    method,
    headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  await answer.text();
  return answer.status;
}

/** Lets the attack run, and `meanwhile` in the middle of it. */
function underAttack(name: string, meanwhile: () => Promise<void> = async () => {}): Promise<void> {
  return watched(name, async () => {
    const attacker = startAttacker(name);
    const [{ code, stdout, stderr }] = await Promise.all([
      attacker.result(ATTACK_MS + ATTACKER_MS),
      meanwhile(),
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // An attack that sends nothing proves nothing.
    if (!(name in CONTROLS))
      expect((JSON.parse(stdout) as { sentBytes: number }).sentBytes).toBeGreaterThan(1_000);
    return stdout;
  });
}

/** In a session of its own: Linux weighs the processes of one session against each other only (autogroups). */
function startAttacker(name: string): Program {
  const args = [
    '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
    '--disable-warning=ExperimentalWarning',
    path.join(repositoryRoot(), 'e2e', 'attacks', 'attacker-main.ts'),
    name,
    `${ATTACK_MS}`,
    JSON.stringify(targets),
  ];
  return new Program(process.execPath, args, undefined, { ownSession: true });
}

/** Judges what somebody does to others. */
async function watched(name: string, act: () => Promise<unknown>): Promise<void> {
  const pids = cluster.processes.map(({ pid }) => pid);
  const lost = lostLeases(cluster);
  const probe = await Probe.start(targets, PROBED);
  await takeLoopDelays(cluster);
  const memory = new MemoryWatch(cluster);
  let did: unknown;
  try {
    did = await act();
    await probe.settled(DEADLINE_MS);
  } finally {
    memory.stop();
    const [load] = loadavg();
    const delays = await takeLoopDelays(cluster);
    report({ name, load, did, delays, probe: figuresOf(probe), peaks: [...memory.peakBytes] });
    probe.stop();
  }
  expect(probe.complaints).toEqual([]);
  expect(cluster.processes.map(({ pid }) => pid)).toEqual(pids);
  expect(lostLeases(cluster) - lost).toBe(0);
  for (const [nodeId, peakBytes] of memory.peakBytes)
    expect({ nodeId, isBounded: peakBytes < MOST_RESIDENT_BYTES, peakBytes }).toMatchObject({
      isBounded: true,
    });
  await Promise.all(cluster.processes.map((each) => each.ready(READY_TIMEOUT_MS)));
}

function figuresOf(probe: Probe): Record<string, unknown> {
  return Object.fromEntries(Object.entries(probe.paths).map(([name, { figures }]) => [name, figures]));
}

/** For who looks for the limits of a machine: `ATTACK_REPORT` names a file. */
function report(line: object): void {
  const file = process.env['ATTACK_REPORT'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** Whether a login of MQTT 5 is let in: it waits as long as the server does. */
async function isLetIn(name: string, localAddress: string): Promise<boolean> {
  const socket = await RawSocket.open(targets.mqttPort, localAddress);
  socket.send(connectV5(`right-${name}-${localAddress}`, { name, password: PASSWORD }));
  try {
    return (await socket.bytes(REASON_AT + 1))[REASON_AT] === 0;
  } finally {
    socket.close();
  }
}

// What the others are compared with, on a machine that may be loaded.
test('nobody attacks', () => watched('nobody', () => pause(ATTACK_MS)), ATTACKER_MS + 60_000);
test.each(Object.keys(CONTROLS))('%s', (name) => underAttack(name), ATTACKER_MS + 60_000);

describe('Kafka', () => {
  test.each(Object.keys(KAFKA_ATTACKS))('%s', (name) => underAttack(name), ATTACKER_MS + 60_000);
});

describe('MQTT', () => {
  test.each(Object.keys(MQTT_ATTACKS))('%s', (name) => underAttack(name), ATTACKER_MS + 60_000);
});

describe('logins', () => {
  const [WRONG_ADMIN, WRONG_MQTT] = Object.keys(LOGIN_ATTACKS) as [string, string];
  const PAUSE_MS = ATTACK_MS / 3;

  test(
    `${WRONG_ADMIN}: the right one is let in among them (N14)`,
    () =>
      underAttack(WRONG_ADMIN, async () => {
        await pause(PAUSE_MS);
        expect(await administer('GET', 'cluster', GUESSED_ADMIN, PASSWORD)).toBe(200);
      }),
    ATTACKER_MS + 60_000,
  );

  test(
    `${WRONG_MQTT}: right ones are let in from elsewhere, and from where guesses come from (N14)`,
    () =>
      underAttack(WRONG_MQTT, async () => {
        await pause(PAUSE_MS);
        const [elsewhere, beside] = GUESSED_USERS;
        expect(await isLetIn(elsewhere, '127.0.0.2')).toBe(true);
        expect(await isLetIn(beside, '127.0.0.1')).toBe(true);
      }),
    ATTACKER_MS + 60_000,
  );
});
