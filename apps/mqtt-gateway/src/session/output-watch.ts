// Output that a peer does not take: its input is held back meanwhile, and who takes nothing for too long is cut, whether it
// ever says something again or not (N7).

import { WheelTimer, type TimerWheel } from '@robustmq/runtime';
import type { SocketOutput } from '../transport/socket-output.ts';
import { HOLD_OUTPUT, type Held } from './read-holds.ts';

/** What watching the output of a connection needs of it. */
export interface WatchedConnection extends Pick<Held, 'hold'> {
  readonly output: SocketOutput;
  /** The peer has taken nothing for so long that it is cut. */
  outputTimedOut(): void;
  /** Runs `action`; what it throws ends the connection. */
  guard(action: () => void): void;
}

/** Watches a connection whose output is over its bound. */
export class OutputWatch {
  readonly #connection: WatchedConnection;
  readonly #wheel: TimerWheel;
  readonly #timeoutMs: number;
  readonly #timer: WheelTimer;
  /** What the peer had taken when that was last looked at. */
  #takenBytes = 0;
  #takenAtKeepAlive = 0;

  constructor(connection: WatchedConnection, wheel: TimerWheel, timeoutMs: number) {
    this.#connection = connection;
    this.#wheel = wheel;
    this.#timeoutMs = timeoutMs;
    this.#timer = new WheelTimer(() => connection.guard(() => this.#look()));
  }

  /** Holds the input until the peer has taken its output. */
  begin(): void {
    this.#connection.hold(HOLD_OUTPUT);
    this.#takenBytes = this.#connection.output.takenBytes;
    this.#wheel.arm(this.#timer, this.#timeoutMs);
  }

  /** The peer has taken it, or the connection is over. */
  end(): void {
    this.#wheel.cancel(this.#timer);
  }

  #look(): void {
    const { takenBytes } = this.#connection.output;
    if (takenBytes <= this.#takenBytes) {
      this.#connection.outputTimedOut();
      return;
    }
    this.#takenBytes = takenBytes;
    this.#wheel.arm(this.#timer, this.#timeoutMs);
  }

  /** Whether the peer took something since the Keep Alive was last looked at. */
  hasTaken(): boolean {
    const takenBefore = this.#takenAtKeepAlive;
    this.#takenAtKeepAlive = this.#connection.output.takenBytes;
    return this.#takenAtKeepAlive > takenBefore;
  }
}
