// The checksum of record batches and stored frames.

import { crc32c as nativeCrc32c } from '@node-rs/crc32';

/**
 * CRC-32C (Castagnoli, RFC 3720) of `buffer[start, end)` as an unsigned 32-bit number.
 * `initial` is the CRC of what came before, so a CRC can be computed over pieces.
 */
export function crc32c(buffer: Buffer, start = 0, end: number = buffer.length, initial = 0): number {
  const range = start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end);
  return nativeCrc32c(range, initial);
}
