// The properties of MQTT 5 (section 2.2.2.2): identifiers, types and the strict walk over a property section that
// mqtt-packet lacks: it knows no packet's own list, hides duplicates and lets a value run past the section's end.

import { malformedPacket, protocolError } from './decode-error.ts';
import { overPacketLimit } from './packet-limits.ts';
import { isMqttUtf8 } from './utf8.ts';

/** Property identifiers (table 2-4). */
export const PROPERTY = {
  payloadFormatIndicator: 0x01,
  messageExpiryInterval: 0x02,
  contentType: 0x03,
  responseTopic: 0x08,
  correlationData: 0x09,
  subscriptionIdentifier: 0x0b,
  sessionExpiryInterval: 0x11,
  assignedClientIdentifier: 0x12,
  serverKeepAlive: 0x13,
  authenticationMethod: 0x15,
  authenticationData: 0x16,
  requestProblemInformation: 0x17,
  willDelayInterval: 0x18,
  requestResponseInformation: 0x19,
  responseInformation: 0x1a,
  serverReference: 0x1c,
  reasonString: 0x1f,
  receiveMaximum: 0x21,
  topicAliasMaximum: 0x22,
  topicAlias: 0x23,
  maximumQos: 0x24,
  retainAvailable: 0x25,
  userProperty: 0x26,
  maximumPacketSize: 0x27,
  wildcardSubscriptionAvailable: 0x28,
  subscriptionIdentifierAvailable: 0x29,
  sharedSubscriptionAvailable: 0x2a,
} as const;

const NONE = 0;
const BYTE = 1;
const INT16 = 2;
const INT32 = 3;
const VARINT = 4;
const STRING = 5;
const BINARY = 6;
const PAIR = 7;

/** One past the largest identifier. */
export const PROPERTY_ID_END = 0x2b;

/** Type by identifier; {@link NONE} for an unknown one. */
const TYPES = new Uint8Array(PROPERTY_ID_END);
for (const id of [0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2a]) TYPES[id] = BYTE;
for (const id of [0x13, 0x21, 0x22, 0x23]) TYPES[id] = INT16;
for (const id of [0x02, 0x11, 0x18, 0x27]) TYPES[id] = INT32;
TYPES[0x0b] = VARINT;
for (const id of [0x03, 0x08, 0x12, 0x15, 0x1a, 0x1c, 0x1f]) TYPES[id] = STRING;
for (const id of [0x09, 0x16]) TYPES[id] = BINARY;
TYPES[0x26] = PAIR;

/** Identifiers whose value 0 is a Protocol Error: Receive Maximum, Maximum Packet Size, Subscription Identifier. */
function refusesZero(id: number): boolean {
  return (
    id === PROPERTY.receiveMaximum ||
    id === PROPERTY.maximumPacketSize ||
    id === PROPERTY.subscriptionIdentifier
  );
}

/** A walk over one property section: call {@link next} until it answers 0, then read the value's fields. */
export class PropertyWalk {
  /** Number value of the property that `next` answered (byte, 2 and 4 byte and variable byte integers). */
  value = 0;
  /** Range of a string or binary value without its length; of a pair: its name. */
  start = 0;
  end = 0;
  /** Range of the value of a pair. */
  pairStart = 0;
  pairEnd = 0;
  /** Where the properties of the opened section begin, behind its length. */
  contentStart = 0;
  #buffer: Uint8Array = EMPTY;
  #at = 0;
  #limit = 0;
  #userPropertiesLeft = 0;
  #maxUserProperties = 0;
  readonly #allowed: ReadonlySet<number>;
  readonly #serverOnly: number;
  /** One bit per identifier seen: 0..31 in `low`, the rest in `high`. */
  #seenLow = 0;
  #seenHigh = 0;

  /**
   * @param allowed the identifiers that the packet may carry; another one makes it malformed (section 2.2.2.2).
   * @param serverOnly one that the packet may carry, but not towards a server: a Protocol Error.
   */
  constructor(allowed: ReadonlySet<number>, serverOnly = 0) {
    this.#allowed = allowed;
    this.#serverOnly = serverOnly;
  }

  /** Starts at the length of the section at `start` of a packet that ends at `limit`; returns where the section ends. */
  open(buffer: Uint8Array, start: number, limit: number, maxUserProperties: number): number {
    this.#buffer = buffer;
    this.#maxUserProperties = this.#userPropertiesLeft = maxUserProperties;
    this.#seenLow = 0;
    this.#seenHigh = 0;
    this.#at = start;
    this.#limit = limit;
    const size = this.#varint();
    if (this.#at + size > limit) throw malformedPacket('properties run past the end of the packet');
    this.contentStart = this.#at;
    this.#limit = this.#at + size;
    return this.#limit;
  }

  /** Starts at the content of a section that was checked before. */
  reopen(buffer: Uint8Array, contentStart: number, end: number): void {
    this.#buffer = buffer;
    this.#userPropertiesLeft = Number.POSITIVE_INFINITY;
    this.#seenLow = 0;
    this.#seenHigh = 0;
    this.#at = contentStart;
    this.#limit = end;
  }

  /** The identifier of the next property, checked, or 0 at the end of the section. */
  next(): number {
    if (this.#at >= this.#limit) {
      this.#buffer = EMPTY;
      return 0;
    }
    // Identifiers are variable byte integers, but all of them fit one byte.
    const id = this.#buffer[this.#at++]!;
    const type = id < PROPERTY_ID_END ? TYPES[id]! : NONE;
    if (type === NONE) throw malformedPacket(`property ${id} is unknown`);
    if (!this.#allowed.has(id)) {
      if (id === this.#serverOnly) throw protocolError(`property ${id} from a client`);
      throw malformedPacket(`property ${id} is not allowed in this packet`);
    }
    if (this.#isRepeat(id)) throw protocolError(`property ${id} appears more than once`);
    this.#read(id, type);
    return id;
  }

  #isRepeat(id: number): boolean {
    if (id === PROPERTY.userProperty) {
      if (--this.#userPropertiesLeft < 0) throw overPacketLimit('user properties', this.#maxUserProperties);
      return false;
    }
    if (id < 32) {
      const bit = 1 << id;
      if ((this.#seenLow & bit) !== 0) return true;
      this.#seenLow |= bit;
      return false;
    }
    const bit = 1 << (id - 32);
    if ((this.#seenHigh & bit) !== 0) return true;
    this.#seenHigh |= bit;
    return false;
  }

  #read(id: number, type: number): void {
    switch (type) {
      case BYTE:
        this.value = this.#buffer[this.#take(1)]!;
        // Every byte property of MQTT 5 is a flag.
        if (this.value > 1) throw protocolError(`property ${id} is neither 0 nor 1`);
        return;
      case INT16: {
        const at = this.#take(2);
        this.value = (this.#buffer[at]! << 8) | this.#buffer[at + 1]!;
        break;
      }
      case INT32: {
        const at = this.#take(4);
        const bytes = this.#buffer;
        this.value =
          ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
        break;
      }
      case VARINT:
        this.value = this.#varint();
        break;
      case PAIR: {
        this.#string();
        const { start, end } = this;
        this.#string();
        this.pairStart = this.start;
        this.pairEnd = this.end;
        this.start = start;
        this.end = end;
        return;
      }
      case STRING:
        this.#string();
        return;
      default:
        this.#binary();
        return;
    }
    if (this.value === 0 && refusesZero(id)) throw protocolError(`property ${id} is zero`);
  }

  #string(): void {
    this.#binary();
    if (!isMqttUtf8(this.#buffer, this.start, this.end)) {
      throw malformedPacket('string is not valid UTF-8 [MQTT-1.5.4-1] [MQTT-1.5.4-2]');
    }
  }

  #binary(): void {
    const at = this.#take(2);
    const size = (this.#buffer[at]! << 8) | this.#buffer[at + 1]!;
    this.start = this.#take(size);
    this.end = this.start + size;
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#limit) throw malformedPacket('property value runs past the end of the properties');
    this.#at = at + size;
    return at;
  }

  /** A Variable Byte Integer of minimal length [MQTT-1.5.5-1]. */
  #varint(): number {
    let value = 0;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= this.#limit) throw malformedPacket('variable byte integer runs past the end');
      const byte = this.#buffer[this.#at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0)
          throw malformedPacket('variable byte integer is not minimal [MQTT-1.5.5-1]');
        return value;
      }
    }
    throw malformedPacket('variable byte integer has more than four bytes');
  }
}

const EMPTY = new Uint8Array(0);
