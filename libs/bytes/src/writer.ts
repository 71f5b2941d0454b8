// ByteWriter: a growable buffer with a hard upper bound. It is made to be reset and used again, so that steady traffic
// allocates only while the buffer grows to its working size.

import { assert, BrokerError } from '@robustmq/errors';
import { writeInt16, writeInt32, writeInt64 } from './integers.ts';
import {
  MAX_VARINT_BYTES,
  MAX_VARLONG_BYTES,
  writeUVarint,
  writeUVarlong,
  writeVarint,
  writeVarlong,
} from './varint.ts';

/** Sizes of a {@link ByteWriter}, in bytes. */
export interface ByteWriterOptions {
  /** Allocated at once; default 256. */
  readonly initialBytes?: number;
  /** Never grows past this; default 64 MiB. */
  readonly maxBytes?: number;
}

const DEFAULT_INITIAL_BYTES = 256;
/** Above every frame limit of ours, so that only a missing limit elsewhere meets it. */
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

/** Writes integers (big-endian), varints, bytes and strings; BrokerError `too_large` past `maxBytes`. */
export class ByteWriter {
  /** Where the next write goes. The bytes before it are the content. */
  position = 0;
  #buffer: Buffer;
  readonly #maxBytes: number;

  constructor(options: ByteWriterOptions = {}) {
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#buffer = Buffer.allocUnsafeSlow(
      Math.min(options.initialBytes ?? DEFAULT_INITIAL_BYTES, this.#maxBytes),
    );
  }

  /** The memory behind the content, valid until the next growth. For writers of hot paths together with {@link reserve}. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Makes room for `sizeBytes` more bytes and returns the (possibly new) buffer; `position` does not move. */
  reserve(sizeBytes: number): Buffer {
    const needed = this.position + sizeBytes;
    if (needed > this.#buffer.length) this.#grow(needed);
    return this.#buffer;
  }

  #grow(needed: number): void {
    if (needed > this.#maxBytes) {
      throw new BrokerError('too_large', `${needed} bytes are over the limit of ${this.#maxBytes}`, {
        details: { sizeBytes: needed, limitBytes: this.#maxBytes },
      });
    }
    const next = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, Math.max(needed, this.#buffer.length * 2)));
    this.#buffer.copy(next, 0, 0, this.position);
    this.#buffer = next;
  }

  #claim(sizeBytes: number): number {
    this.reserve(sizeBytes);
    const start = this.position;
    this.position = start + sizeBytes;
    return start;
  }

  writeInt8(value: number): void {
    const start = this.#claim(1);
    this.#buffer[start] = value;
  }

  writeInt16(value: number): void {
    const start = this.#claim(2);
    writeInt16(this.#buffer, start, value);
  }

  writeInt32(value: number): void {
    const start = this.#claim(4);
    writeInt32(this.#buffer, start, value);
  }

  writeInt64(value: number): void {
    const start = this.#claim(8);
    writeInt64(this.#buffer, start, value);
  }

  writeFloat64(value: number): void {
    const start = this.#claim(8);
    this.#buffer.writeDoubleBE(value, start);
  }

  writeUVarint(value: number): void {
    this.position = writeUVarint(this.reserve(MAX_VARINT_BYTES), this.position, value);
  }

  writeVarint(value: number): void {
    this.position = writeVarint(this.reserve(MAX_VARINT_BYTES), this.position, value);
  }

  writeUVarlong(value: number): void {
    this.position = writeUVarlong(this.reserve(MAX_VARLONG_BYTES), this.position, value);
  }

  writeVarlong(value: number): void {
    this.position = writeVarlong(this.reserve(MAX_VARLONG_BYTES), this.position, value);
  }

  /** Copies `source[start, end)`. */
  writeBytes(source: Uint8Array, start = 0, end: number = source.length): void {
    const at = this.#claim(end - start);
    if (start === 0 && end === source.length) this.#buffer.set(source, at);
    else if (source instanceof Buffer) source.copy(this.#buffer, at, start, end);
    else this.#buffer.set(source.subarray(start, end), at);
  }

  /** Writes the UTF-8 bytes of `text` without a length; returns how many. */
  writeString(text: string): number {
    const sizeBytes = Buffer.byteLength(text, 'utf8');
    const start = this.#claim(sizeBytes);
    this.#buffer.write(text, start, sizeBytes, 'utf8');
    return sizeBytes;
  }

  /** Leaves a hole of `sizeBytes` zero bytes to be patched later and returns its position. */
  skip(sizeBytes: number): number {
    const start = this.#claim(sizeBytes);
    this.#buffer.fill(0, start, start + sizeBytes);
    return start;
  }

  patchInt8(position: number, value: number): void {
    this.#checkPatch(position, 1);
    this.#buffer[position] = value;
  }

  patchInt16(position: number, value: number): void {
    this.#checkPatch(position, 2);
    writeInt16(this.#buffer, position, value);
  }

  patchInt32(position: number, value: number): void {
    this.#checkPatch(position, 4);
    writeInt32(this.#buffer, position, value);
  }

  patchInt64(position: number, value: number): void {
    this.#checkPatch(position, 8);
    writeInt64(this.#buffer, position, value);
  }

  #checkPatch(position: number, sizeBytes: number): void {
    assert(position >= 0 && position + sizeBytes <= this.position, 'patch lies inside what was written');
  }

  /** The content as a view, valid until the writer is written to or reset. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.position);
  }

  /** The content as memory of its own. */
  finishCopy(): Buffer {
    return Buffer.from(this.finish());
  }

  /** Forgets the content and keeps the memory. */
  reset(): void {
    this.position = 0;
  }
}
