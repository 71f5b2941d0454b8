// What this gateway knew of sessions when it stopped serving them, and that meta was not told: the open of the next owner
// had fenced it already (rule S3). It is kept until meta has it, for it is asked for more than once: an answer may be lost,
// and the one who asked may be asked in turn before it has served anything.

/** What a gateway that was asked to stop a session says. `P` stands for what is known of its places. */
export interface LastWord<P> {
  /** False: not yet, ask again. */
  readonly hasStopped: boolean;
  /** The ownership at whose end things were so; 0: nothing is known. */
  readonly epoch: bigint;
  /** Undefined: nobody has served the session since that ownership, which was the asker's own. */
  readonly places: P | undefined;
}

/** One gateway is waiting for another to stop. */
export interface Succession {
  /** Node that is asked. */
  readonly from: string;
  /** The ownership that is to end. */
  readonly oldEpoch: bigint;
  readonly newEpoch: bigint;
}

interface Kept<P> {
  readonly epoch: bigint;
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

/** A chain of takeovers is over long before: its links are the lease of a gateway or a few calls. */
const BOUNDS: LastWordBounds = { maxSessions: 20_000, maxRows: 500_000, keptMs: 60_000 };

/** The last words of one gateway, by name of the session. What leaves by the bounds costs certainty, never a message. */
export class LastWords<P> {
  /** In the order of age. */
  readonly #kept = new Map<string, Kept<P>>();
  readonly #waits = new Map<string, Succession>();
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
    this.#kept.set(name, { epoch, places, rows, untilMs: nowMs + keptMs });
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

  /** Of exactly this ownership: an older word says nothing of what was sent since. */
  of(name: string, epoch: bigint): P | undefined {
    const kept = this.#kept.get(name);
    return kept?.epoch === epoch ? kept.places : undefined;
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

  /** This gateway waits for another. */
  waits(name: string, succession: Succession): void {
    this.#waits.set(name, succession);
  }

  waitsNoMore(name: string): void {
    this.#waits.delete(name);
  }

  /** Answers a gateway that asks for the end of an ownership, whose connection here is gone. */
  answer(name: string, epoch: bigint, asker: string): LastWord<P> {
    if (this.#opening.has(name)) return { hasStopped: false, epoch: 0n, places: undefined };
    const wait = this.#waits.get(name);
    // What that ownership was given is still to come. Who asks for an older one waits for nothing.
    const isOpen = wait !== undefined && wait.newEpoch <= epoch;
    if (isOpen && wait.from !== asker) return { hasStopped: false, epoch: 0n, places: undefined };
    const places = this.of(name, epoch);
    if (places !== undefined) return { hasStopped: true, epoch, places };
    // Two that ask each other: the asker knows what it was itself asked for.
    return { hasStopped: true, epoch: isOpen ? wait.oldEpoch : 0n, places };
  }

  /** What an answer comes to for the one who asked; undefined: nobody knows. */
  learned(name: string, { epoch, places }: LastWord<P>): P | undefined {
    return places ?? (epoch > 0n ? this.of(name, epoch) : undefined);
  }
}
