// Big-endian 64-bit fields as JS numbers. Offsets, ids and timestamps are safe integers in this system, so a value
// beyond them is an error of the sender, not a reason for bigint on the hot path.

import { BrokerError } from '@robustmq/errors';

const TWO_32 = 2 ** 32;

/**
 * The signed 64-bit integer at `position`; the caller has checked that eight bytes are there.
 * @throws BrokerError out_of_range beyond ±(2^53 - 1).
 */
export function readInt64(buffer: Uint8Array, position: number): number {
  const value = readInt64Rounded(buffer, position);
  if (!Number.isSafeInteger(value)) throw unsafeInteger();
  return value;
}

function unsafeInteger(): BrokerError {
  return new BrokerError('out_of_range', 'integer is beyond the safe range');
}

/** As {@link readInt64}, but the nearest double instead of an error: for fields where clients send Long.MAX_VALUE. */
export function readInt64Rounded(buffer: Uint8Array, position: number): number {
  const high = readInt32(buffer, position);
  return high * TWO_32 + (readInt32(buffer, position + 4) >>> 0);
}

/**
 * Writes a safe integer as a signed 64-bit field; the caller has made room.
 * @throws BrokerError out_of_range beyond ±(2^53 - 1): rounded without a word, two numbers would become one.
 */
export function writeInt64(buffer: Uint8Array, position: number, value: number): void {
  if (!(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) throw unsafeInteger();
  writeInt32(buffer, position, Math.floor(value / TWO_32));
  writeInt32(buffer, position + 4, value % TWO_32);
}

/** The signed 32-bit integer at `position`; the caller has checked that four bytes are there. */
export function readInt32(buffer: Uint8Array, position: number): number {
  return (
    (buffer[position]! << 24) |
    (buffer[position + 1]! << 16) |
    (buffer[position + 2]! << 8) |
    buffer[position + 3]!
  );
}

/** Writes the low 32 bits of `value`; the caller has made room. */
export function writeInt32(buffer: Uint8Array, position: number, value: number): void {
  const bits = value | 0;
  buffer[position] = bits >>> 24;
  buffer[position + 1] = bits >>> 16;
  buffer[position + 2] = bits >>> 8;
  buffer[position + 3] = bits;
}

/** The signed 16-bit integer at `position`; the caller has checked that two bytes are there. */
export function readInt16(buffer: Uint8Array, position: number): number {
  return ((buffer[position]! << 24) >> 16) | buffer[position + 1]!;
}

/** Writes the low 16 bits of `value`; the caller has made room. */
export function writeInt16(buffer: Uint8Array, position: number, value: number): void {
  buffer[position] = value >>> 8;
  buffer[position + 1] = value;
}
