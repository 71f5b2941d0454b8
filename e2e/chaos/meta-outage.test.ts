// meta-service is away for longer than a lease, by kill -9 and by SIGSTOP: behind it every process is registered once and has one
// link to each that it had one to, health does not lie meanwhile, and nothing acknowledged is lost (I1, I3, I5, I6, F1).
import { setTimeout as delay } from 'node:timers/promises';

import { type Cluster, type ManagedProcess, ONE_OF_EACH, waitUntil } from '@robustmq/testkit/cluster';

import { Admin, metric } from '../cluster/admin.ts';
import { READY_TIMEOUT_MS, removeTestCluster, startTestCluster } from '../cluster/test-cluster.ts';
import { connectionsTo } from './connections.ts';
import { contradictions, freeze, readTopic } from './ledger.ts';
import { registrationsOf } from './registrations.ts';
import { faultRounds, faultTimeoutMs, noteRound } from './rounds.ts';
import { DurableSubscriber } from './subscriber.ts';
import { KafkaWriter, MqttWriter, progress, type Writer } from './writers.ts';

const ROUNDS = faultRounds(4);
const TOPIC = 'chaos-outage';
const PROGRESS = 25;
/** Leases end after 1.5 s. The fault itself is a length of time; everything else waits for conditions. */
const OUTAGE_MS = 2_500;
const SETTLED_TIMEOUT_MS = 30_000;
/** Those of meta-service have a connection each, made when the first call needs it: cluster, sessions, groups. */
const META_SERVICES = 3;

let cluster: Cluster;
let admin: Admin;
let writers: Writer[];
let subscriber: DurableSubscriber;

beforeAll(async () => {
  cluster = await startTestCluster({ counts: { ...ONE_OF_EACH, 'mqtt-gateway': 2, 'kafka-gateway': 2 } });
  admin = new Admin(cluster);
  const kafka = cluster.of('kafka-gateway').map((each) => each.address('kafka'));
  const mqtt = cluster.of('mqtt-gateway').map((each) => each.port('mqtt'));
  const first = new KafkaWriter('kafka-a', kafka[0] ?? '', TOPIC);
  writers = [first];
  // The topic exists, so that MQTT publishes on its name go into it (rule O1).
  await progress(writers, PROGRESS);
  subscriber = await DurableSubscriber.subscribe(mqtt[1] ?? 0, 'outage-subscriber', TOPIC);
  writers = [
    new MqttWriter('mqtt-a', mqtt[0] ?? 0, TOPIC),
    new MqttWriter('mqtt-b', mqtt[1] ?? 0, TOPIC),
    new KafkaWriter('kafka-b', kafka[1] ?? '', TOPIC),
  ];
  await progress(writers, PROGRESS);
  await first.stop();
}, 60_000);
afterAll(async () => {
  await subscriber.stop();
  await removeTestCluster(cluster);
});

const registered = (): readonly ManagedProcess[] =>
  cluster.processes.filter(({ spec }) => spec.service !== 'meta-service');

/** Connections of each process to the internal ports of the others: `kafka-1 > journal-1` and how many. */
function links(): Map<string, number> {
  const found = new Map<string, number>();
  for (const from of cluster.processes) {
    for (const to of cluster.processes) {
      if (from === to || to.spec.addresses['grpc'] === undefined) continue;
      const count = connectionsTo(from.pid ?? 0, to.port('grpc'));
      if (count > 0) found.set(`${from.nodeId} > ${to.nodeId}`, count);
    }
  }
  return found;
}

/** What is not as it was before the outage, in words. */
async function differences(before: ReadonlyMap<string, number>): Promise<string[]> {
  const found: string[] = [];
  const nodes = await admin.nodes();
  for (const process of registered()) {
    const { incarnation, unasked } = registrationsOf(process);
    if (unasked !== 1) found.push(`${process.nodeId} registered ${unasked - 1} times too often`);
    const rows = nodes.filter(({ nodeId }) => nodeId === process.nodeId);
    const isRegisteredOnce =
      rows.length === 1 && rows[0]?.live === true && rows[0].incarnation === incarnation;
    if (!isRegisteredOnce)
      found.push(`${process.nodeId} (${incarnation}) is listed as ${JSON.stringify(rows)}`);
  }
  const gateways = cluster.of('mqtt-gateway').length + cluster.of('kafka-gateway').length;
  const exchanges = await metric(cluster.first('journal-server'), 'robustmq_journal_exchanges');
  if (exchanges !== gateways) found.push(`${exchanges} exchanges of ${gateways} gateways`);
  for (const [link, count] of links()) {
    const usual = link.endsWith('> meta-1') ? META_SERVICES : (before.get(link) ?? 0);
    if (count > usual) found.push(`${link}: ${count} connections instead of ${usual}`);
  }
  const health = await admin.health();
  if (health !== 'healthy') found.push(`health is ${health}`);
  return found;
}

async function settled(before: ReadonlyMap<string, number>): Promise<void> {
  let found: string[] = [];
  try {
    await waitUntil('all is as before', SETTLED_TIMEOUT_MS, async () => {
      found = await differences(before);
      return found.length === 0;
    });
  } catch {
    expect([found, cluster.processes.map((each) => [each.nodeId, registrationsOf(each)])]).toEqual([[], []]);
  }
}

/** Away for longer than a lease; health must say so before it is back. */
async function outage(round: number): Promise<string> {
  const meta = cluster.first('meta-service');
  const isKill = round % 2 === 0;
  if (isKill) await cluster.kill([meta]);
  else meta.pause();
  await delay(OUTAGE_MS);
  await waitUntil('health says it', SETTLED_TIMEOUT_MS, async () => (await admin.health()) === 'unavailable');
  if (isKill) await cluster.restart([meta], READY_TIMEOUT_MS);
  else meta.resume();
  return isKill ? 'kill -9' : 'SIGSTOP';
}

test(
  `${ROUNDS} outages of meta-service beyond the lease: one registration and one link each behind it, nothing acknowledged is lost`,
  async () => {
    const before = links();
    for (const gateway of [...cluster.of('mqtt-gateway'), ...cluster.of('kafka-gateway')])
      expect([...before.keys()]).toContain(`${gateway.nodeId} > journal-1`);
    for (let round = 0; round < ROUNDS; round += 1) {
      const fault = await outage(round);
      await Promise.all(cluster.processes.map((each) => each.ready(READY_TIMEOUT_MS)));
      await progress(writers, PROGRESS);
      try {
        await settled(before);
      } catch (error) {
        throw new Error(`round ${round}, after ${fault}: ${String(error)}`);
      }
      noteRound();
    }
    await Promise.all(writers.map((writer) => writer.stop()));
    // Nothing came later either.
    await settled(before);
    const ledger = freeze(writers);
    const values = await readTopic(cluster.first('kafka-gateway').address('kafka'), TOPIC);
    expect(writers.flatMap((writer) => writer.complaints)).toEqual([]);
    expect(contradictions(ledger, values)).toEqual([]);
    expect(await subscriber.judge(ledger)).toEqual([]);
  },
  faultTimeoutMs(4),
);
