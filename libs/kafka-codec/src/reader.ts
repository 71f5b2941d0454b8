// KafkaReader: the protocol's primitive types over a bounded byte range. All lengths and counts come from a peer, so
// each is checked against what is left before anything is allocated.
import { ByteReader } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { Slices, type TurnLook } from './slices.ts';

const UUID_BYTES = 16;
/** No string is longer, as in Apache Kafka, whatever the compact encoding could carry. */
const MAX_STRING_BYTES = 32_767;

/** An array of which a slice was read. */
interface ReadArray {
  readonly count: number;
  readonly items: unknown[];
  /** Where the next element begins. */
  position: number;
}

/**
 * Reads the primitive types of the Kafka protocol; `flexible` selects the compact encodings of KIP-482.
 * Every method throws BrokerError `malformed` where the bytes do not hold the value.
 */
export class KafkaReader {
  readonly #bytes: ByteReader;
  #itemsLeft: number;
  #slices: Slices<ReadArray> | undefined;
  #slicesStart = 0;

  /** `maxItems` bounds the elements of all arrays, and tagged fields, together: each costs time, however few bytes (N8). */
  constructor(buffer: Buffer, options: { readonly maxItems?: number } = {}) {
    this.#bytes = new ByteReader(buffer);
    this.#itemsLeft = options.maxItems ?? Infinity;
  }

  /** Sets how many elements what is left may have. */
  allowItems(maxItems: number): void {
    this.#itemsLeft = maxItems;
  }

  /**
   * Reads with `read` until the turn is spent: undefined tells that there is more, and a further call with the same `read`
   * goes on there.
   */
  inSlices<T>(turn: TurnLook, read: () => T): T | undefined {
    if (this.#slices === undefined) {
      this.#slices = new Slices();
      this.#slicesStart = this.#bytes.position;
    }
    this.#bytes.position = this.#slicesStart;
    let result: T | undefined;
    this.#slices.run(turn, () => (result = read()));
    return result;
  }

  #spend(items: number): void {
    this.#itemsLeft -= items;
    if (this.#itemsLeft < 0)
      throw new BrokerError('too_large', 'more array elements than a request may have');
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.remaining;
  }

  bool(): boolean {
    return this.#bytes.readInt8() !== 0;
  }

  int8(): number {
    return this.#bytes.readInt8();
  }

  int16(): number {
    return this.#bytes.readInt16();
  }

  uint16(): number {
    return this.#bytes.readUInt16();
  }

  int32(): number {
    return this.#bytes.readInt32();
  }

  /**
   * A safe integer: offsets, timestamps and ids lie within 2^53. The two ends of the safe range stand for everything
   * beyond them (Kafka sends Long.MAX_VALUE for "none"), and the writer turns them back into the ends of int64.
   */
  int64(): number {
    const value = this.#bytes.readInt64Rounded();
    if (value >= Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
    return value <= Number.MIN_SAFE_INTEGER ? Number.MIN_SAFE_INTEGER : value;
  }

  float64(): number {
    return this.#bytes.readFloat64();
  }

  uvarint(): number {
    return this.#bytes.readUVarint();
  }

  /** Kafka's own text form of a UUID: 22 characters of unpadded base64url. */
  uuid(): string {
    const start = this.#bytes.skip(UUID_BYTES);
    return this.#bytes.buffer.toString('base64url', start, start + UUID_BYTES);
  }

  string(flexible: boolean): string {
    const text = this.nullableString(flexible);
    if (text === null) throw new BrokerError('malformed', 'null string where none is allowed');
    return text;
  }

  nullableString(flexible: boolean): string | null {
    const sizeBytes = flexible ? this.#bytes.readUVarint() - 1 : this.#bytes.readInt16();
    if (sizeBytes > MAX_STRING_BYTES) throw new BrokerError('malformed', `string of ${sizeBytes} bytes`);
    return sizeBytes < 0 ? null : this.#bytes.readString(sizeBytes);
  }

  /** A view of the bytes; it keeps the whole frame alive, so what outlives a request must be copied. */
  bytes(flexible: boolean): Buffer {
    const bytes = this.nullableBytes(flexible);
    if (bytes === null) throw new BrokerError('malformed', 'null bytes where none are allowed');
    return bytes;
  }

  nullableBytes(flexible: boolean): Buffer | null {
    const sizeBytes = flexible ? this.#bytes.readUVarint() - 1 : this.#bytes.readInt32();
    return sizeBytes < 0 ? null : this.#bytes.readBytes(sizeBytes);
  }

  /** `minimumBytes` is the least that one element takes, so a count that cannot fit is refused before allocation. */
  array<T>(flexible: boolean, minimumBytes: number, read: () => T): readonly T[] {
    const items = this.nullableArray(flexible, minimumBytes, read);
    if (items === null) throw new BrokerError('malformed', 'null array where none is allowed');
    return items;
  }

  nullableArray<T>(flexible: boolean, minimumBytes: number, read: () => T): readonly T[] | null {
    const start = this.#bytes.position;
    const kept = this.#slices?.of(start);
    if (kept !== undefined) return this.#rest(start, kept, read) as T[];
    const count = flexible ? this.#bytes.readUVarint() - 1 : this.#bytes.readInt32();
    if (count < 0) return null;
    if (count * minimumBytes > this.#bytes.remaining) {
      throw new BrokerError('malformed', `array of ${count} does not fit ${this.#bytes.remaining} bytes`);
    }
    this.#spend(count);
    const items: T[] = [];
    if (this.#slices !== undefined)
      return this.#rest(start, { count, items, position: this.#bytes.position }, read) as T[];
    for (let index = 0; index < count; index += 1) items.push(read());
    return items;
  }

  /** What is left of an array, as far as the slice goes. */
  #rest(start: number, array: ReadArray, read: () => unknown): unknown[] {
    const { count, items } = array;
    const slices = this.#slices;
    let position = array.position;
    this.#bytes.position = position;
    try {
      while (items.length < count) {
        slices?.tick();
        items.push(read());
        position = this.#bytes.position;
      }
    } catch (error) {
      if (slices?.isSuspension(error) === true) slices.keep(start, array);
      throw error;
    } finally {
      array.position = position;
    }
    return items;
  }

  /** Number of tagged fields that follow; each takes at least two bytes. */
  tagCount(): number {
    const count = this.#bytes.readUVarint();
    if (count * 2 > this.#bytes.remaining)
      throw new BrokerError('malformed', `${count} tagged fields do not fit`);
    this.#spend(count);
    return count;
  }

  /** Reads the size of a tagged field and returns the position behind it. */
  tagEnd(): number {
    const sizeBytes = this.#bytes.readUVarint();
    const end = this.#bytes.position + sizeBytes;
    if (end > this.#bytes.limit) throw new BrokerError('malformed', 'tagged field runs past the end');
    return end;
  }

  /** Moves behind a tagged field: a known one must have ended there or before, an unknown one is skipped. */
  seekTagEnd(end: number): void {
    if (this.#bytes.position > end)
      throw new BrokerError('malformed', 'tagged field is longer than its size');
    this.#bytes.position = end;
  }

  /** Skips a section in which no tag is known. */
  skipTaggedFields(): void {
    for (let tags = this.tagCount(); tags > 0; tags -= 1) {
      this.#bytes.readUVarint();
      this.seekTagEnd(this.tagEnd());
    }
  }
}
