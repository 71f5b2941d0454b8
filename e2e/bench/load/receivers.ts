// Subscribing clients that check what they receive against what was sent.
import { Latencies } from './latency.ts';
import { MqttSocket } from './mqtt-socket.ts';
import type { Sender } from './sender.ts';
import { type DeliveryFaults, SequenceCheck } from './sequence-check.ts';

/** What all receivers of a run saw. */
export class Receivers {
  readonly latencies = new Latencies();
  readonly faults: DeliveryFaults = { duplicated: 0, reordered: 0 };
  readonly sockets: MqttSocket[] = [];
  /** First arrivals over all receivers. */
  delivered = 0;
  readonly #senders: ReadonlyMap<number, Sender>;
  readonly #latencyEvery: number;

  /** Every `latencyEvery`-th delivery is timed: reading a clock per message would cost more than receiving it. */
  constructor(senders: readonly Sender[], latencyEvery: number) {
    this.#senders = new Map(senders.map((sender) => [sender.id, sender]));
    this.#latencyEvery = latencyEvery;
  }

  /** Connects and subscribes one receiver; `onReadEnd` runs after each read's deliveries. */
  async add(
    host: string,
    port: number,
    options: {
      readonly clientId: string;
      readonly cleanSession: boolean;
      readonly filter: string;
      readonly qos: 0 | 1;
      readonly onReadEnd: () => void;
      readonly onLost: (reason: string) => void;
    },
  ): Promise<void> {
    const checks = new Map<number, SequenceCheck>();
    const socket = new MqttSocket(host, port, {
      onPublish: (buffer, payloadAt) => {
        this.#arrived(checks, buffer, payloadAt);
      },
      onReadEnd: options.onReadEnd,
      onLost: options.onLost,
    });
    await socket.connect(options.clientId, options.cleanSession);
    await socket.subscribe(options.filter, options.qos);
    this.sockets.push(socket);
  }

  #arrived(checks: Map<number, SequenceCheck>, buffer: Buffer, payloadAt: number): void {
    const senderId = buffer.readUInt32LE(payloadAt);
    let check = checks.get(senderId);
    if (check === undefined) {
      check = new SequenceCheck(this.faults);
      checks.set(senderId, check);
    }
    if (!check.accept(buffer.readUInt32LE(payloadAt + 4))) return;
    this.delivered += 1;
    const sender = this.#senders.get(senderId);
    if (sender !== undefined) sender.delivered += 1;
    if (this.delivered % this.#latencyEvery === 0) {
      this.latencies.record(performance.now() - buffer.readDoubleLE(payloadAt + 8));
    }
  }
}
