// One MQTT 3.1.1 connection of a simulated client: packets out by mqtt-packet, packets in by what a client needs.

import { encodePacket, type Packet } from '@robustmq/mqtt-codec';
import type { ConnectionEnd, Life } from '@robustmq/testkit';
import { SOCKET, type SocketBytes } from './simulated-socket.ts';

/** What a client hears of its connection. */
export interface MqttLinkListener {
  connected(returnCode: number): void;
  published(message: MqttMessage): void;
  acknowledged(packetId: number): void;
  granted(packetId: number, codes: readonly number[]): void;
  over(): void;
}

/** A PUBLISH from the broker. */
export interface MqttMessage {
  readonly topic: string;
  readonly payload: string;
  readonly packetId: number;
  readonly dup: boolean;
}

const CONNACK = 2;
const PUBLISH = 3;
const PUBACK = 4;
const SUBACK = 9;

/** See the file head. */
export class MqttLink {
  isOver = false;
  readonly #end: ConnectionEnd<SocketBytes | typeof SOCKET, SocketBytes>;
  readonly #listener: MqttLinkListener;
  #pending: Buffer = Buffer.alloc(0);

  constructor(life: Life, gateway: string, listener: MqttLinkListener) {
    this.#listener = listener;
    this.#end = life.connect(gateway);
    this.#end.listen({
      onFrame: (bytes) => this.#received(bytes),
      onOver: () => this.#over(),
    });
    this.#end.send(SOCKET);
  }

  send(packet: Packet): void {
    if (!this.isOver) this.#end.send(encodePacket(packet, 4)!);
  }

  /** DISCONNECT, then the end. */
  leave(): void {
    if (this.isOver) return;
    this.send({ cmd: 'disconnect' });
    this.isOver = true;
    this.#end.end();
  }

  /** Gone without a word. */
  cut(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#end.cancel();
  }

  #over(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#listener.over();
  }

  #received(bytes: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    while (!this.isOver && this.#takePacket());
  }

  #takePacket(): boolean {
    const bytes = this.#pending;
    let at = 1;
    let size = 0;
    for (let shift = 0; ; shift += 7, at++) {
      if (at >= bytes.length) return false;
      size |= (bytes[at]! & 0x7f) << shift;
      if (bytes[at]! < 0x80) break;
    }
    const start = at + 1;
    if (bytes.length < start + size) return false;
    this.#pending = bytes.subarray(start + size);
    this.#read(bytes[0]!, bytes.subarray(start, start + size));
    return true;
  }

  #read(first: number, body: Buffer): void {
    const listener = this.#listener;
    switch (first >> 4) {
      case CONNACK:
        return listener.connected(body[1]!);
      case PUBACK:
        return listener.acknowledged(body.readUInt16BE(0));
      case SUBACK:
        return listener.granted(body.readUInt16BE(0), [...body.subarray(2)]);
      case PUBLISH: {
        const topicEnd = 2 + body.readUInt16BE(0);
        const hasId = (first & 0x06) !== 0;
        listener.published({
          topic: body.toString('utf8', 2, topicEnd),
          packetId: hasId ? body.readUInt16BE(topicEnd) : 0,
          payload: body.toString('utf8', topicEnd + (hasId ? 2 : 0)),
          dup: (first & 0x08) !== 0,
        });
      }
    }
  }
}
