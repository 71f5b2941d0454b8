// The power goes under load; what the disk held at that instant is booted: nothing acknowledged is lost (I1, I9).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { type Cluster, LOOPBACK_DEFAULTS, ONE_OF_EACH } from '@robustmq/testkit/cluster';

import { removeTestCluster, startTestCluster } from '../cluster/test-cluster.ts';
import { contradictions, freeze, type LedgerEntry, readTopic } from './ledger.ts';
import { LoopImage } from './loop-image.ts';
import { KafkaWriter, MqttWriter, progress, type Writer } from './writers.ts';

const ROUNDS = 20;
const TOPIC = 'chaos-power';
const PROGRESS = 100;
const MiB = 1024 * 1024;
const IMAGE_BYTES = 384 * MiB;
/** Acknowledgements that were on their way when the processes stopped reach the writers within this. */
const ACKS_ARRIVE_MS = 50;
// Small files and frequent checkpoints: each round cuts somewhere else in the life of a commit log.
const SMALL_LOGS = {
  ...LOOPBACK_DEFAULTS,
  'journal-server': [
    `--commitLog.fileBytes=${2 * MiB}`,
    `--commitLog.checkpointBytes=${4 * MiB}`,
    `--disk.refuseBelowFree=${8 * MiB}`,
    `--disk.warnBelowFree=${16 * MiB}`,
  ],
};

let scratch: string;
let disk: LoopImage;
let cluster: Cluster;
let writers: Writer[];

beforeAll(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), 'robustmq-power-'));
  disk = LoopImage.create(path.join(scratch, 'disk.img'), path.join(scratch, 'disk'), IMAGE_BYTES);
  cluster = await startTestCluster({
    dataDir: path.join(disk.mountPoint, 'data'),
    counts: { ...ONE_OF_EACH, 'admin-api': 0 },
    extraFlags: SMALL_LOGS,
  });
  const kafka = cluster.first('kafka-gateway').address('kafka');
  const mqtt = cluster.first('mqtt-gateway').port('mqtt');
  writers = [new KafkaWriter('kafka-a', kafka, TOPIC)];
  await progress(writers, PROGRESS);
  writers.push(new MqttWriter('mqtt-a', mqtt, TOPIC), new MqttWriter('mqtt-b', mqtt, TOPIC));
  await progress(writers, PROGRESS);
}, 60_000);
afterAll(async () => {
  await Promise.all(writers.map((writer) => writer.stop()));
  await removeTestCluster(cluster);
  disk.remove();
  rmSync(scratch, { recursive: true, force: true });
});

/** Freezes everything, takes the ledger and the disk as they are, and lets it go on. */
async function cutPower(copy: string): Promise<LedgerEntry[]> {
  for (const each of cluster.processes) each.pause();
  try {
    await delay(ACKS_ARRIVE_MS);
    disk.copyTo(copy);
    return freeze(writers);
  } finally {
    for (const each of cluster.processes) each.resume();
  }
}

/** Boots what the disk held and reads the whole topic. */
async function readAfterBoot(copy: string): Promise<string[]> {
  const restored = LoopImage.mount(copy, path.join(scratch, 'restored'));
  try {
    const booted = await startTestCluster({
      dataDir: path.join(restored.mountPoint, 'data'),
      counts: { ...ONE_OF_EACH, 'mqtt-gateway': 0, 'admin-api': 0 },
      extraFlags: SMALL_LOGS,
    });
    try {
      return await readTopic(booted.first('kafka-gateway').address('kafka'), TOPIC);
    } finally {
      await booted.kill();
    }
  } finally {
    restored.remove();
  }
}

test(
  `${ROUNDS} power cuts: nothing acknowledged is lost, nothing damaged is served, no healthy shard refuses to serve`,
  async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      await progress(writers, PROGRESS);
      const copy = path.join(scratch, 'copy.img');
      const ledger = await cutPower(copy);
      const values = await readAfterBoot(copy);
      expect({ round, found: contradictions(ledger, values) }).toEqual({ round, found: [] });
    }
    expect(writers.flatMap((writer) => writer.complaints)).toEqual([]);
  },
  5 * 60_000,
);
