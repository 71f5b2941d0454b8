// KafkaListener: accepts connections and ends them in order.
import { createServer, type AddressInfo, type Server } from 'node:net';
import { listenTcp, type Cancel } from '@robustmq/runtime';
import { KafkaConnection, type ConnectionShared } from './connection.ts';

/** How long a client that has all of its answers may take to end its side. */
const LINGER_MS = 1_000;

/** Where to listen. */
export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly maxConnections: number;
}

/** See the file head. */
export class KafkaListener {
  readonly #server: Server;
  readonly #connections = new Set<KafkaConnection>();
  readonly #options: ListenerOptions;
  #nextId = 1;
  #open = false;
  #stopPressureCheck: Cancel | undefined;
  readonly #shared: ConnectionShared;

  constructor(shared: ConnectionShared, options: ListenerOptions) {
    this.#options = options;
    this.#shared = shared;
    // Half-open: a client that has sent its last request still reads the answers.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      if (!this.#open) {
        socket.destroy();
        return;
      }
      const connection = new KafkaConnection(this.#nextId, socket, shared);
      this.#nextId += 1;
      this.#connections.add(connection);
      shared.parts.counters.connections = this.#connections.size;
      socket.on('close', () => {
        this.#connections.delete(connection);
        shared.parts.counters.connections = this.#connections.size;
      });
    });
    this.#server.maxConnections = options.maxConnections;
  }

  /** Connections that are open. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** From here on connections are served. */
  open(): void {
    this.#open = true;
    const { limits } = this.#shared;
    this.#stopPressureCheck = this.#shared.timers.every(limits.pressureTimeoutMs, () => this.#relieve());
  }

  /** Clients that leave much unread must not be in the way of the others (I8). */
  #relieve(): void {
    if (!this.#shared.parts.answers.isShort) return;
    for (const connection of this.#connections) connection.dropIfStalled();
  }

  /** Binds the port, before anything is served. @throws BrokerError that names the option when the port is taken */
  listen(): Promise<AddressInfo> {
    return listenTcp(this.#server, this.#options.host, this.#options.port, 'kafka.port');
  }

  /** Accepts no more; resolves once every request under way was answered, at the latest when the signal aborts. */
  async drain(deadline: AbortSignal): Promise<void> {
    this.#stopPressureCheck?.();
    this.#closed ??= new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const answered = [...this.#connections].map(
      (connection) => new Promise<void>((resolve) => connection.drain(resolve)),
    );
    if (deadline.aborted) return;
    const late = new Promise<void>((resolve) => {
      deadline.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([Promise.all(answered), late]);
  }

  #closed: Promise<void> | undefined;

  /**
   * Drains, lets clients take their answers until the signal aborts, then cuts what is left. Some do not read while they have
   * nothing to ask, so they never hear of the end: that is no reason to wait for it (N7).
   */
  async close(deadline: AbortSignal): Promise<void> {
    await this.drain(deadline);
    const cut = (): void => {
      for (const connection of this.#connections) connection.destroy();
    };
    const stopLingering = this.#shared.timers.every(LINGER_MS, () => {
      for (const connection of this.#connections) connection.destroyIfServed();
    });
    if (deadline.aborted) cut();
    else deadline.addEventListener('abort', cut, { once: true });
    await this.#closed;
    stopLingering();
    deadline.removeEventListener('abort', cut);
  }
}
