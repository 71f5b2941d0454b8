// RecordCursor: walks the records of one uncompressed batch without allocating. Positions point into the batch's own
// buffer. Nothing outside of the batch is ever read, whatever the bytes say.

import { readVarint, readVarlong } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { batchHeader } from './header.ts';
import { BATCH_HEADER_BYTES } from './layout.ts';
import { MQTT_HEADER_NAME } from './mqtt-facts.ts';

function corrupt(message: string, cause?: unknown): BrokerError {
  return new BrokerError('corrupt', message, { cause });
}

/** The current record of a batch. Fields are valid after `next()` returned true. */
export class RecordCursor {
  buffer: Buffer = Buffer.alloc(0);
  /** Index of the current record in the batch; -1 before the first. */
  index = -1;
  offset = 0;
  offsetDelta = 0;
  timestampMs = 0;
  /** Range of the whole record, its length prefix included. */
  recordStart = 0;
  recordEnd = 0;
  /** Range of the key; both -1 when the key is null. */
  keyStart = -1;
  keyEnd = -1;
  /** Range of the value; both -1 when the value is null. */
  valueStart = -1;
  valueEnd = -1;
  /** Range of the headers behind their count; it ends with the record. */
  headersStart = 0;
  headersEnd = 0;
  headerCount = 0;
  /** Range of the value that `findHeader` found; both -1 when it is null. */
  foundStart = -1;
  foundEnd = -1;
  /** Scratch position of the varint readers. */
  position = 0;

  #batchEnd = 0;
  #recordCount = 0;
  #baseOffset = 0;
  #baseTimestampMs = 0;
  #appendTimestampMs = -1;

  /**
   * Points the cursor before the first record of an uncompressed batch.
   * @throws BrokerError unsupported for a compressed batch; corrupt when the header contradicts the buffer.
   */
  reset(buffer: Buffer, batchStart: number): this {
    if (batchStart < 0 || batchStart + BATCH_HEADER_BYTES > buffer.length)
      throw corrupt('batch header is cut off');
    const batchEnd = batchStart + batchHeader.batchSizeBytes(buffer, batchStart);
    if (batchEnd > buffer.length || batchEnd < batchStart + BATCH_HEADER_BYTES) {
      throw corrupt('batch length does not fit its buffer');
    }
    if (batchHeader.codec(buffer, batchStart) !== 0)
      throw new BrokerError('unsupported', 'batch is compressed');
    this.buffer = buffer;
    this.index = -1;
    this.recordEnd = batchStart + BATCH_HEADER_BYTES;
    this.#batchEnd = batchEnd;
    this.#recordCount = batchHeader.recordCount(buffer, batchStart);
    try {
      this.#baseOffset = batchHeader.baseOffset(buffer, batchStart);
      this.#baseTimestampMs = batchHeader.baseTimestampMs(buffer, batchStart);
      this.#appendTimestampMs = batchHeader.isLogAppendTime(buffer, batchStart)
        ? batchHeader.maxTimestampMs(buffer, batchStart)
        : -1;
    } catch (error) {
      throw corrupt('batch header holds an unsafe integer', error);
    }
    return this;
  }

  /**
   * Moves to the next record; false behind the last.
   * @throws BrokerError corrupt when the bytes are no record.
   */
  next(): boolean {
    if (this.index + 1 >= this.#recordCount) return false;
    try {
      this.#readRecord();
    } catch (error) {
      throw error instanceof BrokerError && error.code === 'corrupt'
        ? error
        : corrupt('record is damaged', error);
    }
    this.index++;
    return true;
  }

  #readRecord(): void {
    const buffer = this.buffer;
    this.recordStart = this.position = this.recordEnd;
    const bodyBytes = readVarint(buffer, this, this.#batchEnd);
    const end = this.position + bodyBytes;
    // The smallest body is attributes, two deltas, two lengths and a header count: six bytes.
    if (bodyBytes < 6 || end > this.#batchEnd) throw corrupt('record length does not fit its batch');
    this.recordEnd = end;
    this.position++;
    const timestampDelta = readVarlong(buffer, this, end);
    this.timestampMs =
      this.#appendTimestampMs === -1 ? this.#baseTimestampMs + timestampDelta : this.#appendTimestampMs;
    this.offsetDelta = readVarint(buffer, this, end);
    this.offset = this.#baseOffset + this.offsetDelta;
    const keyBytes = this.#readLength(end);
    this.keyStart = keyBytes < 0 ? -1 : this.position;
    if (keyBytes > 0) this.position += keyBytes;
    this.keyEnd = keyBytes < 0 ? -1 : this.position;
    const valueBytes = this.#readLength(end);
    this.valueStart = valueBytes < 0 ? -1 : this.position;
    if (valueBytes > 0) this.position += valueBytes;
    this.valueEnd = valueBytes < 0 ? -1 : this.position;
    const headerCount = readVarint(buffer, this, end);
    // A header takes two bytes at least, so the count is bounded by what is there before anyone loops over it.
    if (headerCount < 0 || headerCount * 2 > end - this.position) throw corrupt('header count does not fit');
    this.headerCount = headerCount;
    this.headersStart = this.position;
    this.headersEnd = end;
  }

  /** A length that is -1 (null) or fits before `end`. */
  #readLength(end: number): number {
    const length = readVarint(this.buffer, this, end);
    if (length < -1 || length > end - this.position) throw corrupt('field length does not fit its record');
    return length;
  }

  /** A view of the key, or null. */
  get key(): Buffer | null {
    return this.keyStart < 0 ? null : this.buffer.subarray(this.keyStart, this.keyEnd);
  }

  /** A view of the value, or null. */
  get value(): Buffer | null {
    return this.valueStart < 0 ? null : this.buffer.subarray(this.valueStart, this.valueEnd);
  }

  /**
   * Finds the first header of that name (in UTF-8) and puts its value's range into `foundStart`/`foundEnd`.
   * @throws BrokerError corrupt when the headers are damaged.
   */
  findHeader(name: Uint8Array): boolean {
    headers.reset(this);
    while (headers.next()) {
      if (sameBytes(this.buffer, headers.nameStart, headers.nameEnd, name)) return this.#found();
    }
    return false;
  }

  /**
   * Finds the packed MQTT facts: they are always the first header, so that a user property of the same name, which
   * comes later, can't be taken for them. Whether they count depends on the batch's producer id (O7).
   */
  findMqttFacts(): boolean {
    headers.reset(this);
    if (!headers.next() || !sameBytes(this.buffer, headers.nameStart, headers.nameEnd, MQTT_HEADER_NAME))
      return false;
    return headers.valueStart >= 0 && this.#found();
  }

  #found(): boolean {
    this.foundStart = headers.valueStart;
    this.foundEnd = headers.valueEnd;
    return true;
  }
}

/** Walks the headers of a cursor's current record without allocating. */
export class HeaderCursor {
  nameStart = 0;
  nameEnd = 0;
  /** Range of the value; both -1 when it is null. */
  valueStart = -1;
  valueEnd = -1;
  /** Position behind the header read last. */
  position = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #end = 0;
  #left = 0;

  reset(record: RecordCursor): this {
    this.#buffer = record.buffer;
    this.position = record.headersStart;
    this.#end = record.headersEnd;
    this.#left = record.headerCount;
    return this;
  }

  /**
   * Moves to the next header; false behind the last.
   * @throws BrokerError corrupt when the bytes are no header.
   */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    const nameBytes = this.#readLength();
    if (nameBytes < 0) throw corrupt('header name is null');
    this.nameStart = this.position;
    this.nameEnd = this.position = this.nameStart + nameBytes;
    const valueBytes = this.#readLength();
    this.valueStart = valueBytes < 0 ? -1 : this.position;
    if (valueBytes > 0) this.position += valueBytes;
    this.valueEnd = valueBytes < 0 ? -1 : this.position;
    return true;
  }

  #readLength(): number {
    let length: number;
    try {
      length = readVarint(this.#buffer, this, this.#end);
    } catch (error) {
      throw corrupt('header is damaged', error);
    }
    if (length < -1 || length > this.#end - this.position)
      throw corrupt('header length does not fit its record');
    return length;
  }

  get name(): string {
    return this.#buffer.toString('utf8', this.nameStart, this.nameEnd);
  }

  /** A view of the value, or null. */
  get value(): Buffer | null {
    return this.valueStart < 0 ? null : this.#buffer.subarray(this.valueStart, this.valueEnd);
  }
}

/** Everything here is synchronous, so one header cursor serves all look-ups. */
const headers = new HeaderCursor();

function sameBytes(buffer: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  if (end - start !== wanted.length) return false;
  for (let index = 0; index < wanted.length; index++) {
    if (buffer[start + index] !== wanted[index]) return false;
  }
  return true;
}
