// The ordinary clients beside an attack: fifty messages a second over each protocol, each of which has to be answered.
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { API_MESSAGES, KAFKA_ERRORS, KafkaFramer, responseHeaderVersion } from '@robustmq/kafka-codec';
import { readResponseEnvelope } from '@robustmq/kafka-codec/testing';
import { waitUntil } from '@robustmq/testkit/cluster';

import { Latencies } from '../bench/load/latency.ts';
import { publishTemplate, stampPublish } from '../bench/load/mqtt-packets.ts';
import { MqttSocket } from '../bench/load/mqtt-socket.ts';
import type { Targets } from './attack.ts';
import { kafkaRequest, tinyRecords } from './kafka-bytes.ts';

const INTERVAL_MS = 20;
const REPEAT_MS = 100;
let probes = 0;
const PRODUCE = 0;
const PRODUCE_VERSION = 9;
const MQTT_TOPIC = 'probe/mqtt';
const PAYLOAD_BYTES = 16;

/** What came of the messages of one path. */
export interface ProbeFigures {
  readonly answered: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** Messages on their way along one path, by their number, and how long they took. */
class Path {
  readonly #name: string;
  readonly #sentAtMs = new Map<number, number>();
  readonly #latencies = new Latencies();

  constructor(name: string) {
    this.#name = name;
  }

  get inFlight(): number {
    return this.#sentAtMs.size;
  }

  sent(number: number): void {
    this.#sentAtMs.set(number, performance.now());
  }

  /** A repeat of what was answered says nothing new. */
  answered(number: number): void {
    const atMs = this.#sentAtMs.get(number);
    if (atMs === undefined) return;
    this.#sentAtMs.delete(number);
    this.#latencies.record(performance.now() - atMs);
  }

  /** Resolves when nothing that was sent so far is without an answer. */
  async settled(deadlineMs: number): Promise<void> {
    const last = Math.max(0, ...this.#sentAtMs.keys());
    await waitUntil(`answers to all messages of ${this.#name}`, deadlineMs, () =>
      [...this.#sentAtMs.keys()].every((number) => number > last),
    );
  }

  get figures(): ProbeFigures {
    const { count, maxMs } = this.#latencies;
    return { answered: count, p99Ms: this.#latencies.percentileMs(99), longestMs: maxMs };
  }
}

/** See the file head. */
export class Probe {
  /** From PUBLISH to its PUBACK, to the subscriber's copy, and from Produce to its answer. */
  readonly paths = {
    puback: new Path('PUBACK'),
    delivery: new Path('delivery'),
    produce: new Path('Produce'),
  };
  /** What no attack of others excuses. */
  readonly complaints: string[] = [];
  readonly #publisher: MqttSocket;
  readonly #subscriber: MqttSocket;
  readonly #kafka: Socket;
  readonly #template = publishTemplate(MQTT_TOPIC, 1, PAYLOAD_BYTES);
  readonly #framer = new KafkaFramer({ maxFrameBytes: 2 ** 20, minFrameBytes: 4 });
  readonly #topic: string;
  #timer: NodeJS.Timeout | undefined;
  #next = 1;

  private constructor({ mqttPort, kafkaPort }: Targets, topic: string) {
    this.#topic = topic;
    const { puback, delivery } = this.paths;
    const lost = (reason: string): void => void this.complaints.push(`MQTT: ${reason}`);
    this.#publisher = new MqttSocket('127.0.0.1', mqttPort, {
      // An id is the message's number and one: there are enough of them for twenty minutes.
      onPubAck: (packetId) => puback.answered(packetId - 1),
      onLost: lost,
    });
    this.#subscriber = new MqttSocket('127.0.0.1', mqttPort, {
      onPublish: (bytes, payloadAt) => delivery.answered(bytes.readUInt32LE(payloadAt + 4)),
      onLost: lost,
    });
    this.#kafka = createConnection({ host: '127.0.0.1', port: kafkaPort, noDelay: true });
    this.#kafka.on('data', (bytes) => this.#readKafka(bytes));
    this.#kafka.on('error', (error) => this.complaints.push(`Kafka: ${error.message}`));
    this.#kafka.on('close', () => this.complaints.push('Kafka: closed by the server'));
  }

  /** Connects to both gateways and begins to send; `topic` is there and empty. */
  static async start(targets: Targets, topic: string): Promise<Probe> {
    const probe = new Probe(targets, topic);
    probes += 1;
    await Promise.all([
      once(probe.#kafka, 'connect'),
      probe.#subscriber
        .connect(`probe-subscriber-${probes}`)
        .then(() => probe.#subscriber.subscribe(MQTT_TOPIC, 1)),
      probe.#publisher.connect(`probe-publisher-${probes}`),
    ]);
    probe.#timer = setInterval(() => probe.#send(), INTERVAL_MS);
    return probe;
  }

  /** Resolves when all that was sent before is answered. @throws BrokerError when that takes longer */
  async settled(deadlineMs: number): Promise<void> {
    await Promise.all(Object.values(this.paths).map((path) => path.settled(deadlineMs)));
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#publisher.close();
    this.#subscriber.close();
    this.#kafka.removeAllListeners('close');
    this.#kafka.destroy();
  }

  #send(): void {
    const number = this.#next;
    this.#next += 1;
    const { puback, delivery, produce } = this.paths;
    const packet = Buffer.alloc(this.#template.bytes.length);
    stampPublish(this.#template, packet, 0, 0, number, performance.now());
    puback.sent(number);
    delivery.sent(number);
    this.#publisher.write(packet);
    produce.sent(number);
    this.#produce(number);
  }

  #produce(number: number): void {
    const topicData = [{ name: this.#topic, partitionData: [{ index: 0, records: tinyRecords(1, false) }] }];
    const body = { transactionalId: null, acks: 1, timeoutMs: 30_000, topicData };
    this.#kafka.write(kafkaRequest(PRODUCE, PRODUCE_VERSION, body, number));
  }

  /** As every client does: a machine that stalls for seconds breaks the link between two processes. */
  #repeat(number: number): void {
    setTimeout(() => {
      if (!this.#kafka.destroyed) this.#produce(number);
    }, REPEAT_MS);
  }

  #readKafka(bytes: Buffer): void {
    this.#framer.push(bytes);
    for (let frame = this.#framer.next(); frame !== undefined; frame = this.#framer.next()) {
      const { correlationId, body } = readResponseEnvelope(
        frame,
        responseHeaderVersion(PRODUCE, PRODUCE_VERSION),
      );
      const { responses } = API_MESSAGES[PRODUCE].readResponse(body, PRODUCE_VERSION);
      const code = responses[0]?.partitionResponses[0]?.errorCode ?? -1;
      if (code === KAFKA_ERRORS.NOT_LEADER_OR_FOLLOWER) this.#repeat(correlationId);
      else {
        if (code !== 0) this.complaints.push(`Kafka: error ${code}`);
        this.paths.produce.answered(correlationId);
      }
    }
  }
}
