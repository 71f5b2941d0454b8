// The 64-bit topic hash of the topic index (X2): two 32-bit lanes, each a bijection of its state for every byte, joined
// by an avalanche at the end. It is kept on disk, so it must stay the same for ever. It is not meant to resist someone who
// looks for collisions: a collision costs only the re-match of a record, which the index does anyway (X1).
//
// Per byte b of the UTF-8 topic:  low = (low ^ b) * 0x9E3779B1;  high = (rotl(high, 13) ^ b) * 0x85EBCA77   (mod 2^32)
// At the end:                     low ^= byteCount;  low = mix(low ^ rotl(high, 16));  high = mix(high ^ low)
// with mix(x): x ^= x >>> 16; x *= 0x85EBCA6B; x ^= x >>> 13; x *= 0xC2B2AE35; x ^= x >>> 16

const LOW_SEED = 0x243f6a88;
const HIGH_SEED = 0x85a308d3;
const LOW_MULTIPLIER = 0x9e3779b1;
const HIGH_MULTIPLIER = 0x85ebca77;
const TWO_32 = 2 ** 32;

function mix(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

/** Hashes topics without allocating: call one of the two methods, then read `high` and `low` (unsigned 32-bit each). */
export class TopicHash {
  high = 0;
  low = 0;

  /** The hash of a topic in its wire form. */
  ofBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): this {
    let low = LOW_SEED;
    let high = HIGH_SEED;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      low = Math.imul(low ^ byte, LOW_MULTIPLIER);
      high = Math.imul(((high << 13) | (high >>> 19)) ^ byte, HIGH_MULTIPLIER);
    }
    return this.#finish(low, high, end - start);
  }

  /** The hash of a topic held as a string: the same as {@link ofBytes} of its UTF-8 form. */
  ofString(topic: string): this {
    let low = LOW_SEED;
    let high = HIGH_SEED;
    const length = topic.length;
    for (let at = 0; at < length; at++) {
      const unit = topic.charCodeAt(at);
      if (unit >= 0x80) return this.ofBytes(Buffer.from(topic, 'utf8'));
      low = Math.imul(low ^ unit, LOW_MULTIPLIER);
      high = Math.imul(((high << 13) | (high >>> 19)) ^ unit, HIGH_MULTIPLIER);
    }
    return this.#finish(low, high, length);
  }

  #finish(low: number, high: number, byteCount: number): this {
    const mixedLow = mix(low ^ byteCount ^ ((high << 16) | (high >>> 16)));
    this.low = mixedLow >>> 0;
    this.high = mix(high ^ mixedLow) >>> 0;
    return this;
  }

  /** 53 of the 64 bits as a safe integer: a key for a Map in memory. */
  toMapKey(): number {
    return (this.high & 0x1f_ffff) * TWO_32 + this.low;
  }
}
