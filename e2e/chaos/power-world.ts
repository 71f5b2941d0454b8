// A cluster whose data is on a disk that can lose its power, with writers that keep a ledger.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { BrokerError } from '@robustmq/errors';
import { type Cluster, LOOPBACK_DEFAULTS, ONE_OF_EACH, type PlanOptions } from '@robustmq/testkit/cluster';

import { removeTestCluster, startTestCluster } from '../cluster/test-cluster.ts';
import { contradictions, freeze, type LedgerEntry, readTopic } from './ledger.ts';
import { LoopImage } from './loop-image.ts';
import { KafkaWriter, MqttWriter, progress, type Writer } from './writers.ts';

/** Acknowledgements that each writer gets before a cut, at least. */
export const PROGRESS = 100;
const TOPIC = 'chaos-power';
const MiB = 1024 * 1024;
const IMAGE_BYTES = 384 * MiB;
/** Acknowledgements that were on their way when the processes stopped reach the writers within this. */
const ACKS_ARRIVE_MS = 50;
const PORTS_BESIDE = 1_000;
const HIGHEST_BASE_PORT = 31_500;
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

/** What one cut left, judged. */
export interface CutOutcome {
  /** What contradicts the ledger, in words. */
  readonly found: string[];
  /** Publishes on their way at the instant of the cut. */
  readonly inFlight: number;
  readonly recovery: JournalRecovery;
}

/** What a journal said of its data directory when it started. */
export interface JournalRecovery {
  readonly replayedSections: number;
  readonly tornTail: boolean;
  readonly quarantined: readonly string[];
}

/** What came of the disk: its records, or why a service did not start on it. */
type Boot = { readonly values: string[]; readonly recovery: JournalRecovery } | { readonly refusal: string };

const NOT_RECOVERED: JournalRecovery = { replayedSections: 0, tornTail: false, quarantined: [] };

/** See the file head. */
export class PowerWorld {
  readonly #scratch: string;
  readonly #disk: LoopImage;
  readonly #cluster: Cluster;
  readonly writers: Writer[];

  private constructor(scratch: string, disk: LoopImage, cluster: Cluster) {
    this.#scratch = scratch;
    this.#disk = disk;
    this.#cluster = cluster;
    this.writers = [new KafkaWriter('kafka-a', cluster.first('kafka-gateway').address('kafka'), TOPIC)];
  }

  /** Starts it and its writers. `options` plant bugs. */
  static async start(options: Pick<PlanOptions, 'nodeFlags'> = {}): Promise<PowerWorld> {
    const scratch = mkdtempSync(path.join(tmpdir(), 'robustmq-power-'));
    const disk = LoopImage.create(path.join(scratch, 'disk.img'), path.join(scratch, 'disk'), IMAGE_BYTES);
    const cluster = await startTestCluster({
      dataDir: path.join(disk.mountPoint, 'data'),
      counts: { ...ONE_OF_EACH, 'admin-api': 0 },
      extraFlags: SMALL_LOGS,
      ...options,
    });
    const world = new PowerWorld(scratch, disk, cluster);
    await progress(world.writers, PROGRESS);
    const mqtt = cluster.first('mqtt-gateway').port('mqtt');
    world.writers.push(new MqttWriter('mqtt-a', mqtt, TOPIC), new MqttWriter('mqtt-b', mqtt, TOPIC));
    return world;
  }

  /** Cuts the power under load, boots what the disk held, and compares it with the ledger. */
  async cut(): Promise<CutOutcome> {
    await progress(this.writers, PROGRESS);
    const copy = path.join(this.#scratch, 'copy.img');
    const { ledger, inFlight } = await this.#cutPower(copy);
    const boot = await this.#readAfterBoot(copy);
    if ('refusal' in boot) return { found: [boot.refusal], inFlight, recovery: NOT_RECOVERED };
    const { values, recovery } = boot;
    const refusing = recovery.quarantined.map((shard) => `healthy shard ${shard} refuses to serve`);
    return { found: [...refusing, ...contradictions(ledger, values)], inFlight, recovery };
  }

  /** A writer that cannot end leaves no mounted file system behind. */
  async remove(): Promise<void> {
    try {
      await Promise.all(this.writers.map((writer) => writer.stop()));
    } finally {
      await removeTestCluster(this.#cluster);
      this.#disk.remove();
      rmSync(this.#scratch, { recursive: true, force: true });
    }
  }

  /** Freezes everything, takes the ledger and the disk as they are, and lets it go on. */
  async #cutPower(copy: string): Promise<{ ledger: LedgerEntry[]; inFlight: number }> {
    for (const each of this.#cluster.processes) each.pause();
    try {
      await delay(ACKS_ARRIVE_MS);
      this.#disk.copyTo(copy);
      const inFlight = this.writers.reduce((sum, writer) => sum + (writer.inFlight ?? 0), 0);
      return { ledger: freeze(this.writers), inFlight };
    } finally {
      for (const each of this.#cluster.processes) each.resume();
    }
  }

  /** Boots what the disk held and reads the whole topic, unless a service refuses what it finds there. */
  async #readAfterBoot(copy: string): Promise<Boot> {
    const restored = LoopImage.mount(copy, path.join(this.#scratch, 'restored'));
    try {
      const booted = await this.#boot(restored.mountPoint);
      if (booted instanceof BrokerError) return { refusal: `refuses to start: ${booted.message}` };
      try {
        const recovery = recoveryIn(booted.first('journal-server').spec.logFile);
        // A reader would ask a shard that refuses for ever.
        const values =
          recovery.quarantined.length > 0
            ? []
            : await readTopic(booted.first('kafka-gateway').address('kafka'), TOPIC);
        return { values, recovery };
      } finally {
        await booted.kill();
      }
    } finally {
      restored.remove();
    }
  }

  async #boot(mountPoint: string): Promise<Cluster | BrokerError> {
    try {
      return await startTestCluster({
        dataDir: path.join(mountPoint, 'data'),
        counts: { ...ONE_OF_EACH, 'mqtt-gateway': 0, 'admin-api': 0 },
        ports: { kind: 'base', basePort: basePortBeside(this.#cluster) },
        extraFlags: SMALL_LOGS,
      });
    } catch (thrown) {
      return BrokerError.from(thrown);
    }
  }
}

/**
 * Ports of their own for the restored cluster: a process of the other one whose lease ran out in the pause lets go of its
 * port for an instant, and must find it again.
 */
function basePortBeside(cluster: Cluster): number {
  const port = cluster.first('meta-service').port('grpc');
  return port + PORTS_BESIDE < HIGHEST_BASE_PORT ? port + PORTS_BESIDE : port - PORTS_BESIDE;
}

/** The last thing that a journal's log says of a recovery. */
function recoveryIn(logFile: string): JournalRecovery {
  const line = readFileSync(logFile, 'utf8')
    .split('\n')
    .findLast((each) => each.includes('"data directory recovered"'));
  if (line === undefined) throw new BrokerError('not_found', `${logFile} speaks of no recovery`);
  const { replayed_sections, torn_tail, quarantined } = JSON.parse(line) as Record<string, unknown>;
  const isUnderstood =
    typeof replayed_sections === 'number' && typeof torn_tail === 'boolean' && Array.isArray(quarantined);
  if (!isUnderstood) throw new BrokerError('malformed', `this speaks of no recovery: ${line}`);
  return { replayedSections: replayed_sections, tornTail: torn_tail, quarantined: quarantined as string[] };
}
