// When a client that says nothing is given up: the deadline of CONNECT first, then the Keep Alive [MQTT-3.1.2-22].

/** 1.5 times the Keep Alive, in ms per second of it. */
const GRACE_MS = 1500;

/** The deadline of one connection. */
export class KeepAlive {
  /** When the connection ends; Infinity: never. */
  deadlineMs: number;
  /** A whole packet came since {@link looked}: bytes of an unfinished one keep no connection alive. */
  hasReceived = false;
  #keepAliveS = 0;

  /** A connection that is to have a session by `deadlineMs`. */
  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs;
  }

  /** CONNACK was sent: the Keep Alive holds, from now on. 0: none. */
  begin(keepAliveS: number, nowMs: number): void {
    this.#keepAliveS = keepAliveS;
    this.restart(nowMs);
  }

  /** The client has until one and a half times the Keep Alive from `nowMs`. */
  restart(nowMs: number): void {
    this.deadlineMs = this.#keepAliveS === 0 ? Number.POSITIVE_INFINITY : nowMs + this.#keepAliveS * GRACE_MS;
  }

  /** Whether a whole packet came since the last look. */
  looked(): boolean {
    const { hasReceived } = this;
    this.hasReceived = false;
    return hasReceived;
  }

  /** The connection is over. */
  end(): void {
    this.deadlineMs = Number.POSITIVE_INFINITY;
  }
}
