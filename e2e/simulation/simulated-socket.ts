// A TCP connection in a simulated world, as the gateway's listener shows it to what it accepted.

import type { Timers } from '@robustmq/runtime';
import type { ConnectionEnd } from '@robustmq/testkit';
import type { Transport } from '../../apps/mqtt-gateway/src/transport/socket-output.ts';
import type { ByteSink } from '../../apps/mqtt-gateway/src/transport/tcp-listener.ts';

/** The first frame of a connection that carries bytes. */
export const SOCKET = 'socket';

/** Frames behind it. */
export type SocketBytes = Buffer;

/** Connects a sink to the end of a connection. */
export function serveSocket(
  end: ConnectionEnd<SocketBytes, SocketBytes>,
  timers: Timers,
  accept: (transport: Transport) => ByteSink,
): void {
  const socket = new SimulatedSocket(end, timers);
  socket.sink = accept(socket);
  end.listen({
    onFrame: (bytes) => socket.received(bytes),
    onOver: (error) => socket.over(error === undefined),
  });
}

class SimulatedSocket implements Transport {
  /** Taken at once by a kernel with room for everything. */
  readonly writableLength = 0;
  sink: ByteSink | null = null;
  readonly #end: ConnectionEnd<SocketBytes, SocketBytes>;
  readonly #timers: Timers;
  #isPaused = false;
  #isClosed = false;
  /** What arrived while paused. */
  readonly #held: Buffer[] = [];

  constructor(end: ConnectionEnd<SocketBytes, SocketBytes>, timers: Timers) {
    this.#end = end;
    this.#timers = timers;
  }

  received(bytes: Buffer): void {
    if (this.#isPaused) this.#held.push(bytes);
    else this.sink?.received(bytes);
  }

  /** The peer is gone; what arrived before has been received. */
  over(isOrderly: boolean): void {
    if (this.#isClosed) return;
    for (const bytes of this.#held.splice(0)) this.sink?.received(bytes);
    if (isOrderly) this.sink?.ended();
    this.#close();
  }

  write(bytes: Buffer): void {
    // The chunk is reused as soon as it counts as taken.
    if (!this.#isClosed) this.#end.send(Buffer.from(bytes));
  }

  end(): void {
    if (this.#isClosed) return;
    this.#end.end();
    this.#closeSoon();
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#end.cancel();
    this.#closeSoon();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    while (!this.#isPaused && this.#held.length > 0) this.sink?.received(this.#held.shift()!);
  }

  #closeSoon(): void {
    this.#timers.soon(() => this.#close());
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.sink?.closed();
  }
}
