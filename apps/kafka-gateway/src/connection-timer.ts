// ConnectionTimer: ends a connection that sends no first request, nothing for long, or half of something; and one whose
// client reads nothing. While a request is under way and nothing is owed by the client, no time runs.
import { WheelTimer, type TimerWheel } from '@robustmq/runtime';
import type { ConnectionLimits } from './connection-limits.ts';

/** What the connection is given time for. */
export type TimerKind = 'first' | 'idle' | 'stall' | 'none';

/** What the timer needs of its connection. */
export interface TimedConnection {
  /** Bytes that went either way: tells a slow client from a stalled one. */
  movedBytes(): number;
  timedOut(kind: TimerKind): void;
}

/** See the file head. */
export class ConnectionTimer {
  readonly #wheel: TimerWheel;
  readonly #limits: ConnectionLimits;
  readonly #connection: TimedConnection;
  readonly #timer = new WheelTimer(() => this.#fired());
  #kind: TimerKind = 'first';
  #bytesMoved = 0;

  /** Begins with the time for the first request. */
  constructor(wheel: TimerWheel, limits: ConnectionLimits, connection: TimedConnection) {
    this.#wheel = wheel;
    this.#limits = limits;
    this.#connection = connection;
    wheel.arm(this.#timer, limits.firstRequestTimeoutMs);
  }

  /** The client owes something: the rest of a frame, or that it reads. Its time goes on if it runs already. */
  stalling(): void {
    if (this.#kind !== 'stall') this.#arm('stall');
  }

  /** Requests are under way. */
  busy(): void {
    this.stop();
    this.#kind = 'none';
  }

  /** The client may ask for something, and need not. */
  idle(): void {
    this.#arm('idle');
  }

  /** No time runs any more. */
  stop(): void {
    this.#wheel.cancel(this.#timer);
  }

  #arm(kind: 'idle' | 'stall'): void {
    this.#kind = kind;
    this.#bytesMoved = this.#connection.movedBytes();
    const { idleTimeoutMs, stallTimeoutMs } = this.#limits;
    this.#wheel.arm(this.#timer, kind === 'idle' ? idleTimeoutMs : stallTimeoutMs);
  }

  #fired(): void {
    if (this.#kind === 'stall' && this.#connection.movedBytes() !== this.#bytesMoved) this.#arm('stall');
    else this.#connection.timedOut(this.#kind);
  }
}
