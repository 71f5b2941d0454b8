// RecordBatchBuilder: collects records of one shard into a batch. One builder is reset and used again for every tick, so
// that a record costs no allocation once its buffer has grown to the working size.

import { sizeOfUVarint, sizeOfVarint, sizeOfVarlong, writeVarint, writeVarlong } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { batchHeader } from './header.ts';
import { BATCH_HEADER_BYTES } from './layout.ts';
import { MQTT_HEADER_NAME, sizeOfMqttFacts, writeMqttFacts, type MqttFacts } from './mqtt-facts.ts';

/** A record header: name and value, null allowed. */
export type RecordHeader = readonly [name: string, value: Uint8Array | string | null];
/** A User Property [MQTT-3.3.2-18]: order and repetition are kept. */
export type UserProperty = readonly [name: string, value: string];

/** Sizes of a {@link RecordBatchBuilder}. */
export interface RecordBatchBuilderOptions {
  /** A batch never grows past this; default 1 MiB, Kafka's `max.message.bytes`. */
  readonly maxBatchBytes?: number;
  /** Allocated at once; default 4 KiB. */
  readonly initialBytes?: number;
}

/** What `finish` writes into the header beside what follows from the records; absent fields mean "none" (-1). */
export interface FinishOptions {
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly leaderEpoch?: number;
  /** Default 0: the leader stamps it. */
  readonly baseOffset?: number;
  /** Attribute bits, such as those of a transaction; never a codec. */
  readonly attributes?: number;
}

const DEFAULT_MAX_BATCH_BYTES = 1024 * 1024;
const DEFAULT_INITIAL_BYTES = 4096;
/** Up to here a loop in JS beats the call into native code. */
const SHORT_COPY_BYTES = 48;

/** UTF-8 size of a text; topics and property names are almost always ASCII and short. */
function textSizeBytes(text: string): number {
  const length = text.length;
  if (length > SHORT_COPY_BYTES) return Buffer.byteLength(text, 'utf8');
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) >= 0x80) return Buffer.byteLength(text, 'utf8');
  }
  return length;
}

function writeText(buffer: Buffer, position: number, text: string, sizeBytes: number): number {
  if (sizeBytes > SHORT_COPY_BYTES || sizeBytes !== text.length) {
    buffer.write(text, position, sizeBytes, 'utf8');
  } else {
    for (let index = 0; index < sizeBytes; index++) buffer[position + index] = text.charCodeAt(index);
  }
  return position + sizeBytes;
}

function writeRange(
  buffer: Buffer,
  position: number,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  const sizeBytes = end - start;
  if (sizeBytes <= SHORT_COPY_BYTES) {
    for (let index = 0; index < sizeBytes; index++) buffer[position + index] = source[start + index]!;
  } else if (source instanceof Buffer) {
    source.copy(buffer, position, start, end);
  } else {
    buffer.set(source.subarray(start, end), position);
  }
  return position + sizeBytes;
}

/** Size of a length-prefixed field (zigzag length); null takes the one byte of -1. */
function sizeOfField(value: Uint8Array | string | null): number {
  if (value === null) return 1;
  const sizeBytes = typeof value === 'string' ? textSizeBytes(value) : value.length;
  return sizeOfVarint(sizeBytes) + sizeBytes;
}

function writeField(buffer: Buffer, position: number, value: Uint8Array | string | null): number {
  if (value === null) return writeVarint(buffer, position, -1);
  if (typeof value !== 'string') {
    return writeRange(buffer, writeVarint(buffer, position, value.length), value, 0, value.length);
  }
  const sizeBytes = textSizeBytes(value);
  return writeText(buffer, writeVarint(buffer, position, sizeBytes), value, sizeBytes);
}

/** Name length, name and the longest form of nothing else: the constant part of the packed header. */
const MQTT_NAME_BYTES = 1 + MQTT_HEADER_NAME.length;

/** Builds uncompressed batches, magic 2, with offset deltas 0..n-1. */
export class RecordBatchBuilder {
  #buffer: Buffer;
  #position = BATCH_HEADER_BYTES;
  #recordCount = 0;
  #baseTimestampMs = -1;
  #maxTimestampMs = -1;
  #maxBatchBytes: number;
  readonly #initialBytes: number;
  /** The largest batch since memory was given back. */
  #largestBytes = 0;
  /** Up to here nothing has to grow. */
  #room: number;

  constructor(options: RecordBatchBuilderOptions = {}) {
    this.#maxBatchBytes = options.maxBatchBytes ?? DEFAULT_MAX_BATCH_BYTES;
    const initialBytes = Math.max(BATCH_HEADER_BYTES, options.initialBytes ?? DEFAULT_INITIAL_BYTES);
    this.#initialBytes = Math.min(this.#maxBatchBytes, initialBytes);
    this.#buffer = Buffer.allocUnsafeSlow(this.#initialBytes);
    this.#room = this.#buffer.length;
  }

  /** Holds from the next record on; what is in the batch stays. */
  set maxBatchBytes(bytes: number) {
    if (bytes === this.#maxBatchBytes) return;
    this.#maxBatchBytes = bytes;
    this.#room = Math.min(this.#buffer.length, bytes);
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  get isEmpty(): boolean {
    return this.#recordCount === 0;
  }

  /** Size of the batch that `finish` would return now. */
  get sizeBytes(): number {
    return this.#position;
  }

  /**
   * Adds a record.
   * @throws BrokerError too_large when the batch would pass its limit; the batch is as it was.
   */
  append(
    timestampMs: number,
    key: Uint8Array | string | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[] = [],
  ): void {
    let bodyBytes =
      this.#sizeOfStart(timestampMs) + sizeOfField(key) + sizeOfField(value) + sizeOfVarint(headers.length);
    for (const [name, content] of headers) bodyBytes += sizeOfField(name) + sizeOfField(content);
    let at = this.#writeStart(timestampMs, bodyBytes);
    const buffer = this.#buffer;
    at = writeField(buffer, at, key);
    at = writeField(buffer, at, value);
    at = writeVarint(buffer, at, headers.length);
    for (const [name, content] of headers) at = writeField(buffer, writeField(buffer, at, name), content);
    this.#commit(timestampMs, at);
  }

  /**
   * Adds the record of an MQTT publish: key = topic, value = `payload[payloadStart, payloadEnd)`, the packed `mqtt`
   * header first, then a header per User Property. Errors as `append`.
   */
  appendMqtt(
    timestampMs: number,
    topic: string | Uint8Array,
    payload: Uint8Array,
    payloadStart: number,
    payloadEnd: number,
    facts: MqttFacts,
    userProperties: readonly UserProperty[] | null = null,
  ): void {
    const topicBytes = typeof topic === 'string' ? textSizeBytes(topic) : topic.length;
    const payloadBytes = payloadEnd - payloadStart;
    const factsBytes = sizeOfMqttFacts(facts);
    const headerCount = userProperties === null ? 1 : 1 + userProperties.length;
    let bodyBytes = this.#sizeOfStart(timestampMs);
    bodyBytes += sizeOfVarint(topicBytes) + topicBytes + sizeOfVarint(payloadBytes) + payloadBytes;
    bodyBytes += sizeOfVarint(headerCount) + MQTT_NAME_BYTES + sizeOfVarint(factsBytes) + factsBytes;
    if (userProperties !== null) {
      for (const [name, value] of userProperties) bodyBytes += sizeOfField(name) + sizeOfField(value);
    }
    let at = this.#writeStart(timestampMs, bodyBytes);
    const buffer = this.#buffer;
    at = writeVarint(buffer, at, topicBytes);
    if (typeof topic === 'string') at = writeText(buffer, at, topic, topicBytes);
    else at = writeRange(buffer, at, topic, 0, topicBytes);
    at = writeRange(buffer, writeVarint(buffer, at, payloadBytes), payload, payloadStart, payloadEnd);
    at = writeVarint(buffer, at, headerCount);
    at = writeVarint(buffer, at, MQTT_HEADER_NAME.length);
    for (let index = 0; index < MQTT_HEADER_NAME.length; index++) buffer[at++] = MQTT_HEADER_NAME[index]!;
    at = writeMqttFacts(buffer, writeVarint(buffer, at, factsBytes), facts);
    if (userProperties !== null) {
      for (const [name, value] of userProperties)
        at = writeField(buffer, writeField(buffer, at, name), value);
    }
    this.#commit(timestampMs, at);
  }

  /** Attributes byte, timestamp delta and offset delta. */
  #sizeOfStart(timestampMs: number): number {
    const delta = this.#recordCount === 0 ? 0 : timestampMs - this.#baseTimestampMs;
    return 1 + sizeOfVarlong(delta) + sizeOfVarint(this.#recordCount);
  }

  /** Makes room and writes everything before the key; nothing counts until `#commit`. */
  #writeStart(timestampMs: number, bodyBytes: number): number {
    const needed = this.#position + sizeOfUVarint(bodyBytes * 2) + bodyBytes;
    if (needed > this.#room) this.#grow(needed);
    const buffer = this.#buffer;
    let at = writeVarint(buffer, this.#position, bodyBytes);
    buffer[at++] = 0;
    at = writeVarlong(buffer, at, this.#recordCount === 0 ? 0 : timestampMs - this.#baseTimestampMs);
    return writeVarint(buffer, at, this.#recordCount);
  }

  #grow(needed: number): void {
    if (needed > this.#maxBatchBytes) {
      throw new BrokerError(
        'too_large',
        `batch of ${needed} bytes is over the limit of ${this.#maxBatchBytes}`,
        {
          details: { sizeBytes: needed, limitBytes: this.#maxBatchBytes },
        },
      );
    }
    this.#move(Math.min(this.#maxBatchBytes, Math.max(needed, this.#buffer.length * 2)));
  }

  #move(sizeBytes: number): void {
    const next = Buffer.allocUnsafeSlow(sizeBytes);
    this.#buffer.copy(next, 0, 0, this.#position);
    this.#buffer = next;
    this.#room = Math.min(next.length, this.#maxBatchBytes);
  }

  /** Memory that it holds. */
  get heldBytes(): number {
    return this.#buffer.length;
  }

  /** Gives back most of what no batch has needed since the last call (I8): the largest batch ever would be held for good. */
  trim(): void {
    const needed = Math.max(this.#initialBytes, this.#largestBytes, this.#position);
    this.#largestBytes = 0;
    // What is in use doubles as it grows, so that half of it may be unused.
    if (this.#buffer.length > 2 * needed) this.#move(needed);
  }

  #commit(timestampMs: number, position: number): void {
    if (this.#recordCount === 0) this.#baseTimestampMs = this.#maxTimestampMs = timestampMs;
    else if (timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs;
    this.#recordCount++;
    this.#position = position;
  }

  /**
   * Writes header and CRC and returns a view of the builder's memory, valid until the next `append` or `reset`.
   * More records may follow; `finish` then writes the header again.
   */
  finish(options: FinishOptions = {}): Buffer {
    batchHeader.write(this.#buffer, 0, this.#position, {
      baseOffset: options.baseOffset ?? 0,
      leaderEpoch: options.leaderEpoch ?? -1,
      attributes: options.attributes ?? 0,
      lastOffsetDelta: this.#recordCount - 1,
      baseTimestampMs: this.#baseTimestampMs,
      maxTimestampMs: this.#maxTimestampMs,
      producerId: options.producerId ?? -1,
      producerEpoch: options.producerEpoch ?? -1,
      baseSequence: options.baseSequence ?? -1,
      recordCount: this.#recordCount,
    });
    return this.#buffer.subarray(0, this.#position);
  }

  /** As `finish`, into memory of its own. */
  finishCopy(options: FinishOptions = {}): Buffer {
    return Buffer.from(this.finish(options));
  }

  /** Forgets the records and keeps the memory. */
  reset(): void {
    if (this.#position > this.#largestBytes) this.#largestBytes = this.#position;
    this.#position = BATCH_HEADER_BYTES;
    this.#recordCount = 0;
    this.#baseTimestampMs = -1;
    this.#maxTimestampMs = -1;
  }
}
