// Variable-length integers as Kafka and protobuf write them: seven bits per byte, least significant first.
// Free functions over (buffer, cursor, limit): they allocate nothing, so record walkers use them directly.

import { BrokerError } from '@robustmq/errors';

/** Where to read next; the functions of this file move it on. A ByteReader is one. */
export interface Cursor {
  position: number;
}

/** Bytes of the longest encoding of a 32-bit value. */
export const MAX_VARINT_BYTES = 5;
/** Bytes of the longest encoding of a 64-bit value. */
export const MAX_VARLONG_BYTES = 10;

const TWO_27 = 2 ** 27;
const TWO_28 = 2 ** 28;

function truncated(): BrokerError {
  return new BrokerError('malformed', 'variable-length integer runs past the end');
}

function tooLong(): BrokerError {
  return new BrokerError('malformed', 'variable-length integer has too many bytes');
}

/**
 * Reads an unsigned 32-bit varint at the cursor. Longer-than-minimal encodings within five bytes are accepted, as
 * Kafka's own reader does.
 * @throws BrokerError malformed when it runs past `limit` or does not fit 32 bits.
 */
export function readUVarint(buffer: Uint8Array, cursor: Cursor, limit: number): number {
  let at = cursor.position;
  if (at >= limit) throw truncated();
  let byte = buffer[at++]!;
  if (byte < 0x80) {
    cursor.position = at;
    return byte;
  }
  let value = byte & 0x7f;
  for (let shift = 7; shift <= 28; shift += 7) {
    if (at >= limit) throw truncated();
    byte = buffer[at++]!;
    if (shift === 28 && byte > 0x0f) throw tooLong();
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      cursor.position = at;
      return value >>> 0;
    }
  }
  throw tooLong();
}

/** Reads a zigzag 32-bit varint, a signed value. Errors as {@link readUVarint}. */
export function readVarint(buffer: Uint8Array, cursor: Cursor, limit: number): number {
  const raw = readUVarint(buffer, cursor, limit);
  return (raw >>> 1) ^ -(raw & 1);
}

/** The two low groups of four bytes (28 bits each) of the long being read; the rest must be zero. */
let longLow = 0;
let longHigh = 0;

function readLongGroups(buffer: Uint8Array, cursor: Cursor, limit: number): void {
  let at = cursor.position;
  let low = 0;
  let high = 0;
  for (let index = 0; index < MAX_VARLONG_BYTES; index++) {
    if (at >= limit) throw truncated();
    const byte = buffer[at++]!;
    const bits = byte & 0x7f;
    if (index < 4) low |= bits << (7 * index);
    else if (index < 8) high |= bits << (7 * (index - 4));
    else if (bits !== 0) throw new BrokerError('out_of_range', 'integer is beyond the safe range');
    if (byte < 0x80) {
      cursor.position = at;
      longLow = low;
      longHigh = high;
      return;
    }
  }
  throw tooLong();
}

function safe(value: number): number {
  if (!Number.isSafeInteger(value)) throw new BrokerError('out_of_range', 'integer is beyond the safe range');
  return value;
}

/**
 * Reads an unsigned 64-bit varint as a safe integer.
 * @throws BrokerError malformed as {@link readUVarint}; out_of_range beyond 2^53 - 1.
 */
export function readUVarlong(buffer: Uint8Array, cursor: Cursor, limit: number): number {
  readLongGroups(buffer, cursor, limit);
  return safe(longHigh * TWO_28 + longLow);
}

/** Reads a zigzag 64-bit varint as a safe integer. Errors as {@link readUVarlong}. */
export function readVarlong(buffer: Uint8Array, cursor: Cursor, limit: number): number {
  readLongGroups(buffer, cursor, limit);
  const magnitude = longHigh * TWO_27 + (longLow >>> 1);
  return safe((longLow & 1) === 0 ? magnitude : -magnitude - 1);
}

/** Bytes that {@link writeUVarint} takes for an unsigned 32-bit value. */
export function sizeOfUVarint(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

/** Bytes that {@link writeVarint} takes for a signed 32-bit value. */
export function sizeOfVarint(value: number): number {
  return sizeOfUVarint(((value << 1) ^ (value >> 31)) >>> 0);
}

/** Bytes that {@link writeVarlong} takes for a safe integer. */
export function sizeOfVarlong(value: number): number {
  if (value >= -0x4000_0000 && value < 0x4000_0000) return sizeOfVarint(value);
  let magnitude = value < 0 ? -(value + 1) : value;
  let size = 1;
  for (magnitude = Math.floor(magnitude / 64); magnitude > 0; magnitude = Math.floor(magnitude / 128)) size++;
  return size;
}

/** Writes an unsigned 32-bit varint at `position`; the caller has made room. Returns the position behind it. */
export function writeUVarint(buffer: Uint8Array, position: number, value: number): number {
  let rest = value >>> 0;
  let at = position;
  while (rest >= 0x80) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[at++] = rest;
  return at;
}

/** Writes a zigzag 32-bit varint at `position`; the caller has made room. Returns the position behind it. */
export function writeVarint(buffer: Uint8Array, position: number, value: number): number {
  return writeUVarint(buffer, position, (value << 1) ^ (value >> 31));
}

/** Writes an unsigned safe integer as a 64-bit varint; the caller has made room. Returns the position behind it. */
export function writeUVarlong(buffer: Uint8Array, position: number, value: number): number {
  let rest = value;
  let at = position;
  while (rest >= 0x8000_0000) {
    buffer[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  return writeUVarint(buffer, at, rest);
}

/** Writes a zigzag safe integer as a 64-bit varint; the caller has made room. Returns the position behind it. */
export function writeVarlong(buffer: Uint8Array, position: number, value: number): number {
  if (value >= -0x4000_0000 && value < 0x4000_0000) {
    return writeUVarint(buffer, position, (value << 1) ^ (value >> 31));
  }
  // Twice a safe integer may be none, so the sign bit and the low six bits leave first.
  const magnitude = value < 0 ? -(value + 1) : value;
  buffer[position] = ((magnitude % 64) << 1) | (value < 0 ? 1 : 0) | 0x80;
  return writeUVarlong(buffer, position + 1, Math.floor(magnitude / 64));
}
