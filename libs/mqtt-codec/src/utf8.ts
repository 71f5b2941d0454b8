// UTF-8 Encoded Strings (section 1.5.4): well-formed, no surrogates [MQTT-1.5.4-1], no U+0000 [MQTT-1.5.4-2].
// Node's decoder replaces what is malformed, so it can't be used as the check.

import { isUtf8 } from 'node:buffer';

/** From this size on a call into the runtime, which looks at many bytes at once, beats a loop over them. */
const LONG_BYTES = 128;

/** MQTT's own bound on a string [MQTT-1.5.4]: its length travels in two bytes. */
export const MAX_STRING_BYTES = 65_535;

/**
 * Whether `buffer[start, end)` may leave as a UTF-8 Encoded String: the one test for everything that goes out and did not
 * come in over MQTT (N12).
 */
export function isMqttString(buffer: Uint8Array, start: number, end: number): boolean {
  return end - start <= MAX_STRING_BYTES && isMqttUtf8(buffer, start, end);
}

/** Whether `buffer[start, end)` is what MQTT allows in a string. */
export function isMqttUtf8(buffer: Uint8Array, start: number, end: number): boolean {
  if (end - start >= LONG_BYTES) {
    const text = buffer.subarray(start, end);
    return isUtf8(text) && !text.includes(0);
  }
  let at = start;
  while (at < end) {
    const byte = buffer[at++]!;
    if (byte === 0) return false;
    if (byte < 0x80) continue;
    const size = sequenceSize(buffer, at, end, byte);
    if (size === 0) return false;
    at += size;
  }
  return true;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Continuation bytes of the sequence that `lead` starts (1-3), or 0 if it is not well-formed (Unicode table 3-7). */
function sequenceSize(buffer: Uint8Array, at: number, end: number, lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const size = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
  if (at + size > end) return 0;
  const second = buffer[at]!;
  if (!isContinuation(second)) return 0;
  if (lead === 0xe0 && second < 0xa0) return 0; // overlong
  if (lead === 0xed && second > 0x9f) return 0; // surrogates
  if (lead === 0xf0 && second < 0x90) return 0; // overlong
  if (lead === 0xf4 && second > 0x8f) return 0; // beyond U+10FFFF
  if (size > 1 && !isContinuation(buffer[at + 1]!)) return 0;
  if (size > 2 && !isContinuation(buffer[at + 2]!)) return 0;
  return size;
}
