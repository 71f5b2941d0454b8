// Hands a message to the sessions that receive its topic. QoS 0 copies of one shape share their bytes; copies with a
// packet identifier are written into the receiver's own output. A session that can't take a QoS 1 copy now falls behind
// and reads it later (CatchUp); a QoS 0 copy that does not fit is dropped and counted (I5, I8).

import { messageExpiry, NOT_OWED, startPositions, WINDOW_FULL } from '@robustmq/mqtt-session';
import type { Message } from './message.ts';
import { PacketShapes } from './packet-shapes.ts';
import type { ShardPlace } from './shard-place.ts';
import type { OverlappingReceiver, Receiver } from './subscription.ts';
import type { OwedSession, ReceivingSession } from './session-ports.ts';
import type { TopicRoute } from './topic-route.ts';

/** Plain integers that instruments read. */
export interface DeliveryCounters {
  deliveredQos0: number;
  deliveredQos1: number;
  droppedSlow: number;
  droppedTooLarge: number;
  droppedExpired: number;
  /** QoS 0 copies that a gateway which crashed may have sent already (I5). */
  droppedUncertain: number;
  /** Copies that could not be made: the receiver goes on without (N9). */
  failed: number;
}

/** Counters at zero. */
export function newDeliveryCounters(): DeliveryCounters {
  return {
    deliveredQos0: 0,
    deliveredQos1: 0,
    droppedSlow: 0,
    droppedTooLarge: 0,
    droppedExpired: 0,
    droppedUncertain: 0,
    failed: 0,
  };
}

/** Told of each copy while debug lines are wanted. */
export interface DeliveryDebug {
  readonly isOn: boolean;
  /** What became of a copy: the QoS it was sent with, or why it was dropped. */
  copy(
    session: ReceivingSession,
    topic: string,
    outcome: 'sent 0' | 'sent 1' | 'too large' | 'slow client',
  ): void;
}

const NO_DEBUG: DeliveryDebug = { isOn: false, copy: () => undefined };

/** Delivers one message at a time. */
export class Deliverer {
  readonly #maxOutputBytes: number;
  readonly #counters: DeliveryCounters;
  readonly #debug: DeliveryDebug;
  readonly #packet = new PacketShapes();
  #message: Message | null = null;

  /** @param maxOutputBytes bytes that may wait for one client before QoS 0 messages are dropped. */
  constructor(maxOutputBytes: number, counters: DeliveryCounters, debug = NO_DEBUG) {
    this.#maxOutputBytes = maxOutputBytes;
    this.#debug = debug;
    this.#counters = counters;
  }

  /** Starts with a message; false when it has expired and must not be delivered [MQTT-3.3.2-5]. */
  begin(message: Message, nowMs: number): boolean {
    const leftS = messageExpiry.remainingS(message.expiresAtMs, nowMs);
    if (leftS === messageExpiry.expired) {
      this.#counters.droppedExpired++;
      return false;
    }
    this.#take(message, leftS);
    return true;
  }

  #take(message: Message, expiryS: number): void {
    this.#message = message;
    this.#packet.begin(message, expiryS);
  }

  /** Delivers the message to all live receivers of its topic; `place` is null for a message that is in no log. */
  deliver(route: TopicRoute, place: ShardPlace | null, offset: number): void {
    const { receivers } = route;
    this.deliverRange(receivers, 0, receivers.length, place, offset);
  }

  /** As {@link deliver}, to some of the receivers. */
  deliverRange(
    receivers: readonly Receiver[],
    from: number,
    end: number,
    place: ShardPlace | null,
    offset: number,
  ): void {
    for (let index = from; index < end;) {
      try {
        for (; index < end; index++) this.#deliverLive(receivers[index]!, place, offset);
      } catch {
        // One copy that can't be made is one copy.
        this.#counters.failed++;
        index++;
      }
    }
  }

  #deliverLive(receiver: Receiver, place: ShardPlace | null, offset: number): void {
    if (place === null) {
      this.#deliverTo(receiver, null, 0);
      return;
    }
    if (!receiver.session.isLiveAt(place.key, offset)) return;
    if (!this.#deliverTo(receiver, place, offset)) receiver.session.fallBehind(place, offset);
  }

  /** Delivers the message to one receiver. False: it can't take it now and has to read it again; nothing was sent. */
  deliverTo(receiver: Receiver, place: ShardPlace, offset: number): boolean {
    try {
      return this.#deliverTo(receiver, place, offset);
    } catch {
      this.#counters.failed++;
      return true;
    }
  }

  #deliverTo(receiver: Receiver, tail: ShardPlace | null, offset: number): boolean {
    const message = this.#message!;
    const { session } = receiver;
    if (session.output === null) return true;
    if (receiver.parts !== null) {
      const key = tail === null ? -1 : tail.key;
      const from = tail === null ? Number.MAX_SAFE_INTEGER : offset;
      if (!(receiver as OverlappingReceiver).select(message.originId, key, from)) return true;
    } else {
      if (receiver.noLocal && message.originId === session.originId) return true;
      if (receiver.starts !== null && tail !== null && offset < startPositions.of(receiver.starts, tail.key))
        return true;
    }
    if (tail !== null) session.touch(tail);
    const retain = message.retain && receiver.retainAsPublished;
    if (tail === null || message.qos === 0 || receiver.qos === 0) {
      if (tail !== null && receiver.isInherited && session.mayHaveSent(tail, offset)) {
        if (session.isInQuestion(tail, offset)) return false;
        this.#counters.droppedUncertain++;
        return true;
      }
      this.#sendQos0(session, receiver.subscriptionIdentifiers, retain);
      return true;
    }
    return this.#sendQos1(receiver, retain, tail, offset);
  }

  #sendQos1(receiver: Receiver, retain: boolean, tail: ShardPlace, offset: number): boolean {
    const { session, subscriptionIdentifiers: identifiers } = receiver;
    const { aliases } = session;
    if (aliases === null) {
      const sizeBytes = this.#packet.shape(session.isVersion5, 1, retain, identifiers);
      return this.#sendShapedQos1(receiver, sizeBytes, tail, offset);
    }
    const sizeBytes = this.#packet.shapeWithAlias(session, aliases, 1, retain, identifiers);
    const isDealtWith = this.#sendShapedQos1(receiver, sizeBytes, tail, offset);
    this.#packet.forgetAlias();
    return isDealtWith;
  }

  #sendShapedQos1(receiver: Receiver, sizeBytes: number, tail: ShardPlace, offset: number): boolean {
    const { session, isInherited } = receiver;
    if (sizeBytes > session.maximumPacketBytes) {
      this.#counters.droppedTooLarge++;
      if (this.#debug.isOn) this.#debug.copy(session, this.#packet.publish.topic, 'too large');
      return true;
    }
    const packetId = session.admit(tail, offset, isInherited);
    if (packetId === WINDOW_FULL) return false;
    this.#writeQos1(session, packetId, sizeBytes);
    return true;
  }

  #writeQos1(session: ReceivingSession, packetId: number, sizeBytes: number): void {
    const publish = this.#packet.publish;
    publish.packetId = packetId;
    publish.dup = session.isRedelivery;
    this.#write(session, sizeBytes);
    this.#counters.deliveredQos1++;
    if (this.#debug.isOn) this.#debug.copy(session, publish.topic, 'sent 1');
  }

  /** As {@link begin}, for a message whose delivery began on an earlier connection: it goes again also when it has expired. */
  beginAgain(message: Message, nowMs: number): void {
    const leftS = messageExpiry.remainingS(message.expiresAtMs, nowMs);
    // Never 0: some take that for no expiry at all.
    this.#take(message, leftS === messageExpiry.expired ? 1 : leftS);
  }

  /**
   * Sends a message of an earlier connection again, under its own identifier and at its own QoS, whatever became of its
   * subscription (N6) [MQTT-4.4.0-1]. `receiver` is who would get it today. False: there is no room for it now.
   */
  resendTo(session: OwedSession, receiver: Receiver | undefined, place: ShardPlace, offset: number): boolean {
    const message = this.#message!;
    const isWanted =
      receiver !== undefined &&
      (receiver.parts === null ||
        (receiver as OverlappingReceiver).select(message.originId, place.key, offset));
    const identifiers = isWanted ? receiver.subscriptionIdentifiers : null;
    const retain = isWanted && message.retain && receiver.retainAsPublished;
    const { aliases } = session;
    if (aliases === null) {
      const sizeBytes = this.#packet.shape(session.isVersion5, 1, retain, identifiers);
      return this.#resendShaped(session, sizeBytes, place, offset);
    }
    const sizeBytes = this.#packet.shapeWithAlias(session, aliases, 1, retain, identifiers);
    const isDealtWith = this.#resendShaped(session, sizeBytes, place, offset);
    this.#packet.forgetAlias();
    return isDealtWith;
  }

  #resendShaped(session: OwedSession, sizeBytes: number, place: ShardPlace, offset: number): boolean {
    if (sizeBytes > session.maximumPacketBytes) {
      // As if it were complete [MQTT-3.1.2-25].
      this.#counters.droppedTooLarge++;
      session.abandon(place, offset);
      return true;
    }
    const packetId = session.resend(place, offset);
    if (packetId === WINDOW_FULL) return false;
    if (packetId !== NOT_OWED) this.#writeQos1(session, packetId, sizeBytes);
    return true;
  }

  /** Writes what was shaped; with a new alias the client learns it. */
  #write(session: ReceivingSession, sizeBytes: number): void {
    const publish = this.#packet.publish;
    const output = session.output!;
    const buffer = output.reserve(sizeBytes);
    output.advance(publish.encode(buffer, output.position));
    if (publish.topicAlias > 0 && !publish.omitTopic) session.aliases!.assign(publish.topic);
  }

  #sendQos0(session: ReceivingSession, identifiers: readonly number[] | null, retain: boolean): void {
    const { isVersion5, aliases } = session;
    if (isVersion5 && (identifiers !== null || aliases !== null)) {
      const sizeBytes =
        aliases === null
          ? this.#packet.shape(true, 0, retain, identifiers)
          : this.#packet.shapeWithAlias(session, aliases, 0, retain, identifiers);
      if (this.#fits(session, sizeBytes)) this.#write(session, sizeBytes);
      if (aliases !== null) this.#packet.forgetAlias();
      return;
    }
    const packet = this.#packet;
    const shared = packet.shared(isVersion5, retain);
    const { sharedStart, sharedEnd } = packet;
    if (this.#fits(session, sharedEnd - sharedStart)) session.output!.share(shared, sharedStart, sharedEnd);
  }

  /** Whether a QoS 0 packet may be sent; counts what is dropped (I5). */
  #fits(session: ReceivingSession, sizeBytes: number): boolean {
    const { topic } = this.#packet.publish;
    if (sizeBytes > session.maximumPacketBytes) {
      this.#counters.droppedTooLarge++;
      if (this.#debug.isOn) this.#debug.copy(session, topic, 'too large');
      return false;
    }
    const { waitingBytes } = session.output!;
    // One message alone always fits: a client that takes packets of that size gets them (N13).
    if (waitingBytes > 0 && waitingBytes + sizeBytes > this.#maxOutputBytes) {
      this.#counters.droppedSlow++;
      if (this.#debug.isOn) this.#debug.copy(session, topic, 'slow client');
      return false;
    }
    this.#counters.deliveredQos0++;
    if (this.#debug.isOn) this.#debug.copy(session, topic, 'sent 0');
    return true;
  }
}
