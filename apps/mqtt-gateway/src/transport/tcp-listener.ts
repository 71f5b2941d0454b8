// TCP: accepts connections and hands their bytes over. Event handlers are shared by all sockets, so that an idle
// connection costs its socket and two small objects.

import { createServer, type Server, type Socket } from 'node:net';
import { listenTcp } from '@robustmq/runtime';
import type { Transport } from './socket-output.ts';
import type { SourceBound } from './source-bound.ts';

/** What an accepted connection hears. */
export interface ByteSink {
  /** Bytes in order; the buffer is the sink's to keep. */
  received(bytes: Buffer): void;
  /** The transport has taken all of the output. */
  drained(): void;
  /** The transport keeps more of the peer's unfinished input than there is memory for: it is refused. */
  overdrawn(): void;
  /** The peer sends no more; what it sent before has been received. It may still read. */
  ended(): void;
  /** Once, whoever closed; what had arrived before has been received. */
  closed(): void;
}

/** Who or what connected. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  readonly listener: 'mqtt' | 'ws';
}

/** Answers the sink of a new connection, or null to refuse it (the transport is destroyed by the caller). */
export type Accept = (transport: Transport, peer: Peer) => ByteSink | null;

class TcpTransport implements Transport {
  sink: ByteSink | null = null;
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  get writableLength(): number {
    return this.socket.writableLength;
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  end(): void {
    // A peer that never closes its side must not keep the socket: the FIN is followed by a cut.
    this.socket.end(() => this.socket.destroy());
  }

  destroy(): void {
    this.socket.destroy();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }
}

const TRANSPORT = Symbol('transport');
type MqttSocket = Socket & { [TRANSPORT]?: TcpTransport };

function onData(this: MqttSocket, bytes: Buffer): void {
  this[TRANSPORT]?.sink?.received(bytes);
}

function onEnd(this: MqttSocket): void {
  this[TRANSPORT]?.sink?.ended();
}

function onDrain(this: MqttSocket): void {
  this[TRANSPORT]?.sink?.drained();
}

function onClose(this: MqttSocket): void {
  const transport = this[TRANSPORT];
  const sink = transport?.sink;
  if (transport === undefined) return;
  // A socket that fails while nobody reads keeps what had arrived: it is not lost with the answers (N10).
  for (let bytes = readAll(this); bytes !== null; bytes = readAll(this)) sink?.received(bytes);
  transport.sink = null;
  sink?.closed();
}

function readAll(socket: Socket): Buffer | null {
  return socket.read() as Buffer | null;
}

/** Resets are everyday on the internet; `close` follows and tells the sink. */
function onError(): void {}

/** Where to listen. */
export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** Name of the option in messages about a taken port. */
  readonly optionName: string;
}

/** A listening TCP server. */
export class TcpListener {
  readonly #server: Server;

  constructor(sources: SourceBound, accept: Accept) {
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket: MqttSocket) => {
      if (!sources.takes(socket)) return;
      const transport = new TcpTransport(socket);
      socket.on('error', onError);
      const sink = accept(transport, {
        address: socket.remoteAddress ?? '',
        port: socket.remotePort ?? 0,
        listener: 'mqtt',
      });
      if (sink === null) {
        socket.destroy();
        return;
      }
      transport.sink = sink;
      socket[TRANSPORT] = transport;
      socket.on('data', onData);
      socket.on('end', onEnd);
      socket.on('drain', onDrain);
      socket.on('close', onClose);
    });
  }

  /** Resolves to the port. @throws BrokerError conflict, naming the option, when it is taken. */
  async listen({ host, port, optionName }: ListenOptions): Promise<number> {
    return (await listenTcp(this.#server, host, port, optionName)).port;
  }

  /** Accepts no more; connections stay. */
  stop(): void {
    this.#server.close();
  }
}
