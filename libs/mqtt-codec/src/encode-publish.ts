// PUBLISH to a client. A fan-out encodes once per shape (version, QoS, flags, subscription identifiers, alias) and then
// copies the bytes, patching the Packet Identifier at `packetIdPosition`.

import type { ProtocolVersion, Qos } from './control-packet.ts';
import { ABSENT } from './publish-view.ts';
import { PROPERTY } from './property.ts';

const NO_BYTES = new Uint8Array(0);
const NO_IDS: readonly number[] = [];
/** Strings up to here are written byte by byte, which beats a call into the runtime. */
const SHORT_TEXT = 48;

/** A PUBLISH to be encoded; a reusable object. */
export class OutboundPublish {
  version: ProtocolVersion = 4;
  /** Sent unless `topicAlias` is set and `omitTopic` says that the client knows the alias. */
  topic = '';
  omitTopic = false;
  qos: Qos = 0;
  retain = false;
  dup = false;
  /** 1..65535 at QoS > 0. */
  packetId = 0;
  payload: Uint8Array = NO_BYTES;
  payloadStart = 0;
  payloadEnd = 0;
  /** MQTT 5 only, as are all the following: seconds that are left, or {@link ABSENT}. */
  messageExpiryIntervalS = ABSENT;
  /** 1..65535, or 0 for none. */
  topicAlias = 0;
  /** Each 1..268,435,455. */
  subscriptionIdentifiers: readonly number[] = NO_IDS;
  /** Properties that the publisher sets and the server passes on unaltered, in their wire form. */
  forwardedProperties: Uint8Array = NO_BYTES;
  /** Written by {@link encode}: where the Packet Identifier is in the target, or -1 at QoS 0. */
  packetIdPosition = -1;

  /** Bytes of the whole packet: what Maximum Packet Size counts and {@link encode} needs. */
  get sizeBytes(): number {
    const remaining = remainingLength(this);
    return 1 + sizeOfVarint(remaining) + remaining;
  }

  /** Writes the whole packet at `position` (room for {@link sizeBytes}) and returns the position behind it. */
  encode(target: Buffer, position: number): number {
    const at = this.encodeHead(target, position);
    const { payload, payloadStart, payloadEnd } = this;
    const size = payloadEnd - payloadStart;
    if (payloadStart === 0 && payloadEnd === payload.length) target.set(payload, at);
    else if (payload instanceof Buffer) payload.copy(target, at, payloadStart, payloadEnd);
    else target.set(payload.subarray(payloadStart, payloadEnd), at);
    return at + size;
  }

  /**
   * Writes the packet up to its payload, with the payload's length counted, and returns the position behind it. For
   * payloads that go out as a buffer of their own.
   */
  encodeHead(target: Buffer, position: number): number {
    let at = position;
    target[at++] = 0x30 | (this.dup ? 8 : 0) | (this.qos << 1) | (this.retain ? 1 : 0);
    at = writeVarint(target, at, remainingLength(this));
    const topicAt = at + 2;
    at = this.omitTopic ? topicAt : writeText(target, topicAt, this.topic);
    target[topicAt - 2] = (at - topicAt) >>> 8;
    target[topicAt - 1] = at - topicAt;
    this.packetIdPosition = -1;
    if (this.qos > 0) {
      this.packetIdPosition = at;
      target[at++] = this.packetId >>> 8;
      target[at++] = this.packetId;
    }
    return this.version === 5 ? writeProperties(target, at, this) : at;
  }
}

/** Sets the Packet Identifier of an encoded PUBLISH. */
export function patchPacketId(target: Uint8Array, packetIdPosition: number, packetId: number): void {
  target[packetIdPosition] = packetId >>> 8;
  target[packetIdPosition + 1] = packetId;
}

function remainingLength(publish: OutboundPublish): number {
  let size = 2 + (publish.omitTopic ? 0 : sizeOfText(publish.topic));
  if (publish.qos > 0) size += 2;
  if (publish.version === 5) {
    const properties = propertiesSize(publish);
    size += sizeOfVarint(properties) + properties;
  }
  return size + publish.payloadEnd - publish.payloadStart;
}

function propertiesSize(publish: OutboundPublish): number {
  let size = publish.forwardedProperties.length;
  if (publish.messageExpiryIntervalS >= 0) size += 5;
  if (publish.topicAlias > 0) size += 3;
  const ids = publish.subscriptionIdentifiers;
  for (let index = 0; index < ids.length; index++) size += 1 + sizeOfVarint(ids[index]!);
  return size;
}

function writeProperties(target: Buffer, position: number, publish: OutboundPublish): number {
  let at = writeVarint(target, position, propertiesSize(publish));
  if (publish.messageExpiryIntervalS >= 0) {
    target[at++] = PROPERTY.messageExpiryInterval;
    const interval = publish.messageExpiryIntervalS;
    target[at++] = interval >>> 24;
    target[at++] = interval >>> 16;
    target[at++] = interval >>> 8;
    target[at++] = interval;
  }
  if (publish.topicAlias > 0) {
    target[at++] = PROPERTY.topicAlias;
    target[at++] = publish.topicAlias >>> 8;
    target[at++] = publish.topicAlias;
  }
  const ids = publish.subscriptionIdentifiers;
  for (let index = 0; index < ids.length; index++) {
    target[at++] = PROPERTY.subscriptionIdentifier;
    at = writeVarint(target, at, ids[index]!);
  }
  target.set(publish.forwardedProperties, at);
  return at + publish.forwardedProperties.length;
}

function sizeOfText(text: string): number {
  if (text.length > SHORT_TEXT) return Buffer.byteLength(text);
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) >= 0x80) return Buffer.byteLength(text);
  }
  return text.length;
}

function writeText(target: Buffer, position: number, text: string): number {
  if (text.length > SHORT_TEXT) return position + target.write(text, position, 'utf8');
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code >= 0x80) return position + target.write(text, position, 'utf8');
    target[position + index] = code;
  }
  return position + text.length;
}

/** Bytes of a Variable Byte Integer (section 1.5.5). */
export function sizeOfVarint(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

/** Writes a Variable Byte Integer and returns the position behind it. */
export function writeVarint(target: Uint8Array, position: number, value: number): number {
  let at = position;
  let rest = value;
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}
