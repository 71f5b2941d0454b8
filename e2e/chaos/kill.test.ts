// kill -9 of each process and of all, under load: nothing acknowledged is lost, order is kept (I1, I3, I5, I9).
import type { Cluster, ManagedProcess } from '@robustmq/testkit/cluster';

import { READY_TIMEOUT_MS, removeTestCluster, startTestCluster } from '../cluster/test-cluster.ts';
import { contradictions, freeze, readTopic } from './ledger.ts';
import { faultRounds, faultTimeoutMs, noteRound } from './rounds.ts';
import { DurableSubscriber } from './subscriber.ts';
import { KafkaWriter, MqttWriter, progress, type Writer } from './writers.ts';

const ROUNDS = faultRounds(50);
const TOPIC = 'chaos-kill';
/** Acknowledgements that each writer gets between two kills, at least. */
const PROGRESS = 25;

let cluster: Cluster;
let writers: Writer[];
/** Those that began after the subscription: the subscriber gets all that they write. */
let subscribed: Writer[];
let subscriber: DurableSubscriber;

beforeAll(async () => {
  cluster = await startTestCluster();
  const kafka = cluster.first('kafka-gateway').address('kafka');
  const mqtt = cluster.first('mqtt-gateway').port('mqtt');
  writers = [new KafkaWriter('kafka-a', kafka, TOPIC)];
  // The topic exists, so that MQTT publishes on its name go into it (rule O1).
  await progress(writers, PROGRESS);
  subscriber = await DurableSubscriber.subscribe(mqtt, 'chaos-subscriber', TOPIC);
  subscribed = [
    new MqttWriter('mqtt-a', mqtt, TOPIC),
    new MqttWriter('mqtt-b', mqtt, TOPIC),
    new KafkaWriter('kafka-b', kafka, TOPIC),
  ];
  writers.push(...subscribed);
  await progress(writers, PROGRESS);
}, 60_000);
afterAll(async () => {
  await subscriber.stop();
  await removeTestCluster(cluster);
});

/** Who dies in a round: each service in turn, pairs, and everything at once. */
function victims(round: number): readonly ManagedProcess[] {
  const meta = cluster.first('meta-service');
  const journal = cluster.first('journal-server');
  const choices = [
    [journal],
    [meta],
    [...cluster.of('mqtt-gateway')],
    [...cluster.of('kafka-gateway')],
    cluster.processes,
    [meta, journal],
  ];
  return choices[round % choices.length] ?? [];
}

test(
  `${ROUNDS} rounds of kill -9: nothing acknowledged is lost, order is kept, idempotent producers repeat nothing, a durable session gets it all`,
  async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const dying = victims(round);
      try {
        // The kill comes under load.
        for (const { name, inFlight } of writers)
          expect({ name, isIdle: inFlight === 0 }).toEqual({ name, isIdle: false });
        await cluster.kill(dying);
        await cluster.restart(dying, READY_TIMEOUT_MS);
        await progress(writers, PROGRESS);
        noteRound();
      } catch (error) {
        const logs = cluster.processes.map((each) => `--- ${each.nodeId}\n${each.logTail()}`).join('\n');
        throw new Error(`round ${round}, after kill -9 of ${dying.map((each) => each.nodeId).join(', ')}: ${String(error)}
${logs}`);
      }
    }
    await Promise.all(writers.map((writer) => writer.stop()));
    const values = await readTopic(cluster.first('kafka-gateway').address('kafka'), TOPIC);
    expect(writers.flatMap((writer) => writer.complaints)).toEqual([]);
    expect(contradictions(freeze(writers), values)).toEqual([]);
    expect(await subscriber.judge(freeze(subscribed))).toEqual([]);
    expect(subscriber.connections).toBeGreaterThan(ROUNDS / 6);
  },
  faultTimeoutMs(8),
);
