// Messages on their way to a client, from PUBLISH to the packet that completes them (rules S2, S3). At QoS 1 that is
// PUBACK, and the window knows all there is. At QoS 2 each has a state of its own and a row in meta before the packet that
// it stands for: reserved (the row is being written), sent, received (PUBREC came, PUBREL is owed), done (PUBCOMP came; the
// row stays until the cursor of its shard is past it, so that no owner sends it as new).

import { assert } from '@robustmq/errors';
import { PACKET_TYPE, protocolError, REASON, type AckType } from '@robustmq/mqtt-codec';
import type { Place, PlacedMessage } from './place.ts';
import { WINDOW_FULL, type SendWindow } from './send-window.ts';

/** How far a message has come, as its row says. */
export type OutboundState = 'sent' | 'received' | 'done';

/** A message that is owed, as its row has it. */
export interface OutboundEntry<P> extends PlacedMessage<P> {
  readonly qos: 1 | 2;
  readonly state: OutboundState;
}

/** {@link OutboundLedger.admit}: its row is to be written first; the session reads the message again when that is done. */
export const RESERVED = -1;

/** What an acknowledgement of the client led to. */
export type AckOutcome = 'complete' | 'received' | 'unknown';

interface Qos2Message<P> {
  readonly place: P;
  readonly offset: number;
  state: OutboundState | 'reserved' | 'committed';
}

/** The ledger of one session on one connection. `P` stands for a log that messages come from. */
export class OutboundLedger<P extends Pick<Place, 'key'> = Place> {
  /** Packet Identifiers in flight, of either QoS. */
  readonly window: SendWindow<P>;
  /** QoS 2 messages by Packet Identifier; null while there are none. */
  #qos2: Map<number, Qos2Message<P>> | null = null;
  /** Their identifiers by key of the place and offset. */
  #identifiers: Map<number, Map<number, number>> | null = null;

  constructor(window: SendWindow<P>) {
    this.window = window;
  }

  /**
   * Takes a QoS 2 message: its Packet Identifier once its row is written, {@link RESERVED} until then, or `WINDOW_FULL`.
   * The second look at a message finds what the first one reserved.
   */
  admit(place: P, offset: number): number {
    const known = this.#identifiers?.get(place.key)?.get(offset);
    if (known !== undefined) {
      const message = this.#qos2!.get(known)!;
      if (message.state === 'reserved') return RESERVED;
      if (message.state === 'committed') message.state = 'sent';
      return known;
    }
    const packetId = this.window.take(place, offset);
    if (packetId === WINDOW_FULL) return WINDOW_FULL;
    this.#put(packetId, { place, offset, state: 'reserved' });
    return RESERVED;
  }

  /** What is reserved: the rows of one commit. */
  reserved(): OutboundEntry<P>[] {
    return this.#entriesOf((state) => state === 'reserved');
  }

  /** Meta has the rows of these. */
  committed(packetIds: readonly number[]): void {
    for (const packetId of packetIds) {
      const message = this.#qos2?.get(packetId);
      if (message?.state === 'reserved') message.state = 'committed';
    }
  }

  /**
   * PUBACK, PUBREC or PUBCOMP of the client. An identifier that is not in flight is no error of the client: what was in flight
   * may have gone with its shard, or with a session that only the client still has.
   * @throws BrokerError malformed, of an acknowledgement that belongs to the other QoS than the message in flight.
   */
  acknowledge(type: AckType, packetId: number, reasonCode: number): AckOutcome {
    const message = this.#qos2?.get(packetId);
    if (type === PACKET_TYPE.puback) {
      if (message !== undefined) throw protocolError('PUBACK of a QoS 2 message');
      return this.window.acknowledge(packetId) ? 'complete' : 'unknown';
    }
    if (message === undefined) {
      if (this.window.holds(packetId))
        throw protocolError('acknowledgement of a QoS 2 message for one of QoS 1');
      return 'unknown';
    }
    // A PUBREC that fails ends the exchange: no PUBREL follows (section 4.3.3).
    if (type === PACKET_TYPE.pubrec && reasonCode < REASON.unspecifiedError) {
      if (message.state === 'sent') message.state = 'received';
      return 'received';
    }
    if (type === PACKET_TYPE.pubcomp && message.state !== 'received')
      throw protocolError('PUBCOMP before PUBREC');
    message.state = 'done';
    this.window.acknowledge(packetId);
    return 'complete';
  }

  /** Puts back a QoS 2 message of an earlier connection, as its row has it. */
  restore({ packetId, place, offset, state }: PlacedMessage<P> & { readonly state: OutboundState }): void {
    assert(this.#qos2?.has(packetId) !== true, 'a packet identifier is restored once');
    if (state !== 'done') this.window.restore(packetId, place, offset);
    this.#put(packetId, { place, offset, state });
  }

  /** The cursor of a place is past `offset`: completed messages below need no row any more. Answers their identifiers. */
  settle(place: Pick<P, 'key'>, offset: number): number[] {
    const settled: number[] = [];
    for (const [packetId, message] of this.#qos2 ?? []) {
      if (message.state !== 'done' || message.place.key !== place.key || message.offset >= offset) continue;
      this.#qos2!.delete(packetId);
      this.#identifiers?.get(place.key)?.delete(message.offset);
      settled.push(packetId);
    }
    return settled;
  }

  /** What the next owner of the session has to know, in no order. */
  *entries(): Generator<OutboundEntry<P>> {
    for (const message of this.window.inFlight())
      if (this.#qos2?.has(message.packetId) !== true) yield { ...message, qos: 1, state: 'sent' };
    yield* this.#entriesOf((state) => state !== 'reserved');
  }

  #put(packetId: number, message: Qos2Message<P>): void {
    (this.#qos2 ??= new Map()).set(packetId, message);
    const { key } = message.place;
    this.#identifiers ??= new Map();
    const ofPlace = this.#identifiers.get(key) ?? new Map<number, number>();
    this.#identifiers.set(key, ofPlace.set(message.offset, packetId));
  }

  #entriesOf(isWanted: (state: Qos2Message<P>['state']) => boolean): OutboundEntry<P>[] {
    const entries: OutboundEntry<P>[] = [];
    for (const [packetId, { place, offset, state }] of this.#qos2 ?? []) {
      if (!isWanted(state)) continue;
      const stored = state === 'reserved' || state === 'committed' ? 'sent' : state;
      entries.push({ packetId, place, offset, qos: 2, state: stored });
    }
    return entries;
  }
}
