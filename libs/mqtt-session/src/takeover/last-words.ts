// What this gateway knew of sessions when it stopped serving them, and that meta was not told: the open of the next owner
// had fenced it already (rule S3). It is kept until meta has it, for it is asked for more than once: an answer may be lost,
// and the one who asked may be asked in turn before it has served anything.

/** What a gateway that was asked to stop a session says. `P` stands for what is known of its places. */
export interface LastWord<P> {
  /** False: not yet, ask again. */
  readonly hasStopped: boolean;
  /** Where the session stood at the end of the ownership that was asked for; undefined: nothing is known here. */
  readonly places: P | undefined;
}

interface Kept<P> {
  readonly epoch: bigint;
  /** The first ownership that somebody asked for the end of: what came behind it may have been served. */
  askedFor: bigint | undefined;
  readonly places: P;
  readonly rows: number;
  readonly untilMs: number;
}

/** How much is kept. */
export interface LastWordBounds {
  readonly maxSessions: number;
  /** Of all sessions together. */
  readonly maxRows: number;
  readonly keptMs: number;
}

const NOT_YET = { hasStopped: false, places: undefined };
/** A chain of takeovers is over long before: its links are the lease of a gateway or a few calls. */
const BOUNDS: LastWordBounds = { maxSessions: 20_000, maxRows: 500_000, keptMs: 60_000 };

/** The last words of one gateway, by name of the session. What leaves by the bounds costs certainty, never a message. */
export class LastWords<P> {
  /** In the order of age. */
  readonly #kept = new Map<string, Kept<P>>();
  /** Ownerships whose gateway, this one, waits for those before it to end. */
  readonly #waits = new Map<string, bigint>();
  /** Sessions that meta was asked to open, and has not answered. */
  readonly #opening = new Set<string>();
  readonly #nowMs: () => number;
  readonly #rowsOf: (places: P) => number;
  readonly #bounds: LastWordBounds;
  #rows = 0;

  constructor(nowMs: () => number, rowsOf: (places: P) => number, bounds = BOUNDS) {
    this.#nowMs = nowMs;
    this.#rowsOf = rowsOf;
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** What is known at the end of an ownership, or while nothing was served under it yet. */
  keep(name: string, epoch: bigint, places: P): void {
    const nowMs = this.#nowMs();
    const { maxSessions, maxRows, keptMs } = this.#bounds;
    const rows = this.#rowsOf(places);
    this.#drop(name);
    this.#kept.set(name, { epoch, askedFor: undefined, places, rows, untilMs: nowMs + keptMs });
    this.#rows += rows;
    for (const [oldest, { untilMs }] of this.#kept) {
      if (untilMs > nowMs && this.#kept.size <= maxSessions && this.#rows <= maxRows) break;
      this.#drop(oldest);
    }
  }

  #drop(name: string): void {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    this.#rows -= kept.rows;
    this.#kept.delete(name);
  }

  /** Meta has it, or the session is served again. */
  forget(name: string, epoch: bigint): void {
    const kept = this.#kept.get(name);
    if (kept !== undefined && kept.epoch <= epoch) this.#drop(name);
  }

  /** Meta is asked: until it answers nobody can say which of two ownerships is younger. */
  opens(name: string): void {
    this.#opening.add(name);
  }

  /** Meta has answered. */
  opened(name: string): void {
    this.#opening.delete(name);
  }

  /** For the end of every ownership before `epoch`. */
  waits(name: string, epoch: bigint): void {
    this.#waits.set(name, epoch);
  }

  waitsNoMore(name: string): void {
    this.#waits.delete(name);
  }

  /**
   * Answers a gateway that asks for the end of an ownership, whose connection here is gone. Who waits waits for older
   * ownerships only, so that nobody waits in a circle.
   */
  answer(name: string, epoch: bigint): LastWord<P> {
    const waits = this.#waits.get(name);
    // What that ownership is given is still to come.
    const isOpen = this.#opening.has(name) || (waits !== undefined && waits <= epoch);
    return isOpen ? NOT_YET : { hasStopped: true, places: this.known(name, epoch) };
  }

  /** What is known of the end of this gateway's own ownership. */
  own(name: string, epoch: bigint): P | undefined {
    const kept = this.#kept.get(name);
    return kept?.epoch === epoch ? kept.places : undefined;
  }

  /**
   * What is known of the end of an ownership, whoever's it was. A word that nobody has asked for yet holds for every
   * ownership since its own: who serves asks before, so none of them can have served.
   */
  known(name: string, epoch: bigint): P | undefined {
    const kept = this.#kept.get(name);
    if (kept === undefined || epoch < kept.epoch) return undefined;
    kept.askedFor ??= epoch;
    return epoch === kept.epoch || epoch === kept.askedFor ? kept.places : undefined;
  }
}
