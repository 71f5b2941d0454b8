// QoS 1 messages sent and not acknowledged: Packet Identifier → place in the log. Slots are arrays indexed by the low bits
// of the identifier, so a message costs no object; they are allocated with the first message and grow with use.

import { assert } from '@robustmq/errors';
import type { Place, PlacedMessage } from './place.ts';

/** No room: the message is to be read again when the window opens or the socket drains. */
export const WINDOW_FULL = 0;

const FIRST_SLOTS = 16;
const MAX_PACKET_ID = 65_535;
const NO_OFFSETS = new Float64Array(0);
const NO_IDS = new Uint16Array(0);

/**
 * The window of one session. Invariants: never more than `receiveMaximum` sent and unacknowledged [MQTT-3.3.4-9]; an identifier in
 * flight is not given out again [MQTT-2.2.1-4].
 */
export class SendWindow<P extends Pick<Place, 'key'> = Place> {
  /** The client's Receive Maximum, or our bound if that is lower. */
  readonly receiveMaximum: number;
  #size = 0;
  #nextId = 1;
  #ids: Uint16Array = NO_IDS;
  #offsets: Float64Array = NO_OFFSETS;
  #places: (P | null)[] = [];
  /** Restored and not sent on this connection yet; null when there are none. */
  #unsent: Set<number> | null = null;

  constructor(receiveMaximum: number) {
    this.receiveMaximum = receiveMaximum;
  }

  /** Messages in flight. */
  get size(): number {
    return this.#size;
  }

  /** New messages that may be sent now; below 0 when more was restored than a new connection allows. */
  get room(): number {
    return this.receiveMaximum - this.#size;
  }

  /** Restored messages that may be sent again now: those not sent on this connection don't count [MQTT-3.3.4-9]. */
  get resendRoom(): number {
    return this.receiveMaximum - this.#size + (this.#unsent === null ? 0 : this.#unsent.size);
  }

  /** Messages sent on this connection and not acknowledged. */
  get sentSize(): number {
    return this.#size - (this.#unsent === null ? 0 : this.#unsent.size);
  }

  /** They themselves, in no order. */
  *sent(): Generator<PlacedMessage<P>> {
    for (const message of this.inFlight()) if (this.#unsent?.has(message.packetId) !== true) yield message;
  }

  /** Takes a message in; its Packet Identifier, or {@link WINDOW_FULL}. */
  take(place: P, offset: number): number {
    if (this.#size >= this.receiveMaximum) return WINDOW_FULL;
    if (this.#size >= this.#ids.length) this.#grow();
    let id = this.#nextId;
    // A client that acknowledges out of order leaves old slots taken: look further.
    while (this.#ids[id & (this.#ids.length - 1)] !== 0) id = nextId(id);
    this.#put(id, place, offset);
    this.#nextId = nextId(id);
    return id;
  }

  /** Puts back a message that is in flight from an earlier connection, under its own identifier [MQTT-4.4.0-1]. */
  restore(packetId: number, place: P, offset: number): void {
    assert(packetId > 0 && packetId <= MAX_PACKET_ID, 'a packet identifier is 1..65535');
    while (this.#ids.length === 0 || this.#ids[packetId & (this.#ids.length - 1)] !== 0) {
      assert(!this.holds(packetId), 'a packet identifier is restored once');
      this.#grow();
    }
    this.#put(packetId, place, offset);
    (this.#unsent ??= new Set()).add(packetId);
    if (packetId >= this.#nextId) this.#nextId = nextId(packetId);
  }

  /** A restored message is sent again; false while the window has no room for it. */
  resend(packetId: number): boolean {
    if (this.resendRoom <= 0) return false;
    this.#forgetUnsent(packetId);
    return true;
  }

  /** The client acknowledged; false for an identifier that is not in flight. */
  acknowledge(packetId: number): boolean {
    if (!this.holds(packetId)) return false;
    const slot = packetId & (this.#ids.length - 1);
    this.#ids[slot] = 0;
    this.#places[slot] = null;
    this.#size--;
    if (this.#unsent !== null) this.#forgetUnsent(packetId);
    return true;
  }

  /** Whether the identifier is in flight. */
  holds(packetId: number): boolean {
    return packetId !== 0 && this.#size > 0 && this.#ids[packetId & (this.#ids.length - 1)] === packetId;
  }

  /** Lowest offset in flight of a place; undefined when there is none. */
  lowestOffset(place: Pick<P, 'key'>): number | undefined {
    if (this.#size === 0) return undefined;
    let lowest: number | undefined;
    for (let slot = 0; slot < this.#ids.length; slot++) {
      if (this.#ids[slot] === 0 || this.#places[slot]!.key !== place.key) continue;
      const offset = this.#offsets[slot]!;
      if (lowest === undefined || offset < lowest) lowest = offset;
    }
    return lowest;
  }

  /** Everything in flight, in no order. */
  *inFlight(): Generator<PlacedMessage<P>> {
    for (let slot = 0; slot < this.#ids.length; slot++) {
      const packetId = this.#ids[slot]!;
      if (packetId !== 0) yield { packetId, place: this.#places[slot]!, offset: this.#offsets[slot]! };
    }
  }

  #forgetUnsent(packetId: number): void {
    if (this.#unsent?.delete(packetId) === true && this.#unsent.size === 0) this.#unsent = null;
  }

  #put(id: number, place: P, offset: number): void {
    const slot = id & (this.#ids.length - 1);
    this.#ids[slot] = id;
    this.#offsets[slot] = offset;
    this.#places[slot] = place;
    this.#size++;
  }

  /** Doubles the slots. Identifiers that differed in their low bits still do, so none meets another. */
  #grow(): void {
    const ids = this.#ids;
    const offsets = this.#offsets;
    const places = this.#places;
    const capacity = Math.max(FIRST_SLOTS, ids.length * 2);
    this.#ids = new Uint16Array(capacity);
    this.#offsets = new Float64Array(capacity);
    this.#places = new Array<P | null>(capacity).fill(null);
    for (let slot = 0; slot < ids.length; slot++) {
      const id = ids[slot]!;
      if (id === 0) continue;
      const next = id & (capacity - 1);
      this.#ids[next] = id;
      this.#offsets[next] = offsets[slot]!;
      this.#places[next] = places[slot]!;
    }
  }
}

function nextId(id: number): number {
  return id === MAX_PACKET_ID ? 1 : id + 1;
}
