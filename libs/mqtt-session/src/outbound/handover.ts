// What the session's last connection had sent and its client has not acknowledged: owed by place, under the identifiers
// that the client knows (rules S3, N6). Today's filters and options have no say in it [MQTT-3.10.4-3].

import type { Place, PlacedMessage } from './place.ts';
import type { SendWindow } from './send-window.ts';

interface OwedOfPlace<P> {
  readonly place: P;
  /** Packet Identifier by offset, in ascending order. */
  readonly ids: Map<number, number>;
}

/** What is still to be sent again on this connection. */
export class Handover<P extends Place> {
  readonly #window: SendWindow<P>;
  readonly #owed = new Map<number, OwedOfPlace<P>>();

  constructor(window: SendWindow<P>, messages: readonly PlacedMessage<P>[]) {
    this.#window = window;
    const inOrder = [...messages].sort((a, b) => a.offset - b.offset);
    for (const { packetId, place, offset } of inOrder) {
      let owed = this.#owed.get(place.key);
      if (owed === undefined) this.#owed.set(place.key, (owed = { place, ids: new Map() }));
      // One message in flight twice would be two answers to one identifier.
      if (owed.ids.has(offset) || window.holds(packetId)) continue;
      window.restore(packetId, place, offset);
      owed.ids.set(offset, packetId);
    }
  }

  /** Whether everything was sent again, acknowledged, or is gone. */
  get isOver(): boolean {
    return this.#owed.size === 0;
  }

  /** Places with messages to send again. */
  *places(): Generator<P> {
    for (const { place } of this.#owed.values()) yield place;
  }

  /** Whether messages of a place are still to be sent again; nothing new of it goes before them. */
  owes(key: number): boolean {
    return this.#owed.has(key);
  }

  /** The next offsets of a place to send again, in order; what the client has acknowledged meanwhile is left out. */
  next(key: number, count: number): number[] {
    const owed = this.#owed.get(key);
    const offsets: number[] = [];
    if (owed === undefined) return offsets;
    for (const [offset, packetId] of owed.ids) {
      if (offsets.length >= count) break;
      if (this.#window.holds(packetId)) offsets.push(offset);
      else owed.ids.delete(offset);
    }
    if (owed.ids.size === 0) this.#owed.delete(key);
    return offsets;
  }

  /** The identifier to send the message with, 0 while the window has no room, -1 when it is owed no more. */
  resend(key: number, offset: number): number {
    const owed = this.#owed.get(key);
    const packetId = owed?.ids.get(offset);
    if (owed === undefined || packetId === undefined) return -1;
    if (!this.#window.holds(packetId)) {
      this.#settle(owed, offset);
      return -1;
    }
    if (!this.#window.resend(packetId)) return 0;
    this.#settle(owed, offset);
    return packetId;
  }

  /** The message can't be sent again: the log has it no more, or it is too large for this connection [MQTT-3.1.2-24]. */
  abandon(key: number, offset: number): void {
    const owed = this.#owed.get(key);
    const packetId = owed?.ids.get(offset);
    if (owed === undefined || packetId === undefined) return;
    this.#window.acknowledge(packetId);
    this.#settle(owed, offset);
  }

  /** The log itself is gone. */
  abandonPlace(key: number): void {
    const owed = this.#owed.get(key);
    if (owed === undefined) return;
    for (const packetId of owed.ids.values()) this.#window.acknowledge(packetId);
    this.#owed.delete(key);
  }

  #settle(owed: OwedOfPlace<P>, offset: number): void {
    owed.ids.delete(offset);
    if (owed.ids.size === 0) this.#owed.delete(owed.place.key);
  }
}
