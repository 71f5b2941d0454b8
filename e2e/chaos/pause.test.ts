// SIGSTOP for longer than a lease: what comes back must notice that its time is over (F1), and the next incarnation must
// lose nothing, repeat nothing and keep the order (I1, I3, I6).
import { setTimeout as delay } from 'node:timers/promises';

import type { Cluster, ManagedProcess } from '@robustmq/testkit/cluster';

import { READY_TIMEOUT_MS, removeTestCluster, startTestCluster } from '../cluster/test-cluster.ts';
import { contradictions, freeze, readTopic } from './ledger.ts';
import { faultRounds, faultTimeoutMs, noteRound } from './rounds.ts';
import { KafkaWriter, MqttWriter, progress, type Writer } from './writers.ts';

const ROUNDS = faultRounds(8);
const TOPIC = 'chaos-pause';
const PROGRESS = 25;
/** Leases end after 1.5 s. The fault itself is a length of time; everything else waits for conditions. */
const PAUSE_MS = 2_500;

let cluster: Cluster;
let writers: Writer[];

beforeAll(async () => {
  cluster = await startTestCluster();
  const kafka = cluster.first('kafka-gateway').address('kafka');
  const mqtt = cluster.first('mqtt-gateway').port('mqtt');
  writers = [new KafkaWriter('kafka-a', kafka, TOPIC)];
  await progress(writers, PROGRESS);
  writers.push(new MqttWriter('mqtt-a', mqtt, TOPIC), new KafkaWriter('kafka-b', kafka, TOPIC));
  await progress(writers, PROGRESS);
}, 60_000);
afterAll(() => removeTestCluster(cluster));

function paused(round: number): readonly ManagedProcess[] {
  const journal = cluster.first('journal-server');
  const meta = cluster.first('meta-service');
  const choices = [
    [journal],
    [meta],
    [...cluster.of('mqtt-gateway'), ...cluster.of('kafka-gateway')],
    [journal, meta],
  ];
  return choices[round % choices.length] ?? [];
}

test(
  `${ROUNDS} rounds of SIGSTOP beyond the lease: nothing acknowledged is lost, order is kept, nothing is repeated`,
  async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const stopped = paused(round);
      const pids = cluster.processes.map((each) => each.pid);
      for (const each of stopped) each.pause();
      await delay(PAUSE_MS);
      for (const each of stopped) each.resume();
      await Promise.all(cluster.processes.map((each) => each.ready(READY_TIMEOUT_MS)));
      await progress(writers, PROGRESS);
      // A lost lease is no reason to die: the next incarnation begins in the same process.
      expect(cluster.processes.map((each) => each.pid)).toEqual(pids);
      noteRound();
    }
    await Promise.all(writers.map((writer) => writer.stop()));
    const values = await readTopic(cluster.first('kafka-gateway').address('kafka'), TOPIC);
    expect(writers.flatMap((writer) => writer.complaints)).toEqual([]);
    expect(contradictions(freeze(writers), values)).toEqual([]);
  },
  faultTimeoutMs(4),
);
