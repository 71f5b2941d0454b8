// Simulated MQTT clients: a publisher that repeats what was not acknowledged, in order, and a durable subscriber that moves
// between gateways.

import type { Packet } from '@robustmq/mqtt-codec';
import { invariant, type Life } from '@robustmq/testkit';
import { payloadOf, type Ledger, type Sending } from './ledger.ts';
import { MqttLink, type MqttMessage } from './mqtt-link.ts';

/** Where clients may connect. */
export interface ClientSurroundings {
  readonly gateways: readonly string[];
  readonly ledger: Ledger;
  /** Told what clients see. */
  readonly note: (event: string) => void;
}

const MAX_IN_FLIGHT = 5;
/** A client gives a connection up that has not answered its CONNECT by then. */
const CONNECT_TIMEOUT_MS = 3_000;
const RECONNECT_MS = 200;
const PUBACK_DELAY_MS = 30;
/** A PUBACK counts as arrived when its connection lived so much longer. */
const PUBACK_TRAVEL_MS = 100;
const ACCEPTED = 0;
const REFUSED_FILTER = 0x80;

abstract class MqttClient {
  readonly name: string;
  readonly life: Life;
  readonly around: ClientSurroundings;
  #link: MqttLink | undefined;
  /** Grows with each connection. */
  connection = 0;
  isConnected = false;

  constructor(life: Life, around: ClientSurroundings) {
    this.name = life.name;
    this.life = life;
    this.around = around;
    this.#reconnectSoon();
  }

  protected abstract readonly clean: boolean;
  protected abstract begun(): void;
  protected abstract published(message: MqttMessage, connection: number): void;
  protected abstract acknowledged(packetId: number): void;
  protected abstract granted(codes: readonly number[]): void;

  send(packet: Packet): void {
    this.#link?.send(packet);
  }

  /** Connects anew, to any gateway; the connection before is left as it is, ended or cut. */
  connect(how: 'left alone' | 'left' | 'cut'): void {
    const before = this.#link;
    if (how === 'left') before?.leave();
    else if (how === 'cut') before?.cut();
    const connection = ++this.connection;
    this.isConnected = false;
    const isCurrent = (): boolean => connection === this.connection;
    const gateway = this.life.random.pick(this.around.gateways);
    this.around.note(`${this.name} connects to ${gateway}, the connection before is ${how}`);
    const link = new MqttLink(this.life, gateway, {
      connected: (returnCode) => {
        if (!isCurrent()) return;
        this.around.note(`${this.name} is answered ${returnCode}`);
        if (returnCode !== ACCEPTED) return this.#failed(link);
        this.isConnected = true;
        this.begun();
      },
      published: (message) => this.published(message, connection),
      acknowledged: (packetId) => {
        if (isCurrent()) this.acknowledged(packetId);
      },
      granted: (_packetId, codes) => {
        if (isCurrent()) this.granted(codes);
      },
      over: () => {
        if (isCurrent()) this.#failed(link);
      },
    });
    this.#link = link;
    link.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clientId: this.name,
      clean: this.clean,
      keepalive: 0,
    });
    this.life.clock.after(CONNECT_TIMEOUT_MS, () => {
      if (isCurrent() && !this.isConnected) this.#failed(link);
    });
  }

  #failed(link: MqttLink): void {
    link.cut();
    this.around.note(`${this.name} lost its connection`);
    if (link !== this.#link) return;
    this.isConnected = false;
    this.#link = undefined;
    this.#reconnectSoon();
  }

  #reconnectSoon(): void {
    this.life.clock.after(this.life.random.between(5, RECONNECT_MS), () => {
      if (this.#link === undefined) this.connect('cut');
    });
  }
}

interface InFlight {
  readonly packetId: number;
  readonly topic: string;
  sending: Sending;
}

/** Publishes with QoS 1. */
export class Publisher extends MqttClient {
  protected readonly clean = true;
  readonly #topics: readonly string[];
  readonly #inFlight: InFlight[] = [];
  #number = 0;
  #packetId = 0;
  isStopped = false;

  constructor(life: Life, around: ClientSurroundings, topics: readonly string[]) {
    super(life, around);
    this.#topics = topics;
    this.#publishLater();
  }

  /** Whether all it sent was acknowledged. */
  get isDone(): boolean {
    return this.#inFlight.length === 0;
  }

  get count(): number {
    return this.#number;
  }

  #publishLater(): void {
    this.life.clock.after(this.life.random.between(5, 250), () => {
      if (this.isStopped) return;
      for (let burst = this.life.random.between(1, 3); burst > 0; burst--) this.#publish();
      this.#publishLater();
    });
  }

  #publish(): void {
    if (!this.isConnected || this.#inFlight.length >= MAX_IN_FLIGHT) return;
    this.#packetId = (this.#packetId % 1_000) + 1;
    const sending = { publisher: this.name, number: ++this.#number, attempt: 1 };
    const message = { packetId: this.#packetId, topic: this.life.random.pick(this.#topics), sending };
    this.#inFlight.push(message);
    this.#send(message, false);
  }

  #send({ packetId, topic, sending }: InFlight, dup: boolean): void {
    this.around.ledger.published(sending, topic, this.life.clock.monotonicMs());
    const payload = payloadOf(sending);
    this.send({ cmd: 'publish', topic, payload, qos: 1, messageId: packetId, dup, retain: false });
  }

  /** All that was not acknowledged goes again, in order [MQTT-4.4.0-1]. */
  protected begun(): void {
    for (const message of this.#inFlight) {
      message.sending = { ...message.sending, attempt: message.sending.attempt + 1 };
      this.#send(message, true);
    }
  }

  protected acknowledged(packetId: number): void {
    const index = this.#inFlight.findIndex((message) => message.packetId === packetId);
    invariant(index === 0, `[MQTT-4.6.0-2]: PUBACKs of ${this.name} come in order`);
    const [{ sending }] = this.#inFlight.splice(index, 1) as [InFlight];
    this.around.ledger.acknowledged(sending, this.life.clock.monotonicMs());
  }

  protected published(): void {
    invariant(false, 'a publisher receives nothing');
  }

  protected granted(): void {
    invariant(false, 'a publisher subscribes to nothing');
  }
}

/** Subscribes durably with QoS 1, and acknowledges what comes after a while. */
export class Subscriber extends MqttClient {
  protected readonly clean = false;
  readonly #filters: readonly string[];
  #isGranted = false;

  constructor(life: Life, around: ClientSurroundings, filters: readonly string[]) {
    super(life, around);
    this.#filters = filters;
    around.ledger.subscriber(life.name, (topic) => filters.some((filter) => isMatch(filter, topic)));
  }

  get isGranted(): boolean {
    return this.#isGranted;
  }

  protected begun(): void {
    if (!this.#isGranted) this.#subscribe();
  }

  #subscribe(): void {
    const subscriptions = this.#filters.map((topic) => ({ topic, qos: 1 }));
    this.send({ cmd: 'subscribe', messageId: 60_000, subscriptions } as Packet);
  }

  protected granted(codes: readonly number[]): void {
    if (codes.includes(REFUSED_FILTER)) {
      this.life.clock.after(RECONNECT_MS, () => {
        if (this.isConnected) this.#subscribe();
      });
      return;
    }
    this.around.note(`${this.name} has subscribed`);
    this.#isGranted = true;
    this.around.ledger.granted(this.name, this.life.clock.monotonicMs());
  }

  protected published({ topic, payload, packetId, dup }: MqttMessage, connection: number): void {
    const { ledger, note } = this.around;
    note(
      `${this.name} gets ${payload}${dup ? ' again' : ''} on connection ${connection}, ${topic}, ${packetId}`,
    );
    ledger.delivered(this.name, payload, topic, dup, connection);
    this.life.clock.after(this.life.random.between(0, PUBACK_DELAY_MS), () => {
      if (connection !== this.connection) return;
      note(`${this.name} acknowledges ${packetId}`);
      this.send({ cmd: 'puback', messageId: packetId });
      const sentAtMs = this.life.clock.monotonicMs();
      this.life.clock.after(PUBACK_TRAVEL_MS, () => {
        if (connection === this.connection && this.isConnected) ledger.received(this.name, payload, sentAtMs);
      });
    });
  }

  protected acknowledged(): void {
    invariant(false, 'a subscriber publishes nothing');
  }
}

function isMatch(filter: string, topic: string): boolean {
  return (
    filter === '#' || filter === topic || (filter.endsWith('/#') && topic.startsWith(filter.slice(0, -1)))
  );
}
