// The wall clock of every process jumps by most of an hour, forward and back: leases go by a clock that only goes on, so nothing
// ends, nobody registers again, and what is acknowledged is delivered in order (F1, I1, I3, I5).
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type Cluster, LOOPBACK_DEFAULTS, SERVICES, waitUntil } from '@robustmq/testkit/cluster';

import { Admin } from '../cluster/admin.ts';
import { removeTestCluster, startTestCluster } from '../cluster/test-cluster.ts';
import { contradictions, freeze, readTopic } from './ledger.ts';
import { registrationsOf } from './registrations.ts';
import { noteRound } from './rounds.ts';
import { DurableSubscriber } from './subscriber.ts';
import { KafkaWriter, MqttWriter, progress, type Writer } from './writers.ts';

const TOPIC = 'chaos-clock';
const PROGRESS = 50;
const MINUTE_MS = 60_000;
/** Less than an hour: a record may be no more than an hour ahead of the broker (message.timestamp.after.max.ms). */
const SHIFTS_MS = [55 * MINUTE_MS, 0, -55 * MINUTE_MS, 55 * MINUTE_MS, 0];
const LEASE = '--lease.duration=20s';
const TAKEN_TIMEOUT_MS = 30_000;

let scratch: string;
let cluster: Cluster;
let writers: Writer[];
let subscriber: DurableSubscriber;

const control = (): string => path.join(scratch, 'shift');

beforeAll(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), 'robustmq-clock-'));
  const preload = [`--require=${path.join(__dirname, 'shifted-clock.cjs')}`];
  cluster = await startTestCluster({
    nodeFlags: Object.fromEntries(SERVICES.map((service) => [service, preload])),
    // Far less than a jump, and more than a busy machine takes from a process.
    extraFlags: {
      ...LOOPBACK_DEFAULTS,
      'meta-service': [...(LOOPBACK_DEFAULTS['meta-service'] ?? []), LEASE],
    },
    env: { CLOCK_SHIFT_FILE: control() },
  });
  const kafka = cluster.first('kafka-gateway').address('kafka');
  const mqtt = cluster.first('mqtt-gateway').port('mqtt');
  const first = new KafkaWriter('kafka-a', kafka, TOPIC);
  // The topic exists, so that MQTT publishes on its name go into it (rule O1).
  await progress([first], PROGRESS);
  subscriber = await DurableSubscriber.subscribe(mqtt, 'clock-subscriber', TOPIC);
  writers = [new MqttWriter('mqtt-a', mqtt, TOPIC), new KafkaWriter('kafka-b', kafka, TOPIC)];
  await progress(writers, PROGRESS);
  await first.stop();
}, 60_000);
afterAll(async () => {
  await subscriber.stop();
  await removeTestCluster(cluster);
  rmSync(scratch, { recursive: true, force: true });
});

/** Resolves when every process has the new time. */
async function jump(shiftMs: number): Promise<void> {
  writeFileSync(`${control()}.new`, String(shiftMs));
  renameSync(`${control()}.new`, control());
  for (const { nodeId, pid } of cluster.processes)
    await waitUntil(
      `${nodeId} has the new time`,
      TAKEN_TIMEOUT_MS,
      () => taken(pid ?? 0) === String(shiftMs),
    );
}

function taken(pid: number): string {
  try {
    return readFileSync(`${control()}.${pid}`, 'utf8');
  } catch {
    return 'nothing yet';
  }
}

test('a wall clock that jumps ends no lease, loses nothing and changes no order', async () => {
  const admin = new Admin(cluster);
  const pids = cluster.processes.map(({ pid }) => pid);
  const before = cluster.processes.map(registrationsOf);
  for (const [round, shiftMs] of SHIFTS_MS.entries()) {
    await jump(shiftMs);
    await progress(writers, PROGRESS);
    expect(await admin.createStream(`made-in-${round}`)).toBe('');
    expect(await admin.health()).toBe('healthy');
    noteRound();
  }
  expect(cluster.processes.map(({ pid }) => pid)).toEqual(pids);
  expect(cluster.processes.map(registrationsOf)).toEqual(before);
  await Promise.all(writers.map((writer) => writer.stop()));
  const ledger = freeze(writers);
  const values = await readTopic(cluster.first('kafka-gateway').address('kafka'), TOPIC);
  expect(writers.flatMap((writer) => writer.complaints)).toEqual([]);
  expect(contradictions(ledger, values)).toEqual([]);
  expect(await subscriber.judge(ledger)).toEqual([]);
}, 180_000);
