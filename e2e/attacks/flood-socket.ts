// A connection of an attacker: it writes as fast as the kernel takes it, and comes back when it is cut.
import { createConnection, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Nobody attacks a port that refuses him in a loop without any pause. */
const REFUSED_PAUSE_MS = 20;

/** What all connections of this process did: an attack that sends nothing proves nothing. */
export const floodTotals = { connections: 0, sentBytes: 0, receivedBytes: 0 };

/** What to send to whom. */
export interface Flood {
  readonly port: number;
  readonly over: AbortSignal;
  /** What goes out first on each new connection. */
  readonly first?: (connection: number) => Buffer;
  /** What goes out again and again; undefined: no more on this connection. */
  readonly next?: (n: number) => Buffer | undefined;
  /** A connection that has had so many bytes is closed and made anew. */
  readonly closeAfterBytes?: number;
  /** False: what is sent back stays in the kernel, until nothing more fits. */
  readonly reads?: boolean;
}

let connections = 0;

/** Floods on one connection after the other until it is over. */
export async function flood(options: Flood): Promise<void> {
  let n = 0;
  const next = (): Buffer | undefined => options.next?.(n++);
  while (!options.over.aborted) {
    const socket = new FloodSocket(options);
    await socket.run(next);
    await delay(socket.receivedBytes > 0 ? 0 : REFUSED_PAUSE_MS);
  }
}

class FloodSocket {
  receivedBytes = 0;
  readonly #options: Flood;
  readonly #socket: Socket;
  readonly #closed: Promise<void>;

  constructor(options: Flood) {
    this.#options = options;
    this.#socket = createConnection({ host: '127.0.0.1', port: options.port, noDelay: true });
    floodTotals.connections += 1;
    // A reset is one way of closing.
    this.#socket.on('error', () => undefined);
    this.#closed = new Promise((resolve) => this.#socket.once('close', () => resolve()));
    if (options.reads !== false) this.#socket.on('data', (bytes) => this.#received(bytes.length));
  }

  /** Resolves when the connection has ended. */
  async run(next: () => Buffer | undefined): Promise<void> {
    const end = (): void => void this.#socket.destroy();
    this.#options.over.addEventListener('abort', end, { once: true });
    if (this.#options.over.aborted) end();
    if (this.#options.first !== undefined) await this.#write(this.#options.first(connections++));
    while (!this.#socket.destroyed) {
      const bytes = next();
      if (bytes === undefined) break;
      await this.#write(bytes);
    }
    await this.#closed;
    this.#options.over.removeEventListener('abort', end);
  }

  #received(sizeBytes: number): void {
    this.receivedBytes += sizeBytes;
    floodTotals.receivedBytes += sizeBytes;
    const { closeAfterBytes } = this.#options;
    if (closeAfterBytes !== undefined && this.receivedBytes >= closeAfterBytes) this.#socket.destroy();
  }

  /** Resolves once there is room for more, or the connection is gone. */
  async #write(bytes: Buffer): Promise<void> {
    floodTotals.sentBytes += bytes.length;
    if (this.#socket.write(bytes)) {
      // Answers are read in between, or this process would be the slow one.
      await new Promise((resolve) => setImmediate(resolve));
      return;
    }
    const drained = new Promise<void>((resolve) => this.#socket.once('drain', () => resolve()));
    await Promise.race([drained, this.#closed]);
  }
}
