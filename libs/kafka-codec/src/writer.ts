// KafkaWriter: the protocol's primitive types into one growing buffer. Large record sections are kept as references and
// come out as chunks of their own, so batches pass through without a copy.
import { ByteWriter } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { Slices, type TurnLook } from './slices.ts';

/** Records from this size on are referenced; below it a copy is cheaper than one more entry in a writev. */
const REFERENCE_FROM_BYTES = 2048;
const UUID_BYTES = 16;
const MAX_INT16 = 32767;

interface Reference {
  /** Where in the written bytes the referenced ones belong. */
  readonly position: number;
  readonly bytes: Buffer;
}

/** An array of which a slice was written. */
interface WrittenArray {
  /** Of the next element, and where it begins. */
  index: number;
  position: number;
  /** Those before it are the first so many of these, which only ever grow. */
  references: readonly Reference[];
  referenceCount: number;
  referencedBytes: number;
}

/** Collects the tagged fields of one struct; Kafka wants their count first and ascending tags. */
export interface TaggedFieldsWriter {
  /** Adds one field; tags must ascend. */
  add(tag: number, write: (writer: KafkaWriter) => void): void;
  /** Writes the section. */
  end(): void;
}

/** Writes the primitive types of the Kafka protocol; `flexible` selects the compact encodings of KIP-482. */
export class KafkaWriter {
  readonly #bytes: ByteWriter;
  #references: Reference[] = [];
  #referencedBytes = 0;
  #slices: Slices<WrittenArray> | undefined;

  constructor(initialBytes = 256) {
    this.#bytes = new ByteWriter({ initialBytes });
  }

  /** Bytes written so far, referenced ones included. */
  get sizeBytes(): number {
    return this.#bytes.position + this.#referencedBytes;
  }

  /** Bytes of memory held for writing. */
  get capacityBytes(): number {
    return this.#bytes.buffer.length;
  }

  bool(value: boolean): void {
    this.#bytes.writeInt8(value ? 1 : 0);
  }

  int8(value: number): void {
    this.#bytes.writeInt8(value);
  }

  int16(value: number): void {
    this.#bytes.writeInt16(value);
  }

  uint16(value: number): void {
    this.#bytes.writeInt16((value << 16) >> 16);
  }

  int32(value: number): void {
    this.#bytes.writeInt32(value);
  }

  /** See KafkaReader.int64 for what the ends of the safe range mean. */
  int64(value: number): void {
    if (value === Number.MAX_SAFE_INTEGER || value === Number.MIN_SAFE_INTEGER) {
      this.#bytes.writeInt32(value > 0 ? 0x7fffffff : -0x80000000);
      this.#bytes.writeInt32(value > 0 ? -1 : 0);
    } else {
      this.#bytes.writeInt64(value);
    }
  }

  float64(value: number): void {
    this.#bytes.writeFloat64(value);
  }

  uvarint(value: number): void {
    this.#bytes.writeUVarint(value);
  }

  uuid(value: string): void {
    const bytes = Buffer.from(value, 'base64url');
    if (bytes.length !== UUID_BYTES) throw new BrokerError('invalid_argument', `"${value}" is not a UUID`);
    this.#bytes.writeBytes(bytes);
  }

  string(value: string, flexible: boolean): void {
    const sizeBytes = Buffer.byteLength(value);
    if (flexible) {
      this.#bytes.writeUVarint(sizeBytes + 1);
    } else {
      if (sizeBytes > MAX_INT16) throw new BrokerError('too_large', `string of ${sizeBytes} bytes`);
      this.#bytes.writeInt16(sizeBytes);
    }
    this.#bytes.writeString(value);
  }

  nullableString(value: string | null, flexible: boolean): void {
    if (value !== null) this.string(value, flexible);
    else if (flexible) this.#bytes.writeUVarint(0);
    else this.#bytes.writeInt16(-1);
  }

  bytes(value: Buffer, flexible: boolean): void {
    this.#length(value.length, flexible);
    this.#bytes.writeBytes(value);
  }

  nullableBytes(value: Buffer | null, flexible: boolean): void {
    if (value === null) this.#length(-1, flexible);
    else this.bytes(value, flexible);
  }

  /** Bytes in one or more pieces; the caller must not change them until the chunks have been sent. */
  nullableRecords(value: Buffer | readonly Buffer[] | null, flexible: boolean): void {
    if (value === null || Buffer.isBuffer(value)) {
      this.#length(value === null ? -1 : value.length, flexible);
      if (value !== null) this.#reference(value);
      return;
    }
    let sizeBytes = 0;
    for (const piece of value) sizeBytes += piece.length;
    this.#length(sizeBytes, flexible);
    for (const piece of value) this.#reference(piece);
  }

  #reference(bytes: Buffer): void {
    if (bytes.length < REFERENCE_FROM_BYTES) {
      this.#bytes.writeBytes(bytes);
      return;
    }
    this.#references.push({ position: this.#bytes.position, bytes });
    this.#referencedBytes += bytes.length;
  }

  array<T>(items: readonly T[], flexible: boolean, write: (item: T) => void): void {
    if (this.#slices !== undefined) {
      this.#arrayInSlices(this.#slices, items, flexible, write);
      return;
    }
    this.#length(items.length, flexible);
    for (const item of items) write(item);
  }

  /**
   * Writes with `write`, from the beginning of the content on, until the turn is spent: false tells that there is more, and a
   * further call with the same `write` goes on there.
   */
  inSlices(turn: TurnLook, write: () => void): boolean {
    this.#slices ??= new Slices();
    this.reset();
    return this.#slices.run(turn, write);
  }

  #arrayInSlices<T>(
    slices: Slices<WrittenArray>,
    items: readonly T[],
    flexible: boolean,
    write: (item: T) => void,
  ): void {
    const start = this.#bytes.position;
    let array = slices.of(start);
    if (array === undefined) {
      this.#length(items.length, flexible);
      array = { index: 0, position: 0, references: [], referenceCount: 0, referencedBytes: 0 };
      this.#mark(array);
    } else this.#goTo(array);
    try {
      while (array.index < items.length) {
        slices.tick();
        write(items[array.index] as T);
        array.index += 1;
        this.#mark(array);
      }
    } catch (error) {
      if (slices.isSuspension(error)) slices.keep(start, array);
      throw error;
    }
  }

  #mark(array: WrittenArray): void {
    array.position = this.#bytes.position;
    array.references = this.#references;
    array.referenceCount = this.#references.length;
    array.referencedBytes = this.#referencedBytes;
  }

  #goTo({ position, references, referenceCount, referencedBytes }: WrittenArray): void {
    this.#bytes.position = position;
    this.#references = references.slice(0, referenceCount);
    this.#referencedBytes = referencedBytes;
  }

  nullableArray<T>(items: readonly T[] | null, flexible: boolean, write: (item: T) => void): void {
    if (items === null) this.#length(-1, flexible);
    else this.array(items, flexible, write);
  }

  nullableStruct<T>(value: T | null, write: (item: T) => void): void {
    this.#bytes.writeInt8(value === null ? -1 : 1);
    if (value !== null) write(value);
  }

  noTaggedFields(): void {
    this.#bytes.writeUVarint(0);
  }

  taggedFields(): TaggedFieldsWriter {
    const fields: { readonly tag: number; readonly bytes: Buffer }[] = [];
    return {
      add: (tag, write) => {
        const inner = new KafkaWriter(64);
        write(inner);
        fields.push({ tag, bytes: inner.finish() });
      },
      end: () => {
        this.#bytes.writeUVarint(fields.length);
        for (const { tag, bytes } of fields) {
          this.#bytes.writeUVarint(tag);
          this.#bytes.writeUVarint(bytes.length);
          this.#bytes.writeBytes(bytes);
        }
      },
    };
  }

  #length(length: number, flexible: boolean): void {
    if (flexible) this.#bytes.writeUVarint(length + 1);
    else this.#bytes.writeInt32(length);
  }

  /** Everything written as chunks of memory of their own (referenced records as they are), to be sent in order. */
  chunks(): Buffer[] {
    const written = Buffer.from(this.#bytes.finish());
    if (this.#references.length === 0) return [written];
    const chunks: Buffer[] = [];
    let from = 0;
    for (const { position, bytes } of this.#references) {
      if (position > from) chunks.push(written.subarray(from, position));
      chunks.push(bytes);
      from = position;
    }
    if (from < written.length) chunks.push(written.subarray(from));
    return chunks;
  }

  /** Everything written as one buffer of its own. */
  finish(): Buffer {
    const chunks = this.chunks();
    return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
  }

  /** Overwrites the int32 at `position`, counted without referenced bytes. */
  patchInt32(position: number, value: number): void {
    this.#bytes.patchInt32(position, value);
  }

  /** Forgets the content and keeps the memory. */
  reset(): void {
    this.#bytes.reset();
    this.#references = [];
    this.#referencedBytes = 0;
  }
}
