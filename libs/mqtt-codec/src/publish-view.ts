// A received PUBLISH as the decoder sees it: ranges into the received bytes, checked but not copied. The properties
// section is checked once when the packet arrives; strings are decoded only when asked for.

import type { Qos } from './control-packet.ts';
import { malformedPacket, protocolError } from './decode-error.ts';
import { PROPERTY, PropertyWalk } from './property.ts';

const PUBLISH_PROPERTIES: ReadonlySet<number> = new Set([
  PROPERTY.payloadFormatIndicator,
  PROPERTY.messageExpiryInterval,
  PROPERTY.contentType,
  PROPERTY.responseTopic,
  PROPERTY.correlationData,
  PROPERTY.topicAlias,
  PROPERTY.userProperty,
]);
const walk = new PropertyWalk(PUBLISH_PROPERTIES, PROPERTY.subscriptionIdentifier); // [MQTT-3.3.4-6]

/** No such property in the packet: what the start of its range or its number says. */
export const ABSENT = -1;

const NO_BYTES = Buffer.alloc(0);

/**
 * One object per decoder, overwritten by the next PUBLISH and valid only inside the callback: whoever keeps the message
 * copies what it needs. All positions are into `buffer`, which belongs to the socket.
 */
export class PublishView {
  /** Empty when the packet relies on its Topic Alias. */
  topic = '';
  /** The topic is well-formed and has more levels than are served: for the Reason Code 0x90. */
  isTopicTooDeep = false;
  qos: Qos = 0;
  retain = false;
  dup = false;
  /** 1..65535, or 0 at QoS 0. */
  packetId = 0;
  buffer: Buffer = NO_BYTES;
  payloadStart = 0;
  payloadEnd = 0;
  /** Content of the properties section without its length; empty in 3.x. */
  propertiesStart = 0;
  propertiesEnd = 0;
  /** 1..65535, or 0 when absent. */
  topicAlias = 0;
  /** Seconds, or {@link ABSENT}. */
  messageExpiryIntervalS = ABSENT;
  /** 0 or 1, or {@link ABSENT}. */
  payloadFormatIndicator = ABSENT;
  /** Ranges of the properties' values; the start is {@link ABSENT} when the property is. */
  contentTypeStart = ABSENT;
  contentTypeEnd = 0;
  responseTopicStart = ABSENT;
  responseTopicEnd = 0;
  correlationDataStart = ABSENT;
  correlationDataEnd = 0;
  userPropertyCount = 0;

  /** The payload as a view of the received bytes. */
  get payload(): Buffer {
    return this.buffer.subarray(this.payloadStart, this.payloadEnd);
  }

  get contentType(): string | undefined {
    return this.#text(this.contentTypeStart, this.contentTypeEnd);
  }

  get responseTopic(): string | undefined {
    return this.#text(this.responseTopicStart, this.responseTopicEnd);
  }

  /** Correlation Data as a view of the received bytes. */
  get correlationData(): Buffer | undefined {
    if (this.correlationDataStart === ABSENT) return undefined;
    return this.buffer.subarray(this.correlationDataStart, this.correlationDataEnd);
  }

  /** Names and values alternating, in the order of the packet [MQTT-3.3.2-18]. */
  userProperties(): string[] {
    const pairs: string[] = [];
    if (this.userPropertyCount === 0) return pairs;
    walk.reopen(this.buffer, this.propertiesStart, this.propertiesEnd);
    for (let id = walk.next(); id !== 0; id = walk.next()) {
      if (id !== PROPERTY.userProperty) continue;
      pairs.push(
        this.buffer.toString('utf8', walk.start, walk.end),
        this.buffer.toString('utf8', walk.pairStart, walk.pairEnd),
      );
    }
    return pairs;
  }

  /** For the decoder: no properties, the payload starts at `at`. */
  clearProperties(at: number): void {
    this.propertiesStart = at;
    this.propertiesEnd = at;
    this.topicAlias = 0;
    this.messageExpiryIntervalS = ABSENT;
    this.payloadFormatIndicator = ABSENT;
    this.contentTypeStart = ABSENT;
    this.responseTopicStart = ABSENT;
    this.correlationDataStart = ABSENT;
    this.userPropertyCount = 0;
  }

  /** For the decoder: checks the properties section at `at` and notes where its values are; returns its end. */
  readProperties(at: number, limit: number, maxUserProperties: number): number {
    const end = walk.open(this.buffer, at, limit, maxUserProperties);
    this.clearProperties(end);
    this.propertiesStart = walk.contentStart;
    for (let id = walk.next(); id !== 0; id = walk.next()) this.#note(id);
    return end;
  }

  #note(id: number): void {
    switch (id) {
      case PROPERTY.topicAlias:
        if (walk.value === 0) throw protocolError('Topic Alias 0 [MQTT-3.3.2-8]', 0x94);
        this.topicAlias = walk.value;
        break;
      case PROPERTY.messageExpiryInterval:
        this.messageExpiryIntervalS = walk.value;
        break;
      case PROPERTY.payloadFormatIndicator:
        this.payloadFormatIndicator = walk.value;
        break;
      case PROPERTY.contentType:
        this.contentTypeStart = walk.start;
        this.contentTypeEnd = walk.end;
        break;
      case PROPERTY.responseTopic:
        if (hasWildcard(this.buffer, walk.start, walk.end)) {
          throw protocolError('Response Topic has a wildcard [MQTT-3.3.2-14]');
        }
        if (walk.start === walk.end) throw malformedPacket('Response Topic is empty [MQTT-4.7.3-1]');
        this.responseTopicStart = walk.start;
        this.responseTopicEnd = walk.end;
        break;
      case PROPERTY.correlationData:
        this.correlationDataStart = walk.start;
        this.correlationDataEnd = walk.end;
        break;
      default:
        this.userPropertyCount++;
    }
  }

  #text(start: number, end: number): string | undefined {
    return start === ABSENT ? undefined : this.buffer.toString('utf8', start, end);
  }
}

/** Whether `buffer[start, end)` has a `+` or `#`, which no Topic Name may. */
export function hasWildcard(buffer: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = buffer[at]!;
    if (byte === 0x23 || byte === 0x2b) return true;
  }
  return false;
}
