// A raw MQTT connection for load: reads into one shared buffer, writes once per read, calls no promise per message.
import { createConnection, type Socket } from 'node:net';

import { BrokerError } from '@robustmq/errors';

import { connectPacket, DISCONNECT, PacketType, subscribePacket } from './mqtt-packets.ts';

const READ_BUFFER_BYTES = 256 * 1024;
const HANDSHAKE_TIMEOUT_MS = 30_000;
// libuv fills it and calls back at once, so all connections can share it; what is incomplete is copied out.
const sharedReadBuffer = Buffer.allocUnsafe(READ_BUFFER_BYTES);

/** What a connection reports. Buffers are valid only during the call. */
export interface MqttSocketEvents {
  /** One PUBLISH: where its payload is in `buffer`. */
  readonly onPublish?: (buffer: Buffer, payloadAt: number) => void;
  readonly onPubAck?: (packetId: number) => void;
  /** After all packets of one read have been reported. */
  readonly onReadEnd?: () => void;
  /** The connection ended without `close` having been called. */
  readonly onLost?: (reason: string) => void;
}

/** One client connection. PUBLISH packets of QoS 1 are acknowledged in one write per read. */
export class MqttSocket {
  readonly #socket: Socket;
  readonly #events: MqttSocketEvents;
  #rest: Buffer | undefined;
  #acks: Buffer = Buffer.allocUnsafe(4 * 1024);
  #ackBytes = 0;
  #awaited:
    { type: number; resolve: (flagsByte: number) => void; reject: (error: Error) => void } | undefined;
  #closing = false;

  constructor(host: string, port: number, events: MqttSocketEvents) {
    this.#events = events;
    this.#socket = createConnection({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: sharedReadBuffer,
        callback: (size) => {
          this.#read(size);
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => {
      this.#lost(error.message);
    });
    this.#socket.on('close', () => {
      this.#lost('closed by the server');
    });
  }

  /** CONNECT and CONNACK. */
  async connect(clientId: string, cleanSession = true): Promise<void> {
    const answer = this.#expect(PacketType.connack);
    this.#socket.write(connectPacket(clientId, cleanSession));
    const code = await answer;
    if (code !== 0) throw new BrokerError('unavailable', `CONNACK with return code ${code}`);
  }

  /** SUBSCRIBE and SUBACK. */
  async subscribe(filter: string, qos: 0 | 1): Promise<void> {
    const answer = this.#expect(PacketType.suback);
    this.#socket.write(subscribePacket(filter, qos));
    const code = await answer;
    if (code > 1) throw new BrokerError('unavailable', `SUBACK with return code ${code} for ${filter}`);
  }

  /** Queues bytes; the buffer must not be changed afterwards. */
  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Bytes that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** DISCONNECT, then the end of the connection. */
  close(): void {
    this.#closing = true;
    this.#socket.end(DISCONNECT);
    this.#socket.unref();
  }

  #expect(type: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new BrokerError('deadline_exceeded', `no packet of type ${type} in ${HANDSHAKE_TIMEOUT_MS} ms`),
        );
      }, HANDSHAKE_TIMEOUT_MS);
      this.#awaited = {
        type,
        resolve: (code) => {
          clearTimeout(timer);
          resolve(code);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
    });
  }

  #lost(reason: string): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#awaited?.reject(new BrokerError('unavailable', reason));
    this.#events.onLost?.(reason);
    this.#socket.destroy();
  }

  #read(size: number): void {
    let buffer = sharedReadBuffer;
    let end = size;
    if (this.#rest !== undefined) {
      buffer = Buffer.concat([this.#rest, sharedReadBuffer.subarray(0, size)]);
      end = buffer.length;
      this.#rest = undefined;
    }
    const consumed = this.#packets(buffer, end);
    if (consumed < end) this.#rest = Buffer.from(buffer.subarray(consumed, end));
    if (this.#ackBytes > 0) {
      this.#socket.write(Buffer.from(this.#acks.subarray(0, this.#ackBytes)));
      this.#ackBytes = 0;
    }
    this.#events.onReadEnd?.();
  }

  /** Reports every whole packet; returns where the first incomplete one begins. */
  #packets(buffer: Buffer, end: number): number {
    let at = 0;
    for (;;) {
      if (end - at < 2) return at;
      let length = 0;
      let shift = 0;
      let cursor = at + 1;
      for (;;) {
        if (cursor >= end) return at;
        const byte = buffer[cursor] ?? 0;
        cursor += 1;
        length |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
        shift += 7;
      }
      if (cursor + length > end) return at;
      this.#packet(buffer, buffer[at] ?? 0, cursor, cursor + length);
      at = cursor + length;
    }
  }

  #packet(buffer: Buffer, first: number, bodyAt: number, bodyEnd: number): void {
    const type = first >> 4;
    if (type === PacketType.publish) {
      const topicEnd = bodyAt + 2 + ((buffer[bodyAt] ?? 0) << 8) + (buffer[bodyAt + 1] ?? 0);
      if ((first & 0x06) === 0) {
        this.#events.onPublish?.(buffer, topicEnd);
      } else {
        this.#acknowledge(buffer, topicEnd);
        this.#events.onPublish?.(buffer, topicEnd + 2);
      }
    } else if (type === PacketType.puback) {
      this.#events.onPubAck?.(((buffer[bodyAt] ?? 0) << 8) | (buffer[bodyAt + 1] ?? 0));
    } else if (this.#awaited?.type === type) {
      this.#awaited.resolve(buffer[bodyEnd - 1] ?? 0xff);
      this.#awaited = undefined;
    }
  }

  #acknowledge(buffer: Buffer, packetIdAt: number): void {
    if (this.#ackBytes + 4 > this.#acks.length)
      this.#acks = Buffer.concat([this.#acks, Buffer.allocUnsafe(this.#acks.length)]);
    this.#acks[this.#ackBytes] = 0x40;
    this.#acks[this.#ackBytes + 1] = 2;
    this.#acks[this.#ackBytes + 2] = buffer[packetIdAt] ?? 0;
    this.#acks[this.#ackBytes + 3] = buffer[packetIdAt + 1] ?? 0;
    this.#ackBytes += 4;
  }
}
