// RateLimitedLog: lines that a stranger can cause (refused logins, packets that are none, versions that nobody serves).
// A few of each kind get through in a window; the rest are counted, and the next line of the kind says how many (N14).

import { systemClock, type Clock, type Log } from '@robustmq/runtime';

type LineSink = Pick<Log, 'debug' | 'info' | 'warn'>;

/** How many lines get through. */
export interface RateLimitedLogOptions {
  readonly clock?: Pick<Clock, 'monotonicMs'>;
  /** Default 10 s. */
  readonly windowMs?: number;
  /** Lines of one kind in a window; default 5. */
  readonly linesPerWindow?: number;
  /** Kinds that are told apart; what comes on top shares one allowance. Default 256. */
  readonly maxKinds?: number;
}

const WINDOW_MS = 10_000;
const LINES_PER_WINDOW = 5;
const MAX_KINDS = 256;
/** The kind of all kinds that there is no more room for. */
const OTHERS = '';

/** The lines of one kind: how many went out in its window, and how many were kept back since the last that did. */
interface Kind {
  windowEndMs: number;
  lines: number;
  suppressed: number;
}

/** One per process and purpose. A kind may be made of what a stranger sent: their number is bounded. */
export class RateLimitedLog {
  /** Lines that did not get through, of all kinds. */
  suppressed = 0;
  readonly #log: LineSink;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #windowMs: number;
  readonly #linesPerWindow: number;
  readonly #maxKinds: number;
  readonly #kinds = new Map<string, Kind>();

  constructor(log: LineSink, options: RateLimitedLogOptions = {}) {
    this.#log = log;
    this.#clock = options.clock ?? systemClock;
    this.#windowMs = options.windowMs ?? WINDOW_MS;
    this.#linesPerWindow = options.linesPerWindow ?? LINES_PER_WINDOW;
    this.#maxKinds = options.maxKinds ?? MAX_KINDS;
  }

  debug(kind: string, fields: object, message: string): void {
    const suppressed = this.#admit(kind);
    if (suppressed >= 0) this.#log.debug(withCount(fields, suppressed), message);
  }

  info(kind: string, fields: object, message: string): void {
    const suppressed = this.#admit(kind);
    if (suppressed >= 0) this.#log.info(withCount(fields, suppressed), message);
  }

  warn(kind: string, fields: object, message: string): void {
    const suppressed = this.#admit(kind);
    if (suppressed >= 0) this.#log.warn(withCount(fields, suppressed), message);
  }

  /** Lines of the kind kept back since its last one, or -1: this one is kept back as well. */
  #admit(wanted: string): number {
    const nowMs = this.#clock.monotonicMs();
    const [name, kind] = this.#kindOf(wanted, nowMs);
    if (nowMs >= kind.windowEndMs) {
      kind.windowEndMs = nowMs + this.#windowMs;
      kind.lines = 0;
      // Kinds lie in the order in which their windows end.
      this.#kinds.delete(name);
      this.#kinds.set(name, kind);
    }
    if (kind.lines >= this.#linesPerWindow) {
      kind.suppressed++;
      this.suppressed++;
      return -1;
    }
    kind.lines++;
    const { suppressed } = kind;
    kind.suppressed = 0;
    return suppressed;
  }

  #kindOf(name: string, nowMs: number): [name: string, kind: Kind] {
    const known = this.#kinds.get(name);
    if (known !== undefined) return [name, known];
    if (name !== OTHERS && this.#kinds.size >= this.#maxKinds && !this.#makeRoom(nowMs)) {
      return this.#kindOf(OTHERS, nowMs);
    }
    const kind = { windowEndMs: nowMs + this.#windowMs, lines: 0, suppressed: 0 };
    this.#kinds.set(name, kind);
    return [name, kind];
  }

  /** The kind known longest leaves once its window is over; a younger one never does before it. */
  #makeRoom(nowMs: number): boolean {
    for (const [name, kind] of this.#kinds) {
      if (name === OTHERS) continue;
      if (nowMs < kind.windowEndMs) return false;
      this.#kinds.delete(name);
      return true;
    }
    return false;
  }
}

function withCount(fields: object, suppressed: number): object {
  return suppressed === 0 ? fields : { ...fields, suppressed };
}
