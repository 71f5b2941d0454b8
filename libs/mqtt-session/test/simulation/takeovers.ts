// How a session goes from one gateway to the next, as ConnectFlow and Takeovers do it, a step at a time: meta answers late,
// answers between gateways are lost, CONNECTs cross and form chains. What decides is the production core (LastWords).

import { LastWords, type LastWord } from '../../src/takeover/last-words.ts';
import type { Places, SessionRows, SimulatedGateway } from './cluster.ts';
import type { ServedSession } from './served-session.ts';

/** Faults that a test plants. */
export interface TakeoverFaults {
  readonly lastWords?: new (nowMs: () => number, rowsOf: () => number) => LastWords<Places>;
  /** Only who has served says what it knows. */
  readonly dropUnserved?: boolean;
  /** What another gateway said is not handed on. */
  readonly dropChained?: boolean;
  /** What an owner hands over is dropped. */
  readonly dropHandover?: boolean;
  /** A CONNECT serves without asking the owner before. */
  readonly skipStop?: boolean;
  /** An owner that is gone is taken to have stopped those before it. */
  readonly trustTheDead?: boolean;
}

/** The only session. */
const NAME = 's';

/** One CONNECT on one gateway. */
export class Connect {
  state: 'waiting' | 'asked' | 'taking' | 'clearing' | 'preparing' | 'decided' = 'waiting';
  /** 0: none yet. */
  epoch = 0n;
  oldEpoch = 0n;
  owner: Ownership | null = null;
  isUncertain = false;
  /** Handed over by an owner. */
  places: Places | undefined;
  stored: Places | undefined;
}

interface Release {
  readonly epoch: bigint;
  readonly places: Places | undefined;
}

/** What a gateway has to do with the session, while the gateway lives. */
export class Ownership {
  readonly gateway: SimulatedGateway;
  readonly #rows: SessionRows;
  readonly #faults: TakeoverFaults;
  readonly #words: LastWords<Places>;
  /** Gateways that live. */
  readonly #living: () => readonly Ownership[];
  readonly #queue: Connect[] = [];
  readonly #releases: Release[] = [];
  /** The connection that the client id belongs to here. */
  #current: Connect | null = null;
  served: { readonly session: ServedSession; readonly connect: Connect; readonly epoch: bigint } | null =
    null;
  isAlive = true;

  constructor(
    gateway: SimulatedGateway,
    rows: SessionRows,
    living: () => readonly Ownership[],
    faults: TakeoverFaults,
  ) {
    this.#living = living;
    this.gateway = gateway;
    this.#rows = rows;
    this.#faults = faults;
    this.#words = new (faults.lastWords ?? LastWords<Places>)(
      () => 0,
      () => 1,
    );
  }

  /** Whether it may know something that nobody else does, or have done something. */
  get isConcerned(): boolean {
    const isIdle = this.served === null && this.#queue.length === 0 && this.#releases.length === 0;
    return !isIdle || this.#words.size > 0;
  }

  get hasWork(): boolean {
    return this.#queue.length > 0 || this.#releases.length > 0;
  }

  connect(connect: Connect): void {
    this.end();
    this.#current = connect;
    this.#queue.push(connect);
  }

  /** The client is gone. */
  drop(connect: Connect): void {
    if (this.served?.connect === connect) this.end();
    if (this.#current === connect) this.#current = null;
  }

  /** The session is served here no more: its release is on its way, and may come too late. */
  end(): void {
    const { served } = this;
    if (served === null) return;
    this.served = null;
    this.#current = null;
    const places = served.session.places();
    served.session.close();
    this.#words.keep(NAME, served.epoch, places);
    this.#releases.push({ epoch: served.epoch, places });
  }

  /** Another gateway asks. */
  stop(epoch: bigint): LastWord<Places> {
    if (this.served !== null) {
      if (this.served.epoch <= epoch) this.end();
    } else if (this.#current !== null && this.#current.epoch > 0n && this.#current.epoch <= epoch) {
      this.#current = null;
    }
    return this.#words.answer(NAME, epoch);
  }

  /** The next thing that happens of its own accord; a CONNECT that may be served now is answered. */
  step(isAnswerLost: () => boolean): Connect | null {
    const release = this.#releases.shift();
    if (release !== undefined) this.#release(release);
    else if (this.#queue.length > 0) return this.#advance(this.#queue[0]!, isAnswerLost);
    return null;
  }

  #release({ epoch, places }: Release): void {
    if (this.#rows.release(epoch, places)) this.#words.forget(NAME, epoch);
  }

  #advance(connect: Connect, isAnswerLost: () => boolean): Connect | null {
    switch (connect.state) {
      case 'waiting':
        this.#words.opens(NAME);
        Object.assign(connect, this.#rows.open(this), { state: 'asked' });
        return null;
      case 'asked':
        this.#opened(connect);
        return null;
      case 'taking':
        this.#ask(connect, isAnswerLost);
        return null;
      case 'clearing':
        this.#clear(connect, isAnswerLost);
        return null;
      default:
        return this.#serve(connect);
    }
  }

  #opened(connect: Connect): void {
    this.#words.opened(NAME);
    const { epoch, owner } = connect;
    if (owner === null) connect.places = this.#words.own(NAME, epoch - 1n);
    this.#words.waits(NAME, epoch);
    if (this.#faults.skipStop) this.#prepare(connect);
    else if (owner === null) this.#known(connect);
    else connect.state = 'taking';
  }

  #ask(connect: Connect, isAnswerLost: () => boolean): void {
    const { owner, oldEpoch } = connect;
    let places: Places | undefined;
    if (owner!.isAlive) {
      const answer = owner!.stop(oldEpoch);
      if (!answer.hasStopped || isAnswerLost()) return;
      places = this.#faults.dropHandover ? undefined : answer.places;
    }
    connect.places = places;
    this.#known(connect);
  }

  #known(connect: Connect): void {
    if (connect.isUncertain && connect.places === undefined && !this.#faults.trustTheDead)
      connect.state = 'clearing';
    else this.#prepare(connect);
  }

  /** An owner that ended without a word may not have stopped the one before it, which then knows more than anybody. */
  #clear(connect: Connect, isAnswerLost: () => boolean): void {
    let isCleared = true;
    connect.places ??= this.#words.known(NAME, connect.epoch - 1n);
    for (const other of this.#living()) {
      if (other === this) continue;
      const answer = other.stop(connect.epoch - 1n);
      if (!answer.hasStopped || isAnswerLost()) isCleared = false;
      else if (!this.#faults.dropHandover) connect.places ??= answer.places;
    }
    if (isCleared) this.#prepare(connect);
  }

  #prepare(connect: Connect): void {
    const { places, isUncertain, epoch } = connect;
    connect.state = 'preparing';
    connect.stored = places ?? (isUncertain ? afterCrash(this.#rows) : this.#rows.places());
    const isHandedOn = places === undefined ? !this.#faults.dropUnserved : !this.#faults.dropChained;
    if (isHandedOn) this.#words.keep(NAME, epoch, connect.stored);
    this.#words.waitsNoMore(NAME);
  }

  /** Serves it, or lets it go when the client waits here no more. */
  #serve(connect: Connect): Connect | null {
    connect.state = 'decided';
    this.#queue.shift();
    if (this.#current !== connect) {
      this.#releases.push({ epoch: connect.epoch, places: connect.places });
      return null;
    }
    this.#words.forget(NAME, connect.epoch);
    return connect;
  }
}

/** Of a session whose owner ended without a word the cursors alone are believed (rule S3). */
function afterCrash(rows: SessionRows): Places {
  const cursors = new Map([...rows.cursors].map(([shard, { offset }]) => [shard, { offset, sentBelow: 0 }]));
  return { cursors, outbound: [], isUncertain: true };
}
