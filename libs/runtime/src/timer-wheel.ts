// TimerWheel: one timer of the platform for any number of deadlines (keep alive, session expiry, request timeouts). A
// hashed wheel: arming and cancelling are O(1) and allocate nothing, a deadline fires at the first tick at or after it,
// and one further away than a turn of the wheel is looked at once per turn.

import { assert } from '@robustmq/errors';
import { systemClock, type Clock } from './clock.ts';
import { systemTimers, type Cancel, type Timers } from './timers.ts';

/** A deadline that can be armed, moved and cancelled; keep it in the object it belongs to. */
export class WheelTimer {
  readonly onDeadline: () => void;
  /** Tick at which it fires; -1 while not armed. */
  deadlineTick = -1;
  previous: WheelTimer = this;
  next: WheelTimer = this;

  constructor(onDeadline: () => void) {
    this.onDeadline = onDeadline;
  }

  get isArmed(): boolean {
    return this.deadlineTick !== -1;
  }
}

/** Settings of a {@link TimerWheel}. */
export interface TimerWheelOptions {
  readonly clock?: Clock;
  /** What runs it once it is started; default the platform's. */
  readonly timers?: Timers;
  /** Resolution; a deadline may fire this much late. Default 50. */
  readonly tickMs?: number;
  /** Default 1,024: with 50 ms a turn takes 51 s, about a keep alive. */
  readonly slotCount?: number;
}

const DEFAULT_TICK_MS = 50;
const DEFAULT_SLOT_COUNT = 1024;

function newList(): WheelTimer {
  return new WheelTimer(() => undefined);
}

function unlink(timer: WheelTimer): void {
  timer.previous.next = timer.next;
  timer.next.previous = timer.previous;
  timer.previous = timer.next = timer;
}

function append(list: WheelTimer, timer: WheelTimer): void {
  const last = list.previous;
  last.next = timer;
  timer.previous = last;
  timer.next = list;
  list.previous = timer;
}

/** Fires the deadlines of armed timers, never early. `start` runs it; tests call `advance` instead. */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #tickMs: number;
  /** Circular lists with a sentinel each, so that unlinking needs no list. */
  readonly #slots: WheelTimer[];
  readonly #due = newList();
  /** Last tick whose slot was looked at. */
  #tick: number;
  #armedCount = 0;
  #isStarted = false;
  #cancel: Cancel | null = null;

  constructor(options: TimerWheelOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
    this.#tickMs = options.tickMs ?? DEFAULT_TICK_MS;
    this.#slots = Array.from({ length: options.slotCount ?? DEFAULT_SLOT_COUNT }, newList);
    assert(this.#tickMs > 0 && this.#slots.length > 0, 'a wheel has ticks and slots');
    this.#tick = this.#currentTick();
  }

  get armedCount(): number {
    return this.#armedCount;
  }

  #currentTick(): number {
    return Math.floor(this.#clock.monotonicMs() / this.#tickMs);
  }

  /** Arms the timer, or moves it when it is armed, to fire `delayMs` from now. */
  arm(timer: WheelTimer, delayMs: number): void {
    if (timer.isArmed) unlink(timer);
    else this.#armedCount++;
    const deadline = Math.ceil((this.#clock.monotonicMs() + Math.max(0, delayMs)) / this.#tickMs);
    timer.deadlineTick = Math.max(deadline, this.#tick + 1);
    append(this.#slotAt(timer.deadlineTick), timer);
    if (this.#isStarted && this.#cancel === null) this.#schedule();
  }

  /** Disarms the timer; nothing when it is not armed. */
  cancel(timer: WheelTimer): void {
    if (!timer.isArmed) return;
    unlink(timer);
    timer.deadlineTick = -1;
    this.#armedCount--;
  }

  #slotAt(tick: number): WheelTimer {
    return this.#slots[tick % this.#slots.length]!;
  }

  /**
   * Fires everything that is due by the clock. A callback may arm and cancel any timer; what it arms fires at a later
   * tick. When one throws, the others of that moment fire at the next call.
   */
  advance(): void {
    const now = this.#currentTick();
    // After a pause of more than a turn, one look at every slot finds all there is.
    let tick = Math.max(this.#tick, now - this.#slots.length);
    while (tick < now) {
      tick++;
      this.#collect(this.#slotAt(tick), now);
    }
    this.#tick = Math.max(this.#tick, now);
    while (this.#due.next !== this.#due) {
      const timer = this.#due.next;
      this.cancel(timer);
      timer.onDeadline();
    }
  }

  #collect(slot: WheelTimer, now: number): void {
    for (let timer = slot.next; timer !== slot;) {
      const following = timer.next;
      if (timer.deadlineTick <= now) {
        unlink(timer);
        append(this.#due, timer);
      }
      timer = following;
    }
  }

  /** Runs the wheel by its timers, which don't keep the process alive. */
  start(): void {
    this.#isStarted = true;
    if (this.#armedCount > 0 && this.#cancel === null) this.#schedule();
  }

  /** Stops firing; armed timers stay armed. */
  stop(): void {
    this.#isStarted = false;
    this.#cancel?.();
    this.#cancel = null;
  }

  /** An idle wheel has no timer at all. */
  #schedule(): void {
    this.#cancel = this.#timers.after(this.#tickMs, () => {
      this.#cancel = null;
      try {
        this.advance();
      } finally {
        if (this.#isStarted && this.#armedCount > 0 && this.#cancel === null) this.#schedule();
      }
    });
  }
}
