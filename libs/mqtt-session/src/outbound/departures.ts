// Messages that may be what makes a client go: it left without a word, or with an error, while they were unacknowledged. A network
// that breaks looks the same, and what it lost is sent again whole [MQTT-4.4.0-1]: only what was left several times is suspected.
// From then on a connection counts only for a message that was alone in flight; so that it comes to be alone, what is suspected
// is sent like a slow start: one message, then two, then four. One that was left too often is not sent any more.

import type { SendWindow } from './send-window.ts';
import type { Place, PlacedMessage } from './place.ts';

/** Departures in any company, from which on a message is suspected. */
export const SUSPECTED_FROM = 3;

/** Counts departures of one session, from connection to connection. */
export class Departures<P extends Place> {
  readonly #window: SendWindow<P>;
  /** By place; null while nothing is suspected. */
  #counts: Map<string, number> | null = null;
  /** Messages that may be unacknowledged at once; 0: as many as the window takes. */
  #limit = 0;

  constructor(window: SendWindow<P>) {
    this.#window = window;
  }

  /** What was in flight when an earlier connection ended. */
  restored(messages: readonly PlacedMessage<P>[]): void {
    for (const { place, offset, departures = 0 } of messages) {
      if (departures === 0) continue;
      (this.#counts ??= new Map()).set(nameOf(place, offset), departures);
      if (departures >= SUSPECTED_FROM) this.#limit = 1;
    }
  }

  /** How many more messages may be sent while something is suspected. */
  get room(): number {
    return this.#limit === 0 ? Infinity : this.#limit - this.#window.sentSize;
  }

  /** The client has taken one and stayed. */
  acknowledged(): void {
    if (this.#limit === 0) return;
    this.#limit *= 2;
    if (this.#limit >= this.#window.receiveMaximum) this.#limit = 0;
  }

  /** The client has left, and what it was sent last may be why. */
  left(): void {
    const isAlone = this.#window.sentSize === 1;
    for (const { place, offset } of this.#window.sent()) {
      const name = nameOf(place, offset);
      const before = this.#counts?.get(name) ?? 0;
      (this.#counts ??= new Map()).set(name, isAlone || before < SUSPECTED_FROM ? before + 1 : before);
    }
  }

  /** Connections that ended so, with this message in flight. */
  of(place: P, offset: number): number {
    return this.#counts?.get(nameOf(place, offset)) ?? 0;
  }
}

function nameOf({ key }: Place, offset: number): string {
  return `${key}/${offset}`;
}
