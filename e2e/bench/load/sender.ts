// One publishing client: numbered messages, batched into one write, with a window.
import { MqttSocket } from './mqtt-socket.ts';
import { packetIdOf, type PublishTemplate, publishTemplate, stampPublish } from './mqtt-packets.ts';

/** A publisher of one topic. Sequence numbers begin at 0. */
export class Sender {
  readonly id: number;
  readonly socket: MqttSocket;
  readonly #template: PublishTemplate;
  readonly #qos: 0 | 1;
  /** Messages sent. */
  sent = 0;
  /** Messages acknowledged; with QoS 0 it stays 0. */
  acked = 0;
  /** PUBACKs that came for another packet than the oldest unacknowledged one [MQTT-4.6.0-2]. */
  ackOrderFaults = 0;
  /** Messages of this sender that reached their receivers, set by the receivers. */
  delivered = 0;

  constructor(
    host: string,
    port: number,
    options: {
      readonly id: number;
      readonly topic: string;
      readonly qos: 0 | 1;
      readonly payloadBytes: number;
      readonly onReadEnd: () => void;
      readonly onLost: (reason: string) => void;
    },
  ) {
    this.id = options.id;
    this.#qos = options.qos;
    this.#template = publishTemplate(options.topic, options.qos, options.payloadBytes);
    this.socket = new MqttSocket(host, port, {
      onPubAck: (packetId) => {
        if (packetId !== packetIdOf(this.acked)) this.ackOrderFaults += 1;
        this.acked += 1;
      },
      onReadEnd: options.onReadEnd,
      onLost: options.onLost,
    });
  }

  /** Messages that are not acknowledged; always 0 with QoS 0. */
  get inFlight(): number {
    return this.#qos === 0 ? 0 : this.sent - this.acked;
  }

  /** Sends `count` messages in one write, all scheduled for `firstMs` + i × `stepMs`. */
  send(count: number, firstMs: number, stepMs: number): void {
    const size = this.#template.bytes.length;
    const batch = Buffer.allocUnsafe(size * count);
    for (let i = 0; i < count; i += 1) {
      stampPublish(this.#template, batch, i * size, this.id, this.sent, firstMs + i * stepMs);
      this.sent += 1;
    }
    this.socket.write(batch);
  }
}
