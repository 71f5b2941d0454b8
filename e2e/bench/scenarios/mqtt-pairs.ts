// Many publishers, each with its own topic and subscriber, QoS 1: saturated by a window, or at a fixed rate.
import { BrokerError } from '@robustmq/errors';
import { Kafka, logLevel } from 'kafkajs';

import { Receivers } from '../load/receivers.ts';
import { Sender } from '../load/sender.ts';
import type { RunningSystem } from '../systems/system.ts';
import type { Measurement, RunOptions, Scenario } from './scenario.ts';
import { drain, measureWindow } from './window.ts';

const PAYLOAD_BYTES = 128;
const QUIET_MS = 5_000;
// An open loop keeps its schedule while the broker stalls; this only bounds the packet ids in flight.
const OPEN_LOOP_IN_FLIGHT = 30_000;
const TICK_MS = 1;

interface PairsShape {
  readonly pairs: number;
  /** Messages per pair that are not yet acknowledged and delivered; the closed loop. */
  readonly window?: number;
  /** Messages per second over all pairs; the open loop: latency counts from the scheduled time. */
  readonly rate?: number;
  readonly cleanSession?: boolean;
  /** Each message has a topic of its own; the receiver has a wildcard. */
  readonly newTopics?: boolean;
  readonly topicPrefix?: string;
  /** The topics are owned by a stream of its own with so many partitions, where the system has streams. */
  readonly partitions?: number;
}

/** The pairs of one run. */
class Pairs {
  readonly senders: Sender[] = [];
  readonly receivers: Receivers;
  readonly #shape: PairsShape;
  #publishing = false;
  #timer: NodeJS.Timeout | undefined;
  #failure: string | undefined;

  constructor(system: RunningSystem, shape: PairsShape) {
    this.#shape = shape;
    const onLost = (reason: string): void => {
      this.#failure = reason;
    };
    for (let id = 0; id < shape.pairs; id += 1) {
      const sender: Sender = new Sender(system.host, system.mqttPort ?? 0, {
        id,
        topic: `${shape.topicPrefix ?? 'bench/pair'}/${id}${shape.newTopics === true ? '/#' : ''}`,
        qos: 1,
        payloadBytes: PAYLOAD_BYTES,
        onReadEnd: () => this.#refill(sender),
        onLost,
      });
      this.senders.push(sender);
    }
    this.receivers = new Receivers(this.senders, shape.rate === undefined ? 31 : 1);
  }

  async connect(system: RunningSystem): Promise<void> {
    const { cleanSession = true, newTopics = false, topicPrefix = 'bench/pair' } = this.#shape;
    for (const sender of this.senders) {
      await sender.socket.connect(`bench-sender-${sender.id}`);
      await this.receivers.add(system.host, system.mqttPort ?? 0, {
        clientId: `bench-receiver-${sender.id}`,
        cleanSession,
        filter: `${topicPrefix}/${sender.id}${newTopics ? '/+' : ''}`,
        qos: 1,
        onReadEnd: () => this.#refill(sender),
        onLost: (reason) => {
          this.#failure = reason;
        },
      });
    }
  }

  start(): void {
    this.#publishing = true;
    if (this.#shape.rate !== undefined) this.#startOpenLoop(this.#shape.rate);
    else for (const sender of this.senders) this.#refill(sender);
  }

  async stop(): Promise<number> {
    this.#publishing = false;
    clearInterval(this.#timer);
    const sent = this.senders.reduce((sum, sender) => sum + sender.sent, 0);
    const lost = await drain(sent, QUIET_MS, () => this.receivers.delivered);
    for (const socket of [...this.senders.map((sender) => sender.socket), ...this.receivers.sockets])
      socket.close();
    if (this.#failure !== undefined)
      throw new BrokerError('unavailable', `a connection broke: ${this.#failure}`);
    return lost;
  }

  #refill(sender: Sender): void {
    const window = this.#shape.window;
    if (!this.#publishing || window === undefined) return;
    const room = window - Math.max(sender.inFlight, sender.sent - sender.delivered);
    if (room > 0) sender.send(room, performance.now(), 0);
  }

  /** Message k is due at start + k / rate, from sender k mod pairs. Each tick sends all that are due. */
  #startOpenLoop(rate: number): void {
    const startMs = performance.now();
    const stepMs = 1_000 / rate;
    const count = this.senders.length;
    let next = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor((performance.now() - startMs) / stepMs);
      if (due - next > count) {
        // Behind by more than a round: one write per sender carries all of its messages that are due.
        const rounds = Math.floor((due - next) / count);
        for (let i = 0; i < count; i += 1)
          this.#sendDue(next + i, rounds, startMs + (next + i) * stepMs, count * stepMs);
        next += rounds * count;
      }
      for (; next < due; next += 1) this.#sendDue(next, 1, startMs + next * stepMs, 0);
    }, TICK_MS);
  }

  #sendDue(index: number, count: number, firstMs: number, stepMs: number): void {
    const sender = this.senders[index % this.senders.length];
    if (sender === undefined) return;
    if (sender.inFlight > OPEN_LOOP_IN_FLIGHT) {
      this.#failure ??= 'more than 30,000 messages of one sender without an acknowledgement';
      return;
    }
    sender.send(count, firstMs, stepMs);
  }
}

/** A stream that owns the MQTT topics of the filter. */
async function createStream(
  { host, kafkaPort = 0 }: RunningSystem,
  numPartitions: number,
  filter: string,
): Promise<void> {
  const brokers = [`${host}:${kafkaPort}`];
  const admin = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const configEntries = [{ name: 'mqtt.filter', value: filter }];
  await admin.createTopics({ topics: [{ topic: 'bench-pairs', numPartitions, configEntries }] });
  await admin.disconnect();
}

async function runPairs(
  system: RunningSystem,
  { seconds }: RunOptions,
  shape: PairsShape,
): Promise<Measurement> {
  const { partitions, topicPrefix = '' } = shape;
  if (partitions !== undefined && system.kafkaPort !== undefined)
    await createStream(system, partitions, `${topicPrefix}/#`);
  const pairs = new Pairs(system, shape);
  await pairs.connect(system);
  pairs.start();
  const { receivers } = pairs;
  const measured = await measureWindow(
    system,
    seconds,
    () => receivers.delivered,
    () => receivers.latencies.reset(),
  );
  const latencies = {
    p50Ms: receivers.latencies.percentileMs(50),
    p99Ms: receivers.latencies.percentileMs(99),
    p999Ms: receivers.latencies.percentileMs(99.9),
  };
  const lost = await pairs.stop();
  const ackFaults = pairs.senders.reduce((sum, sender) => sum + sender.ackOrderFaults, 0);
  return {
    ...measured,
    ...latencies,
    lost,
    ...receivers.faults,
    reordered: receivers.faults.reordered + ackFaults,
  };
}

function scenario(name: string, title: string, target: string, shape: PairsShape): Scenario {
  return {
    name,
    title,
    target,
    protocol: 'mqtt',
    run: (system, options) => runPairs(system, options, shape),
  };
}

/** The QoS 1 rows: pipelined, at a fixed rate, and the regimes with little to batch. */
export const pairScenarios: readonly Scenario[] = [
  scenario('qos1-pairs', 'QoS 1, 50 pairs, window 32, saturated', '≥ 4× Mosquitto, CPU ≤ 0.4×', {
    pairs: 50,
    window: 32,
  }),
  scenario('qos1-open-loop', 'QoS 1, 50 pairs, 8,000/s open loop', 'p99 ≤ 8 ms, CPU ≤ 3× Mosquitto', {
    pairs: 50,
    rate: 8_000,
  }),
  scenario('qos1-window1', 'QoS 1, 50 pairs, window 1, saturated', '', { pairs: 50, window: 1 }),
  scenario('qos1-slow-pairs', 'QoS 1, 500 slow pairs, 20,000/s open loop', '', { pairs: 500, rate: 20_000 }),
  scenario('qos1-8-partitions', 'QoS 1, 50 pairs, window 32, a stream of 8 partitions', '', {
    pairs: 50,
    window: 32,
    topicPrefix: 'bench/parted',
    partitions: 8,
  }),
  scenario('qos1-durable', 'QoS 1, 50 pairs, window 32, durable sessions', '', {
    pairs: 50,
    window: 32,
    cleanSession: false,
  }),
  scenario('qos1-new-topics', 'QoS 1, 50 pairs, window 32, a new topic per message', '', {
    pairs: 50,
    window: 32,
    newTopics: true,
  }),
];
