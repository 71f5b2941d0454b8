// What the specification forbids and mqtt-packet lets pass, checked before it decodes a packet: string encoding, fields
// that run past the packet, bytes behind its end, packet identifier 0, property rules, CONNECT flags and names.

import { BrokerError } from '@robustmq/errors';
import { CLIENT_AUTH_REASONS, CLIENT_DISCONNECT_REASONS } from './reason-code.ts';
import type { ProtocolVersion } from './control-packet.ts';
import { malformedPacket, protocolError, unsupportedVersion } from './decode-error.ts';
import { overPacketLimit, type PacketLimits } from './packet-limits.ts';
import { PROPERTY, PropertyWalk } from './property.ts';
import { hasWildcard } from './publish-view.ts';
import { isMqttUtf8 } from './utf8.ts';

const connectProperties = new PropertyWalk(
  new Set([
    PROPERTY.sessionExpiryInterval,
    PROPERTY.receiveMaximum,
    PROPERTY.maximumPacketSize,
    PROPERTY.topicAliasMaximum,
    PROPERTY.requestResponseInformation,
    PROPERTY.requestProblemInformation,
    PROPERTY.userProperty,
    PROPERTY.authenticationMethod,
    PROPERTY.authenticationData,
  ]),
);
const willProperties = new PropertyWalk(
  new Set([
    PROPERTY.willDelayInterval,
    PROPERTY.payloadFormatIndicator,
    PROPERTY.messageExpiryInterval,
    PROPERTY.contentType,
    PROPERTY.responseTopic,
    PROPERTY.correlationData,
    PROPERTY.userProperty,
  ]),
);
const subscribeProperties = new PropertyWalk(
  new Set([PROPERTY.subscriptionIdentifier, PROPERTY.userProperty]),
);
const unsubscribeProperties = new PropertyWalk(new Set([PROPERTY.userProperty]));
const disconnectProperties = new PropertyWalk(
  new Set([PROPERTY.sessionExpiryInterval, PROPERTY.reasonString, PROPERTY.userProperty]),
  PROPERTY.serverReference,
);
const authProperties = new PropertyWalk(
  new Set([
    PROPERTY.authenticationMethod,
    PROPERTY.authenticationData,
    PROPERTY.reasonString,
    PROPERTY.userProperty,
  ]),
);

/** A cursor over one packet's variable header and payload; every read is bounded by the packet. */
class PacketCursor {
  readonly #buffer: Buffer;
  at: number;
  readonly end: number;
  readonly #limits: PacketLimits;

  constructor(buffer: Buffer, start: number, end: number, limits: PacketLimits) {
    this.#buffer = buffer;
    this.#limits = limits;
    this.at = start;
    this.end = end;
  }

  /** Moves on by `size` bytes and returns where they start. */
  take(size: number): number {
    const at = this.at;
    if (at + size > this.end) throw malformedPacket('packet is too short for its fields');
    this.at = at + size;
    return at;
  }

  byte(): number {
    return this.#buffer[this.take(1)]!;
  }

  uint16(): number {
    const at = this.take(2);
    return (this.#buffer[at]! << 8) | this.#buffer[at + 1]!;
  }

  /** A string, checked; returns where it starts (it ends at `at`). */
  string(): number {
    const start = this.take(this.uint16());
    if (!isMqttUtf8(this.#buffer, start, this.at)) {
      throw malformedPacket('string is not valid UTF-8 [MQTT-1.5.4-1] [MQTT-1.5.4-2]');
    }
    return start;
  }

  packetId(): void {
    if (this.uint16() === 0) throw protocolError('packet identifier is zero [MQTT-2.2.1-3]');
  }

  /** Checks a property section; answers whether it has Authentication Data without a Method. */
  properties(walk: PropertyWalk): void {
    this.at = walk.open(this.#buffer, this.at, this.end, this.#limits.maxUserProperties);
    let hasMethod = false;
    let hasData = false;
    for (let id = walk.next(); id !== 0; id = walk.next()) {
      if (id === PROPERTY.authenticationMethod) hasMethod = true;
      if (id === PROPERTY.authenticationData) hasData = true;
      if (id === PROPERTY.responseTopic && hasWildcard(this.#buffer, walk.start, walk.end)) {
        throw protocolError('Response Topic has a wildcard [MQTT-3.3.2-14]');
      }
    }
    if (hasData && !hasMethod) throw protocolError('Authentication Data without Authentication Method');
  }

  /** Topic Filters up to the end of the packet, `readOptions` behind each. */
  filters(readOptions: (cursor: PacketCursor) => void): void {
    const { maxTopicFilters } = this.#limits;
    for (let count = 1; this.at < this.end; count++) {
      if (count > maxTopicFilters) throw overPacketLimit('topic filters', maxTopicFilters);
      this.string();
      readOptions(this);
    }
  }

  /** Nothing may follow. */
  finish(): void {
    if (this.at !== this.end) throw malformedPacket('packet has bytes behind its last field');
  }
}

/** Set in the protocol level by a client that is the bridge of another broker. */
const BRIDGE = 0x80;
const MQTT = Buffer.from('MQTT');
const MQISDP = Buffer.from('MQIsdp');

/**
 * Checks a CONNECT and returns its protocol level.
 * @throws BrokerError unsupported for another level, malformed otherwise.
 */
export function checkConnect(
  buffer: Buffer,
  start: number,
  end: number,
  limits: PacketLimits,
): ProtocolVersion {
  const cursor = new PacketCursor(buffer, start, end, limits);
  const nameStart = cursor.string();
  const name = buffer.subarray(nameStart, cursor.at);
  const isMqisdp = name.equals(MQISDP);
  if (!isMqisdp && !name.equals(MQTT))
    throw protocolError('protocol name is neither MQTT nor MQIsdp [MQTT-3.1.2-1]');
  // Bridges of 3.x mark themselves by the high bit, which no specification knows and every broker takes.
  const levelByte = cursor.byte();
  const isBridge = levelByte === (BRIDGE | 3) || levelByte === (BRIDGE | 4);
  const level = isBridge ? levelByte - BRIDGE : levelByte;
  if (level !== (isMqisdp ? 3 : level === 4 ? 4 : 5)) throw unsupportedVersion(levelByte);
  try {
    checkConnectFields(cursor, buffer, level);
  } catch (thrown) {
    throw level === 5 ? atLevel(thrown, level) : thrown;
  }
  return level;
}

/** MQTT 5 has words for what is wrong with a CONNECT: whoever answers needs to know that it was one. */
export function atLevel(thrown: unknown, protocolLevel: number): BrokerError {
  const { code, message, details } = BrokerError.from(thrown);
  return new BrokerError(code, message, { details: { ...details, protocolLevel } });
}

function checkConnectFields(cursor: PacketCursor, buffer: Buffer, version: ProtocolVersion): void {
  const flags = cursor.byte();
  checkConnectFlags(flags, version);
  cursor.uint16();
  if (version === 5) cursor.properties(connectProperties);
  cursor.string();
  if ((flags & 0x04) !== 0) {
    if (version === 5) cursor.properties(willProperties);
    const topicStart = cursor.string();
    if (topicStart === cursor.at || hasWildcard(buffer, topicStart, cursor.at)) {
      throw malformedPacket('Will Topic is no topic name [MQTT-3.1.3-11]');
    }
    cursor.take(cursor.uint16());
  }
  // MQTT 3.1 allows the flags to announce what a client then leaves out; no client does so any more.
  if ((flags & 0x80) !== 0) cursor.string();
  if ((flags & 0x40) !== 0) cursor.take(cursor.uint16());
  cursor.finish();
}

function checkConnectFlags(flags: number, version: ProtocolVersion): void {
  // 3.1 knows no meaning of the bit and asks for no value of it.
  if ((flags & 0x01) !== 0 && version !== 3)
    throw malformedPacket('reserved CONNECT flag is set [MQTT-3.1.2-3]');
  const willQos = (flags >> 3) & 3;
  if (willQos === 3) throw malformedPacket('Will QoS is 3 [MQTT-3.1.2-12]');
  if ((flags & 0x04) === 0 && (flags & 0x38) !== 0) {
    throw malformedPacket('Will QoS or Will Retain without Will Flag [MQTT-3.1.2-11] [MQTT-3.1.2-13]');
  }
  if (version !== 5 && (flags & 0xc0) === 0x40) {
    throw malformedPacket('password without user name [MQTT-3.1.2-22]');
  }
}

/** Checks a SUBSCRIBE (section 3.8). */
export function checkSubscribe(
  buffer: Buffer,
  start: number,
  end: number,
  version: ProtocolVersion,
  limits: PacketLimits,
): void {
  const cursor = new PacketCursor(buffer, start, end, limits);
  cursor.packetId();
  if (version === 5) cursor.properties(subscribeProperties);
  if (cursor.at === end) throw protocolError('SUBSCRIBE without a topic filter [MQTT-3.8.3-2]');
  cursor.filters(version === 5 ? checkOptions : checkRequestedQos);
}

function checkOptions(cursor: PacketCursor): void {
  const options = cursor.byte();
  if ((options & 3) === 3) throw protocolError('subscription QoS is 3 [MQTT-3.8.3-4]');
  if ((options & 0xc0) !== 0) throw reservedOptions();
  if ((options & 0x30) === 0x30) throw protocolError('Retain Handling is 3');
}

function checkRequestedQos(cursor: PacketCursor): void {
  const qos = cursor.byte();
  if ((qos & 3) === 3) throw protocolError('subscription QoS is 3 [MQTT-3.8.3-4]');
  if ((qos & 0xfc) !== 0) throw reservedOptions();
}

function reservedOptions(): BrokerError {
  return malformedPacket('reserved subscription option bits are set [MQTT-3.8.3-5]');
}

function noOptions(): void {}

/** Checks an UNSUBSCRIBE (section 3.10). */
export function checkUnsubscribe(
  buffer: Buffer,
  start: number,
  end: number,
  version: ProtocolVersion,
  limits: PacketLimits,
): void {
  const cursor = new PacketCursor(buffer, start, end, limits);
  cursor.packetId();
  if (version === 5) cursor.properties(unsubscribeProperties);
  if (cursor.at === end) throw protocolError('UNSUBSCRIBE without a topic filter [MQTT-3.10.3-2]');
  cursor.filters(noOptions);
}

/** Checks a DISCONNECT (section 3.14): empty in 3.x; reason code and properties may be left out in 5. */
export function checkDisconnect(
  buffer: Buffer,
  start: number,
  end: number,
  version: ProtocolVersion,
  limits: PacketLimits,
): void {
  const cursor = new PacketCursor(buffer, start, end, limits);
  if (version === 5 && cursor.at < end) {
    const reasonCode = cursor.byte();
    if (!CLIENT_DISCONNECT_REASONS.has(reasonCode)) {
      throw protocolError(`DISCONNECT with reason code ${reasonCode} [MQTT-3.14.2-1]`);
    }
    if (cursor.at < end) cursor.properties(disconnectProperties);
  }
  cursor.finish();
}

/** Checks an AUTH (section 3.15), which only MQTT 5 has. */
export function checkAuth(
  buffer: Buffer,
  start: number,
  end: number,
  version: ProtocolVersion,
  limits: PacketLimits,
): void {
  if (version !== 5) throw protocolError('AUTH before MQTT 5');
  const cursor = new PacketCursor(buffer, start, end, limits);
  // An empty AUTH means Success, which only a server may send.
  if (cursor.at === end || !CLIENT_AUTH_REASONS.has(cursor.byte())) {
    throw protocolError('AUTH with a reason code that no client may use [MQTT-3.15.2-1]');
  }
  if (cursor.at < end) cursor.properties(authProperties);
  cursor.finish();
}

const ackProperties = new PropertyWalk(new Set([PROPERTY.reasonString, PROPERTY.userProperty]));

/** Checks the properties of a PUBACK, PUBREC, PUBREL or PUBCOMP, which end the packet. */
export function checkAckProperties(
  buffer: Buffer,
  start: number,
  end: number,
  maxUserProperties: number,
): void {
  if (ackProperties.open(buffer, start, end, maxUserProperties) !== end) {
    throw malformedPacket('packet has bytes behind its last field');
  }
  while (ackProperties.next() !== 0);
}
