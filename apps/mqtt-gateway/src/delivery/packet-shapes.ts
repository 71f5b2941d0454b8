// The forms of one message: by version, QoS, retain flag, Subscription Identifiers and Topic Alias. QoS 0 copies of one form
// without identifiers share their bytes, which lie end to end with those of other messages of the form.

import { ABSENT, OutboundPublish } from '@robustmq/mqtt-codec';
import type { OutboundTopicAliases } from '@robustmq/mqtt-session';
import { SharedPages } from '../transport/shared-pages.ts';
import type { Message } from './message.ts';
import type { ReceivingSession } from './session-ports.ts';

/** Forms of a QoS 0 packet without Subscription Identifiers: version 5 or not, retain or not. */
const SHAPES = 4;
const NO_IDENTIFIERS: readonly number[] = [];

type Qos = OutboundPublish['qos'];
type ShapedFor = Pick<ReceivingSession, 'isVersion5' | 'maximumPacketBytes'>;

/** The packet that is being made of the message at hand. */
export class PacketShapes {
  /** As it was shaped last. */
  readonly publish = new OutboundPublish();
  /** Where the packet that {@link shared} answered last lies. */
  sharedStart = 0;
  sharedEnd = 0;
  /** A page per form: what goes to the same sockets then lies end to end, and leaves as one range. */
  readonly #pages = Array.from({ length: SHAPES }, () => new SharedPages());
  readonly #sharedBuffers: (Buffer | null)[] = new Array<Buffer | null>(SHAPES).fill(null);
  readonly #sharedStarts = new Int32Array(SHAPES);
  readonly #sharedEnds = new Int32Array(SHAPES);

  /** Begins with a message; `expiryS` below 0: it has no expiry. */
  begin(message: Message, expiryS: number): void {
    const { publish } = this;
    publish.messageExpiryIntervalS = expiryS < 0 ? ABSENT : expiryS;
    publish.topic = message.topic;
    publish.payload = message.payload;
    publish.payloadStart = message.payloadStart;
    publish.payloadEnd = message.payloadEnd;
    publish.forwardedProperties = message.forwardedProperties;
    for (let shape = 0; shape < SHAPES; shape++) this.#sharedBuffers[shape] = null;
  }

  /** Gives the packet its form for a receiver; its size. */
  shape(isVersion5: boolean, qos: Qos, retain: boolean, identifiers: readonly number[] | null): number {
    const { publish } = this;
    publish.version = isVersion5 ? 5 : 4;
    publish.qos = qos;
    publish.retain = retain;
    publish.dup = false;
    publish.subscriptionIdentifiers = identifiers ?? NO_IDENTIFIERS;
    return publish.sizeBytes;
  }

  /** As {@link shape}, with a Topic Alias if the receiver has or gets one for the topic. */
  shapeWithAlias(
    session: ShapedFor,
    aliases: OutboundTopicAliases,
    qos: Qos,
    retain: boolean,
    identifiers: readonly number[] | null,
  ): number {
    const sizeBytes = this.shape(session.isVersion5, qos, retain, identifiers);
    const { publish } = this;
    const known = aliases.known(publish.topic);
    publish.topicAlias = known > 0 ? known : aliases.next;
    publish.omitTopic = known > 0;
    const aliasedBytes = publish.sizeBytes;
    if (aliasedBytes <= session.maximumPacketBytes) return aliasedBytes;
    this.forgetAlias();
    return sizeBytes;
  }

  /** The next packet of another receiver has none. */
  forgetAlias(): void {
    this.publish.topicAlias = 0;
    this.publish.omitTopic = false;
  }

  /** The QoS 0 packet that all receivers of a form are sent alike, from {@link sharedStart} to {@link sharedEnd}. */
  shared(isVersion5: boolean, retain: boolean): Buffer {
    const shape = (isVersion5 ? 1 : 0) | (retain ? 2 : 0);
    const buffer = this.#sharedBuffers[shape] ?? this.#encodeShared(shape, isVersion5, retain);
    this.sharedStart = this.#sharedStarts[shape]!;
    this.sharedEnd = this.#sharedEnds[shape]!;
    return buffer;
  }

  #encodeShared(shape: number, isVersion5: boolean, retain: boolean): Buffer {
    const pages = this.#pages[shape]!;
    const page = pages.reserve(this.shape(isVersion5, 0, retain, null));
    const end = this.publish.encode(page, pages.position);
    this.#sharedStarts[shape] = pages.advance(end);
    this.#sharedEnds[shape] = end;
    this.#sharedBuffers[shape] = page;
    return page;
  }
}
