// MQTT over WebSocket [MQTT-6.0.0]: binary frames, sub-protocol `mqtt` (3.1 clients say `mqttv3.1`). Packets may span
// frames and share them, so a frame is nothing but bytes.

import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { listenTcp, type Timers, type TurnShare } from '@robustmq/runtime';
import type { InputMemory } from './input-memory.ts';
import { readInPieces } from './read-in-pieces.ts';
import type { Accept, ByteSink, ListenOptions } from './tcp-listener.ts';
import type { Transport } from './socket-output.ts';
import type { SourceBound } from './source-bound.ts';
import { countUnfinished } from './unfinished-message.ts';

/** Sub-protocols in the order of preference [MQTT-6.0.0-3]. */
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1'];
/** Close code for frames that are not binary [MQTT-6.0.0-1]. */
const UNSUPPORTED_DATA = 1003;
/** Close code for a message that there is no memory for: Try Again Later, of the registry of close codes. */
const TRY_AGAIN_LATER = 1013;
/** Of one message. Each costs as much as some hundred bytes, whatever little it carries: the least memory for input has room for all. */
const MAX_FRAGMENTS = 1024;
/** HTTP upgrade requests are small; a peer that sends none in time is cut. */
const UPGRADE_TIMEOUT_MS = 10_000;
const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';
const REFUSED_LINGER_MS = 1_000;

/** Bounds of the WebSocket listener. */
export interface WsListenerOptions {
  readonly paths: readonly string[];
  /** A frame larger than this ends the connection; frames carry any number of packets. */
  readonly maxFrameBytes: number;
  /** Sockets at once, those included that ask for no upgrade yet: nobody else would count them. */
  readonly maxConnections: number;
  /** Takes what is kept of messages that are not complete. */
  readonly memory: InputMemory;
  readonly sources: SourceBound;
  /** A socket was cut because there are too many. */
  readonly onRefused: () => void;
  readonly timers: Timers;
  /** What reading the frames of all sockets may take of a turn of the loop. */
  readonly turns: TurnShare;
}

class WsTransport implements Transport {
  /** Undefined: nothing special. */
  closeCode: number | undefined;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get writableLength(): number {
    return this.#socket.bufferedAmount;
  }

  write(bytes: Buffer): void {
    this.#socket.send(bytes, { binary: true });
  }

  end(): void {
    this.#socket.close(this.closeCode);
  }

  destroy(): void {
    this.#socket.terminate();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}

/** A listening WebSocket server. */
export class WsListener {
  readonly #server: Server;

  constructor(options: WsListenerOptions, accept: Accept) {
    const paths = new Set(options.paths.map(withoutTrailingSlash));
    const isServed = (url: string): boolean => paths.has(withoutTrailingSlash(url.split('?', 1)[0]!));
    const webSockets = new WebSocketServer({
      noServer: true,
      maxPayload: options.maxFrameBytes,
      maxFragments: MAX_FRAGMENTS,
      perMessageDeflate: false,
      skipUTF8Validation: true,
      handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
    });
    this.#server = createServer({ requestTimeout: UPGRADE_TIMEOUT_MS }, (_request, response) => {
      response.writeHead(426, { 'content-type': 'text/plain' }).end('MQTT over WebSocket only\n');
    });
    this.#server.maxConnections = options.maxConnections;
    this.#server.on('drop', options.onRefused);
    this.#server.prependListener('connection', (socket: Socket) => void options.sources.takes(socket));
    this.#server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
      // From here on the server hears nothing of the socket any more: a peer that resets it ends only itself (N9).
      socket.on('error', onError);
      const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
      if (!isServed(request.url ?? '') || !offered.some((name) => SUBPROTOCOLS.includes(name))) {
        refuse(socket, options.timers);
        return;
      }
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        const transport = new WsTransport(webSocket);
        const sink = accept(transport, {
          address: request.socket.remoteAddress ?? '',
          port: request.socket.remotePort ?? 0,
          listener: 'ws',
        });
        if (sink === null) {
          webSocket.terminate();
          return;
        }
        attach(webSocket, socket, sink, options.timers);
        const frame = countUnfinished(webSocket, socket, options.memory, () => {
          transport.closeCode = TRY_AGAIN_LATER;
          sink.overdrawn();
        });
        readInPieces(webSocket, socket, frame, options.turns);
      });
    });
  }

  /** As {@link TcpListener.listen}. */
  async listen({ host, port, optionName }: ListenOptions): Promise<number> {
    return (await listenTcp(this.#server, host, port, optionName)).port;
  }

  /** Accepts no more; connections stay. */
  stop(): void {
    this.#server.close();
  }
}

/** Resets are everyday on the internet; `close` follows. */
function onError(): void {}

/** A peer that never closes its side, or takes no answer, must not keep the socket (N7). */
function refuse(socket: Duplex, timers: Timers): void {
  socket.on(
    'close',
    timers.after(REFUSED_LINGER_MS, () => socket.destroy()),
  );
  socket.end(BAD_REQUEST, () => socket.destroy());
}

/** Clients are not of one mind whether a path ends with a slash. */
function withoutTrailingSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

function attach(webSocket: WebSocket, socket: Duplex, sink: ByteSink, timers: Timers): void {
  let isRefused = false;
  webSocket.on('message', (data: RawData, isBinary: boolean) => {
    // Frames that arrived before the socket ended come also after it; none behind one of the wrong type.
    if (isRefused) return;
    if (isBinary) {
      sink.received(toBuffer(data));
      return;
    }
    isRefused = true;
    webSocket.close(UNSUPPORTED_DATA, 'binary frames only');
    // Once the closing frame is on its way: a peer that does not answer it keeps nothing open.
    timers.soon(() => sink.closed());
  });
  // The WebSocket has no drain of its own; its socket has.
  socket.on('drain', () => sink.drained());
  // `close` follows; there is nothing to say about a peer that went away or broke the framing.
  webSocket.on('error', () => webSocket.terminate());
  webSocket.on('close', () => sink.closed());
}

function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
