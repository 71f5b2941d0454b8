// ByteReader: bounds-checked sequential reads over a range of a buffer. Every length comes from a peer, so nothing is
// read, sliced or allocated before it is known to lie inside the limit.

import { BrokerError } from '@robustmq/errors';
import { readInt16, readInt32, readInt64, readInt64Rounded } from './integers.ts';
import { readUVarint, readUVarlong, readVarint, readVarlong } from './varint.ts';

/** Reads integers (big-endian), varints, byte ranges and strings; throws BrokerError `malformed` past the limit. */
export class ByteReader {
  buffer: Buffer;
  position: number;
  limit: number;

  constructor(buffer: Buffer, position = 0, limit: number = buffer.length) {
    this.buffer = buffer;
    this.position = 0;
    this.limit = 0;
    this.reset(buffer, position, limit);
  }

  /** Points the same reader at another range, so that a loop needs one reader only. */
  reset(buffer: Buffer, position = 0, limit: number = buffer.length): this {
    if (!(position >= 0 && position <= limit && limit <= buffer.length)) {
      throw new BrokerError('malformed', `range ${position}..${limit} is outside of ${buffer.length} bytes`);
    }
    this.buffer = buffer;
    this.position = position;
    this.limit = limit;
    return this;
  }

  /** Bytes left before the limit. */
  get remaining(): number {
    return this.limit - this.position;
  }

  /** Moves over `sizeBytes` bytes and returns the position where they start. */
  skip(sizeBytes: number): number {
    const start = this.position;
    if (!(sizeBytes >= 0 && sizeBytes <= this.limit - start)) {
      throw new BrokerError('malformed', `${sizeBytes} bytes wanted, ${this.limit - start} left`);
    }
    this.position = start + sizeBytes;
    return start;
  }

  readInt8(): number {
    return (this.buffer[this.skip(1)]! << 24) >> 24;
  }

  readUInt8(): number {
    return this.buffer[this.skip(1)]!;
  }

  readInt16(): number {
    return readInt16(this.buffer, this.skip(2));
  }

  readUInt16(): number {
    return readInt16(this.buffer, this.skip(2)) & 0xffff;
  }

  readInt32(): number {
    return readInt32(this.buffer, this.skip(4));
  }

  readUInt32(): number {
    return readInt32(this.buffer, this.skip(4)) >>> 0;
  }

  /** A safe integer; BrokerError `out_of_range` beyond. */
  readInt64(): number {
    return readInt64(this.buffer, this.skip(8));
  }

  /** The nearest double, for fields in which peers send extremes such as Long.MAX_VALUE. */
  readInt64Rounded(): number {
    return readInt64Rounded(this.buffer, this.skip(8));
  }

  readFloat64(): number {
    return this.buffer.readDoubleBE(this.skip(8));
  }

  readUVarint(): number {
    return readUVarint(this.buffer, this, this.limit);
  }

  readVarint(): number {
    return readVarint(this.buffer, this, this.limit);
  }

  readUVarlong(): number {
    return readUVarlong(this.buffer, this, this.limit);
  }

  readVarlong(): number {
    return readVarlong(this.buffer, this, this.limit);
  }

  /** A view of the next `sizeBytes` bytes; it shares memory with the buffer read. */
  readBytes(sizeBytes: number): Buffer {
    const start = this.skip(sizeBytes);
    return this.buffer.subarray(start, start + sizeBytes);
  }

  /** The next `sizeBytes` bytes as UTF-8; bytes that are none become U+FFFD. */
  readString(sizeBytes: number): string {
    const start = this.skip(sizeBytes);
    return this.buffer.toString('utf8', start, start + sizeBytes);
  }
}
