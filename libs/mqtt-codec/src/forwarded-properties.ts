// The PUBLISH properties that the server passes on unaltered [MQTT-3.3.2-4] [MQTT-3.3.2-15..20], as one block of bytes
// in their wire form, so that a fan-out copies them without looking.

import { ABSENT } from './publish-view.ts';
import { PROPERTY } from './property.ts';

/** The forwarded properties of one message. Values are given in their stored form. */
export interface ForwardedProperties {
  /** 0 or 1, or {@link ABSENT}. */
  readonly payloadFormatIndicator: number;
  readonly contentType: string | undefined;
  readonly responseTopic: string | undefined;
  readonly correlationData: Uint8Array | undefined;
  /** Names and values alternating. */
  readonly userProperties: readonly string[];
}

const NONE = Buffer.alloc(0);

/** The wire form of `properties`; strings longer than 65,535 bytes can't have come over MQTT and are the caller's error. */
export function encodeForwardedProperties(properties: ForwardedProperties): Buffer {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } = properties;
  let size = payloadFormatIndicator === ABSENT ? 0 : 2;
  if (contentType !== undefined) size += 3 + Buffer.byteLength(contentType);
  if (responseTopic !== undefined) size += 3 + Buffer.byteLength(responseTopic);
  if (correlationData !== undefined) size += 3 + correlationData.length;
  for (let index = 0; index < userProperties.length; index++) {
    // One identifier per pair, one length per string.
    size += ((index & 1) === 0 ? 3 : 2) + Buffer.byteLength(userProperties[index]!);
  }
  if (size === 0) return NONE;
  const target = Buffer.allocUnsafe(size);
  let at = 0;
  if (payloadFormatIndicator !== ABSENT) {
    target[at++] = PROPERTY.payloadFormatIndicator;
    target[at++] = payloadFormatIndicator;
  }
  if (contentType !== undefined) at = writeString(target, at, PROPERTY.contentType, contentType);
  if (responseTopic !== undefined) at = writeString(target, at, PROPERTY.responseTopic, responseTopic);
  if (correlationData !== undefined) {
    target[at++] = PROPERTY.correlationData;
    at = target.writeUInt16BE(correlationData.length, at);
    target.set(correlationData, at);
    at += correlationData.length;
  }
  for (let index = 0; index + 1 < userProperties.length; index += 2) {
    at = writeString(target, at, PROPERTY.userProperty, userProperties[index]!);
    at = writeString(target, at, 0, userProperties[index + 1]!);
  }
  return target;
}

/** Writes a property, or only the string when `id` is 0. */
function writeString(target: Buffer, position: number, id: number, text: string): number {
  let at = position;
  if (id !== 0) target[at++] = id;
  const size = target.write(text, at + 2, 'utf8');
  target.writeUInt16BE(size, at);
  return at + 2 + size;
}
