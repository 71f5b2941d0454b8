// A client that may say anything: bytes out, bytes in, and whether the server closed.
import { createConnection, type Socket } from 'node:net';
import { once } from 'node:events';

import { waitUntil } from '@robustmq/testkit/cluster';

const TIMEOUT_MS = 15_000;

/** A TCP connection to a broker. */
export class RawSocket {
  readonly #socket: Socket;
  received: Buffer = Buffer.alloc(0);
  closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    // A reset is one way of closing.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Connects, from any address of loopback. */
  static async open(port: number, localAddress = '127.0.0.1'): Promise<RawSocket> {
    const socket = createConnection({ host: '127.0.0.1', port, localAddress });
    const raw = new RawSocket(socket);
    await once(socket, 'connect');
    return raw;
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Stops reading for good: the kernel's buffers fill up. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** Resolves when at least `count` bytes have come. */
  async bytes(count: number): Promise<Buffer> {
    await waitUntil(
      `${count} bytes, ${this.received.length} came`,
      TIMEOUT_MS,
      () => this.received.length >= count,
    );
    return this.received;
  }

  /** Resolves when the server has closed. */
  async waitForClose(timeoutMs: number = TIMEOUT_MS): Promise<void> {
    await waitUntil('the server closes', timeoutMs, () => this.closed);
  }

  close(): void {
    this.#socket.destroy();
  }
}
