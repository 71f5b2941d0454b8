// MQTT 5 clients of one test whose sessions outlive their connections, the gateways they go to, and what such a test does
// again and again.

import type { IPublishPacket } from 'mqtt-packet';
import type { Gateway } from '../src/gateway.ts';
import {
  RawClient,
  RecordingLog,
  portOf,
  start,
  startGateway,
  until,
  type Running,
} from './running-gateway.ts';

/** What a client asks for at CONNECT whose session is to stay for ten minutes. */
export const DURABLE = { clean: false, properties: { sessionExpiryInterval: 600 } };

/** The messages that a client has got. */
export const publishes = (device: RawClient): IPublishPacket[] =>
  device.received.filter((packet) => packet.cmd === 'publish');

/** Takes a message of QoS 1 for delivered. */
export const acknowledge = (device: RawClient, packet: IPublishPacket): void =>
  device.send({ cmd: 'puback', messageId: packet.messageId!, reasonCode: 0 });

/** The clients of one test, at its first gateway unless another is named. */
export class DurableClients {
  readonly running: Running;
  readonly #clients: RawClient[] = [];
  #second: Gateway | undefined;
  #publishers = 0;

  private constructor(running: Running) {
    this.running = running;
  }

  /** Starts the first gateway and what it needs. */
  static async start(): Promise<DurableClients> {
    return new DurableClients(await start());
  }

  /** Starts the second gateway, `mqtt-2`. */
  async secondGateway(...flags: readonly string[]): Promise<Gateway> {
    this.#second = await startGateway(this.running.meta, new RecordingLog(), ['--node.id=mqtt-2', ...flags]);
    return this.#second;
  }

  /** The same, and waits until both know each other. */
  async secondInMesh(): Promise<Gateway> {
    const second = await this.secondGateway();
    await until(
      () => [this.running.gateway, second].every(({ serving }) => serving!.mesh.routes.peerCount === 1),
      'mesh',
    );
    return second;
  }

  /** A client that has not sent anything yet. */
  client(gateway: Gateway = this.running.gateway): RawClient {
    const made = new RawClient(portOf(gateway.addresses.mqtt), 5);
    this.#clients.push(made);
    return made;
  }

  /** Publishes at QoS 1, all at once, and waits for the acknowledgements. */
  async publishAll(payloads: readonly string[], topic = 'd/1', gateway?: Gateway): Promise<void> {
    const publisher = this.client(gateway);
    await publisher.connect(`pub-${++this.#publishers}`);
    payloads.forEach((payload, index) => publisher.publish(topic, payload, 1, index + 1));
    await until(() => publisher.received.filter(({ cmd }) => cmd === 'puback').length === payloads.length);
    publisher.close();
  }

  /** Says goodbye, and waits until the session is released. */
  async leave(device: RawClient, clientId = 'dev'): Promise<void> {
    const { calls } = this.running.meta;
    const releases = (): number => calls.filter((call) => call === `release ${clientId}`).length;
    const before = releases();
    device.send({ cmd: 'disconnect' });
    await until(() => releases() > before, 'released');
  }

  /** Cuts all of them, and stops the gateways. */
  async stop(): Promise<void> {
    for (const each of this.#clients.splice(0)) each.close();
    await this.#second?.stop();
    await this.running.stop();
  }
}
