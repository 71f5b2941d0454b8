// What one session is sent: which messages are new to it, which go again, and where it stands in each shard. It decides;
// reading logs and writing packets is left to others.

import { Departures } from './departures.ts';
import { Handover } from './handover.ts';
import { MovedCursors, type Cursor, type GoneCursor } from './moved-cursors.ts';
import type { Place, PlacedMessage } from './place.ts';
import { WINDOW_FULL, type SendWindow } from './send-window.ts';
import { ShardReading, type ShardLag } from './shard-reading.ts';

/** {@link Outbound.resend}: the message is owed no more. */
export const NOT_OWED = -1;

/** Where a session stands in one shard when it is resumed. */
export interface ResumedPlace<P> {
  readonly place: P;
  /** First offset that it has not been sent. */
  readonly from: number;
  readonly ringFrom: number;
  /** What meta has as its cursor; -1: something else, null: nothing, and nothing is to be stored before a message comes. */
  readonly committed: number | null;
  /** What an owner elsewhere has sent may lie ahead of this tail: until {@link Outbound.confirmed} nothing of it is new. */
  readonly mayBeBehind?: boolean;
}

/** A shard whose place on this gateway is not known yet: it stands where the last owner left it. */
export interface AwaitedPlace<P> {
  /** A stand-in for the tail, at the first offset that the session has not been sent. */
  readonly place: P;
  /** See {@link ResumedPlace}. */
  readonly committed: number | null;
  /** Its log is gone, as far as is known here: nobody will ever speak of it, and nothing waits for that (N7). */
  readonly isGone?: boolean;
}

/** What the last connections of a session left. */
export interface Resumption<P> {
  readonly places: readonly ResumedPlace<P>[];
  readonly inFlight: readonly PlacedMessage<P>[];
  /** An owner ended without saying what it had sent (rule S3). */
  readonly isUncertain: boolean;
  readonly awaited: readonly AwaitedPlace<P>[];
}

interface MaybeSent<P> {
  readonly place: P;
  /** Infinity: not known yet. */
  readonly below: number;
  /** Where this gateway was. */
  readonly from: number;
  /** It was not known in time: nothing waits for it any more (N7). */
  readonly isLate?: boolean;
}

/** The sending half of one session on one connection. */
export class Outbound<P extends Place> {
  readonly window: SendWindow<P>;
  /** Whether what was admitted last may have been sent before, so that it carries DUP [MQTT-3.3.1-1]. */
  isRedelivery = false;
  readonly #reading = new ShardReading<P>();
  readonly #cursors = new MovedCursors<P>();
  readonly #departures: Departures<P>;
  #handover: Handover<P> | null = null;
  /** The last owner ended without saying what it had sent (rule S3). */
  #wasUncertain = false;
  /** By key, where that is still to be read; null when there is none. */
  #maybeSent: Map<number, MaybeSent<P>> | null = null;

  constructor(window: SendWindow<P>) {
    this.window = window;
    this.#departures = new Departures(window);
  }

  // --- where the session stands ---

  /** Shards that are read behind the tail; null when there are none. */
  get lags(): ReadonlyMap<number, ShardLag> | null {
    return this.#reading.lags;
  }

  get isResuming(): boolean {
    return this.#reading.isResuming;
  }

  /** Whether the session follows every shard live, from wherever the tail is. */
  get isLive(): boolean {
    return this.#reading.isLive;
  }

  /** Whether a cursor may have moved since the last {@link takeMovedCursors}. */
  get hasMoved(): boolean {
    return this.#cursors.isDirty;
  }

  /** A stored session is coming back: until {@link resumed} nothing is live. */
  resume(): void {
    this.#reading.resume();
  }

  /** Its places are known: reads on from each. */
  resumed({ places, inFlight, isUncertain, awaited }: Resumption<P>): void {
    this.#reading.resumed();
    for (const each of awaited) {
      if (each.isGone === true) {
        this.#knows(each.place, each.committed);
        this.#cursors.gone(each.place.key);
      } else this.awaitPlace(each);
    }
    this.#wasUncertain = isUncertain;
    if (inFlight.length > 0) this.#handover = new Handover(this.window, inFlight);
    this.#departures.restored(inFlight);
    for (const place of places) this.begin(place);
  }

  /** The place of one shard is still to be found out: until {@link begin} nothing of it is live. */
  awaitPlace({ place, committed }: AwaitedPlace<P>): void {
    this.#reading.awaitPlace(place.key);
    this.#knows(place, committed);
  }

  /** Whether where the session stands in a shard is not known yet. */
  awaits(key: number): boolean {
    return this.#reading.awaits(key);
  }

  /** The place of one shard is known. */
  begin({ place, from, ringFrom, committed, mayBeBehind = false }: ResumedPlace<P>): void {
    this.#knows(place, committed);
    this.#reading.begin(place, from, ringFrom);
    if (this.#wasUncertain) {
      const here = Math.max(place.nextOffset, ringFrom);
      const below = mayBeBehind ? Infinity : here;
      (this.#maybeSent ??= new Map()).set(place.key, { place, below, from: here });
    }
    // What is owed is read by place, also while the session is level with the tail.
    if (this.#handover?.owes(place.key) === true && this.lags?.has(place.key) !== true) {
      this.#reading.fallBehind(place, this.#reading.sentBelow(place), ringFrom);
    }
  }

  #knows(place: P, committed: number | null): void {
    if (committed === null) return;
    this.#cursors.stored(place, committed);
    if (committed === -1) this.#cursors.isDirty = true;
  }

  /** Whether the next owner has to doubt as well what was sent: the doubtful part is not read to its end yet. */
  get isUncertain(): boolean {
    if (!this.#wasUncertain) return false;
    if (this.#reading.hasUnknown) return true;
    for (const { place, below } of this.#maybeSent?.values() ?? [])
      if (this.sentBelow(place) < below) return true;
    return false;
  }

  /** Whether it is not known of some shard how far an owner elsewhere may have come. */
  get isUnconfirmed(): boolean {
    for (const { below } of this.#maybeSent?.values() ?? []) if (below === Infinity) return true;
    return false;
  }

  /**
   * What its leader said after the session was opened: nothing from there on was sent by an owner before (rule S3). False: it
   * was known.
   */
  confirmed(key: number, highWatermark: number): boolean {
    const sent = this.#maybeSent?.get(key);
    if (sent?.below !== Infinity) return false;
    this.#maybeSent!.set(key, { ...sent, below: Math.max(sent.from, highWatermark) });
    return true;
  }

  /**
   * No leader has spoken in time (N7): what is in question goes on as what may have been sent, until one does. False:
   * nothing was in question.
   */
  unanswered(): boolean {
    let isAny = false;
    for (const [key, sent] of this.#maybeSent ?? []) {
      if (sent.below !== Infinity || sent.isLate === true) continue;
      this.#maybeSent!.set(key, { ...sent, isLate: true });
      isAny = true;
    }
    return isAny;
  }

  /** Whether the message at this place of the tail is the session's to take now. */
  isLiveAt(key: number, offset: number): boolean {
    return this.#reading.isLiveAt(key, offset);
  }

  /** Reads the shard from `offset` on when it can take messages again. */
  fallBehind(place: P, offset: number, ringFrom = 0): void {
    this.#reading.fallBehind(place, offset, ringFrom);
  }

  /** The tail left out [from, ringFrom): nothing of it is skipped (N5). */
  tailJumped(place: P, from: number, ringFrom: number): void {
    this.#reading.tailJumped(place, from, ringFrom);
  }

  /** The session has read up to the tail. */
  caughtUp(place: P): void {
    this.#reading.caughtUp(place);
  }

  /**
   * The log is gone: nothing of it is owed or read any more. Its cursor stays, at the end of the tail that is no more, until
   * {@link takeGoneCursors}: the next owner may not know of the deletion yet, and without a cursor would begin where the
   * subscriptions do (S3, X4).
   */
  forget(key: number): void {
    this.#cursors.gone(key);
    this.#reading.forget(key);
    this.#maybeSent?.delete(key);
    this.#handover?.abandonPlace(key);
    this.#endHandover();
  }

  /** Everything of a shard below was sent, or is settled. */
  sentBelow(place: P): number {
    return this.#reading.sentBelow(place);
  }

  /** The lowest offset of a shard that the client has not acknowledged or not been sent. */
  cursorOf(place: P): number {
    const unread = this.sentBelow(place);
    const unacknowledged = this.window.lowestOffset(place);
    return unacknowledged === undefined ? unread : Math.min(unread, unacknowledged);
  }

  /** Cursors of every shard that had something for the session: what the next owner begins with. */
  cursors(): Cursor<P>[] {
    return this.#cursors.all((place) => this.cursorOf(place));
  }

  /** Cursors that meta does not know yet (rule X4). */
  takeMovedCursors(): Cursor<P>[] {
    return this.#cursors.take((place) => this.cursorOf(place));
  }

  /** Whether there are cursors in logs that are gone. */
  get hasGoneCursors(): boolean {
    return this.#cursors.hasGone;
  }

  /** Takes out at most `count` cursors in logs that are gone, of those that no next owner needs: their rows can go. */
  takeGoneCursors(isNeedless: (place: P) => boolean, count: number): GoneCursor<P>[] {
    return this.#cursors.takeGone(isNeedless, count);
  }

  /** Meta has not let their rows go. */
  goneCursorsFailed(cursors: readonly GoneCursor<P>[]): void {
    this.#cursors.goneFailed(cursors);
  }

  /** Meta did not take them. */
  cursorsFailed(cursors: readonly Cursor<P>[]): void {
    this.#cursors.failed(cursors);
  }

  // --- messages ---

  /** A message of this place concerns the session, whatever becomes of it. */
  touch(place: P): void {
    this.#cursors.touch(place);
  }

  /** Messages of a shard that the window takes now. */
  roomIn(place: P): number {
    const room = this.owes(place) ? this.window.resendRoom : this.window.room;
    return Math.max(0, Math.min(room, this.#departures.room));
  }

  /**
   * Takes a new message: its Packet Identifier, or `WINDOW_FULL`. One that is not `isInherited` matches only what the client
   * has subscribed to on this connection: no owner before has sent it.
   */
  admit(place: P, offset: number, isInherited: boolean): number {
    this.isRedelivery = isInherited && this.mayHaveSent(place, offset);
    if (this.#departures.room <= 0) return WINDOW_FULL;
    return this.window.take(place, offset);
  }

  /** Whether an owner that ended without a word may have sent it: at QoS 0 it does not go again [MQTT-4.3.1-1]. */
  mayHaveSent(place: P, offset: number): boolean {
    return this.#maybeSent !== null && offset < (this.#maybeSent.get(place.key)?.below ?? 0);
  }

  /** Whether it is about to be known if an owner elsewhere has sent it: it came behind where this gateway was. */
  isInQuestion(place: P, offset: number): boolean {
    const sent = this.#maybeSent?.get(place.key);
    return sent?.below === Infinity && sent.isLate !== true && offset >= sent.from;
  }

  /** The client acknowledged a message: its place may be past now. */
  acknowledged(): void {
    this.#cursors.isDirty = true;
    this.#departures.acknowledged();
  }

  // --- what may make the client leave ---

  /** The client has left without a word, or with an error. */
  left(): void {
    this.#departures.left();
  }

  /** How often it has left so with this message in flight. */
  departuresOf(place: P, offset: number): number {
    return this.#departures.of(place, offset);
  }

  /** What was in flight at this place is not sent any more: the cursor goes on behind it. */
  skipped(place: P): void {
    this.#cursors.touch(place);
  }

  // --- what the last connection had in flight ---

  /** Whether messages of a shard go again, by place, before anything new of it. */
  owes(place: P): boolean {
    return this.#handover !== null && this.#handover.owes(place.key);
  }

  /** Shards with messages to send again: read by place, whether or not the session knows where it stands there. */
  owedPlaces(): P[] {
    return this.#handover === null ? [] : [...this.#handover.places()];
  }

  /** The next offsets to send again, at most `count`. */
  owedOffsets(place: P, count: number): number[] {
    const offsets = this.#handover?.next(place.key, count) ?? [];
    this.#endHandover();
    return offsets;
  }

  /** The original identifier, with DUP (rule S3); `WINDOW_FULL` or {@link NOT_OWED}. */
  resend(place: P, offset: number): number {
    if (this.#handover === null) return NOT_OWED;
    if (this.#departures.room <= 0) return WINDOW_FULL;
    this.isRedelivery = true;
    const packetId = this.#handover.resend(place.key, offset);
    this.#endHandover();
    return packetId;
  }

  /** What is owed at this place can't be sent again. */
  abandon(place: P, offset: number): void {
    this.#handover?.abandon(place.key, offset);
    this.#endHandover();
    this.touch(place);
  }

  #endHandover(): void {
    if (this.#handover?.isOver === true) this.#handover = null;
  }
}
