// Writers under fault: each knows what has been acknowledged to it, and goes on through every failure.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

import { BrokerError } from '@robustmq/errors';
import { waitUntil } from '@robustmq/testkit/cluster';
import mqtt, { type MqttClient } from 'mqtt';

import { python } from '../install/needs.ts';

const MQTT_WINDOW = 50;
const PROGRESS_TIMEOUT_MS = 30_000;

/** A source of numbered records `name:0`, `name:1`, … */
export interface Writer {
  readonly name: string;
  /** Numbers acknowledged so far. */
  readonly acknowledged: ReadonlySet<number>;
  /** Whether a record may appear twice: MQTT QoS 1 is at least once, an idempotent producer is not. */
  readonly mayRepeat: boolean;
  /** Problems that no fault of a broker excuses. */
  readonly complaints: readonly string[];
  /** Sent and not acknowledged now; undefined where only the client knows. */
  readonly inFlight: number | undefined;
  stop(): Promise<void>;
}

/** QoS 1 publisher: a window of publishes, each sent again by the client until its PUBACK. */
export class MqttWriter implements Writer {
  readonly name: string;
  readonly acknowledged = new Set<number>();
  readonly mayRepeat = true;
  readonly complaints: string[] = [];
  readonly #client: MqttClient;
  readonly #topic: string;
  #next = 0;
  #inFlight = 0;
  #stopping = false;

  constructor(name: string, port: number, topic: string) {
    this.name = name;
    this.#topic = topic;
    this.#client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
      clientId: `chaos-${name}`,
      clean: false,
      protocolVersion: 5,
      properties: { sessionExpiryInterval: 3_600 },
      reconnectPeriod: 50,
      connectTimeout: 2_000,
      // Otherwise a CONNACK of an incarnation whose lease has just ended is the last thing that it hears.
      reconnectOnConnackError: true,
    });
    // A refused connection is what the test does to it; the client tries again by itself.
    this.#client.on('error', () => undefined);
    this.#client.on('connect', () => {
      this.#refill();
    });
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await waitUntil(`${this.name} has all acknowledgements`, PROGRESS_TIMEOUT_MS, () => this.#inFlight === 0);
    await this.#client.endAsync(true);
  }

  #refill(): void {
    while (!this.#stopping && this.#inFlight < MQTT_WINDOW) {
      const number = this.#next;
      this.#next += 1;
      this.#inFlight += 1;
      this.#client.publish(this.#topic, `${this.name}:${number}`, { qos: 1 }, (error, packet) => {
        this.#inFlight -= 1;
        const code = packet !== undefined && 'reasonCode' in packet ? packet.reasonCode : 0;
        // An error or a reason code of failure is honest: that record is simply not acknowledged.
        if (!error && (code === undefined || code < 0x80)) this.acknowledged.add(number);
        if (!this.#stopping) setImmediate(() => this.#refill());
      });
    }
  }
}

/** An idempotent acks=all producer of librdkafka in a process of its own. */
export class KafkaWriter implements Writer {
  readonly name: string;
  readonly acknowledged = new Set<number>();
  readonly mayRepeat = false;
  readonly inFlight = undefined;
  readonly complaints: string[] = [];
  readonly #child: ChildProcess;

  constructor(name: string, bootstrap: string, topic: string) {
    this.name = name;
    const script = path.join(__dirname, 'chaos_writer.py');
    this.#child = spawn(python(), [script, bootstrap, topic, name], { stdio: ['pipe', 'pipe', 'ignore'] });
    let partial = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) {
        if (line.startsWith('error')) this.complaints.push(`${name}: ${line}`);
        else this.acknowledged.add(Number(line));
      }
    });
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.stdin?.end();
    await ended;
  }
}

/** Resolves once each writer has `count` more acknowledgements than now; fails with the names of those that stalled. */
export async function progress(writers: readonly Writer[], count: number): Promise<void> {
  const goals = writers.map((writer) => ({ writer, goal: writer.acknowledged.size + count }));
  const behind = (): string[] =>
    goals.filter(({ writer, goal }) => writer.acknowledged.size < goal).map(({ writer }) => writer.name);
  try {
    await waitUntil('progress', PROGRESS_TIMEOUT_MS, () => behind().length === 0);
  } catch (error) {
    throw new BrokerError(
      'deadline_exceeded',
      `${behind().join(', ')} got no ${count} acknowledgements in time`,
      { cause: error },
    );
  }
}
