// The packed record header `mqtt`: what an MQTT PUBLISH says beyond topic, payload and user properties (rules R7, O7).
// Fixed-width facts come first, so that a reader gets at QoS, expiry or dedupe key without walking the strings.
// Layout: docs/en/formats/record-batch.md. It lies in segments for years: only add, under a new version byte.

import { readInt64, readUVarint, sizeOfUVarint, writeInt64, writeUVarint } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';

export const MQTT_HEADER_NAME: Buffer = Buffer.from('mqtt', 'latin1');
export const MQTT_FACTS_VERSION = 1;

/** Identifies one QoS 2 publish or will for ever (R7); all three are non-negative safe integers. */
export interface DedupeKey {
  readonly sessionId: number;
  readonly generation: number;
  readonly sequence: number;
}

/** What the packed header carries. Absent facts take no bytes. */
export interface MqttFacts {
  /** QoS of the publish: 0, 1 or 2. */
  qos: number;
  retain: boolean;
  /** Payload Format Indicator [MQTT-3.3.2-4]: 0 or 1; undefined when not sent, which is forwarded as such. */
  payloadFormat?: 0 | 1 | undefined;
  /** Session that published, for No Local [MQTT-3.8.3-3]; undefined when nobody did (a will of a gone session). */
  originSessionId?: number | undefined;
  /** End of the Message Expiry Interval as wall-clock milliseconds. */
  expiresAtMs?: number | undefined;
  dedupe?: DedupeKey | undefined;
  contentType?: string | undefined;
  responseTopic?: string | undefined;
  correlationData?: Uint8Array | undefined;
}

const QOS_MASK = 0x03;
const FLAG_RETAIN = 0x04;
const FLAG_PAYLOAD_FORMAT_SENT = 0x08;
const FLAG_PAYLOAD_FORMAT_UTF8 = 0x10;
const KNOWN_FLAGS = QOS_MASK | FLAG_RETAIN | FLAG_PAYLOAD_FORMAT_SENT | FLAG_PAYLOAD_FORMAT_UTF8;

const HAS_ORIGIN = 0x01;
const HAS_EXPIRY = 0x02;
const HAS_DEDUPE = 0x04;
const HAS_CONTENT_TYPE = 0x08;
const HAS_RESPONSE_TOPIC = 0x10;
const HAS_CORRELATION_DATA = 0x20;
const KNOWN_PRESENCE = 0x3f;
const PROPERTIES_PRESENCE = KNOWN_PRESENCE & ~(HAS_ORIGIN | HAS_DEDUPE);

const FIXED_BYTES = 3;
const ORIGIN_BYTES = 8;
const EXPIRY_BYTES = 8;
const DEDUPE_BYTES = 24;

function sizeOfField(bytes: number): number {
  return sizeOfUVarint(bytes) + bytes;
}

/** Bytes that {@link writeMqttFacts} will take. */
export function sizeOfMqttFacts(facts: MqttFacts): number {
  let size = FIXED_BYTES;
  if (facts.originSessionId !== undefined) size += ORIGIN_BYTES;
  if (facts.expiresAtMs !== undefined) size += EXPIRY_BYTES;
  if (facts.dedupe !== undefined) size += DEDUPE_BYTES;
  if (facts.contentType !== undefined) size += sizeOfField(Buffer.byteLength(facts.contentType));
  if (facts.responseTopic !== undefined) size += sizeOfField(Buffer.byteLength(facts.responseTopic));
  if (facts.correlationData !== undefined) size += sizeOfField(facts.correlationData.length);
  return size;
}

function flagsOf(facts: MqttFacts): number {
  let flags = facts.qos & QOS_MASK;
  if (facts.retain) flags |= FLAG_RETAIN;
  if (facts.payloadFormat !== undefined) flags |= FLAG_PAYLOAD_FORMAT_SENT;
  if (facts.payloadFormat === 1) flags |= FLAG_PAYLOAD_FORMAT_UTF8;
  return flags;
}

function writeText(buffer: Buffer, position: number, text: string): number {
  const sizeBytes = Buffer.byteLength(text);
  const at = writeUVarint(buffer, position, sizeBytes);
  buffer.write(text, at, sizeBytes, 'utf8');
  return at + sizeBytes;
}

/** Writes the facts at `position`; the caller has made room. Returns the position behind them. */
export function writeMqttFacts(buffer: Buffer, position: number, facts: MqttFacts): number {
  let at = position + FIXED_BYTES;
  let presence = 0;
  if (facts.originSessionId !== undefined) {
    presence |= HAS_ORIGIN;
    writeInt64(buffer, at, facts.originSessionId);
    at += ORIGIN_BYTES;
  }
  if (facts.expiresAtMs !== undefined) {
    presence |= HAS_EXPIRY;
    writeInt64(buffer, at, facts.expiresAtMs);
    at += EXPIRY_BYTES;
  }
  if (facts.dedupe !== undefined) {
    presence |= HAS_DEDUPE;
    writeInt64(buffer, at, facts.dedupe.sessionId);
    writeInt64(buffer, at + 8, facts.dedupe.generation);
    writeInt64(buffer, at + 16, facts.dedupe.sequence);
    at += DEDUPE_BYTES;
  }
  if (facts.contentType !== undefined) {
    presence |= HAS_CONTENT_TYPE;
    at = writeText(buffer, at, facts.contentType);
  }
  if (facts.responseTopic !== undefined) {
    presence |= HAS_RESPONSE_TOPIC;
    at = writeText(buffer, at, facts.responseTopic);
  }
  if (facts.correlationData !== undefined) {
    presence |= HAS_CORRELATION_DATA;
    at = writeUVarint(buffer, at, facts.correlationData.length);
    buffer.set(facts.correlationData, at);
    at += facts.correlationData.length;
  }
  buffer[position] = MQTT_FACTS_VERSION;
  buffer[position + 1] = flagsOf(facts);
  buffer[position + 2] = presence;
  return at;
}

/** QoS of the facts that start at `start`, without any check: for hot loops over batches of our own gateways. */
export function peekQos(buffer: Uint8Array, start: number): number {
  return buffer[start + 1]! & QOS_MASK;
}

/** Retain flag of the facts that start at `start`, without any check: for the retained view of the index. */
export function peekRetain(buffer: Uint8Array, start: number): boolean {
  return (buffer[start + 1]! & FLAG_RETAIN) !== 0;
}

/** Reads packed facts lazily: `reset` checks the fixed part, the getters decode one fact each. */
export class MqttFactsReader {
  qos = 0;
  retain = false;
  /** Scratch position of the varint reader. */
  position = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #end = 0;
  #flags = 0;
  #presence = 0;
  #fixedStart = 0;
  #stringsStart = 0;

  /**
   * Points the reader at `buffer[start, end)`, the value of the record's `mqtt` header.
   * @throws BrokerError unsupported for a version or bits of a later release; corrupt when it is cut off.
   */
  reset(buffer: Buffer, start: number, end: number): this {
    if (end - start < FIXED_BYTES) throw new BrokerError('corrupt', 'mqtt header is cut off');
    const flags = buffer[start + 1]!;
    const presence = buffer[start + 2]!;
    if (
      buffer[start] !== MQTT_FACTS_VERSION ||
      (flags & ~KNOWN_FLAGS) !== 0 ||
      (presence & ~KNOWN_PRESENCE) !== 0
    ) {
      throw new BrokerError('unsupported', `mqtt header version ${buffer[start]} with unknown parts`);
    }
    this.#buffer = buffer;
    this.#end = end;
    this.#flags = flags;
    this.#presence = presence;
    this.#fixedStart = start + FIXED_BYTES;
    this.#stringsStart = this.#fixedStart + this.#sizeOfFixed(HAS_ORIGIN | HAS_EXPIRY | HAS_DEDUPE);
    if (this.#stringsStart > end) throw new BrokerError('corrupt', 'mqtt header is cut off');
    this.qos = flags & QOS_MASK;
    this.retain = (flags & FLAG_RETAIN) !== 0;
    return this;
  }

  #sizeOfFixed(mask: number): number {
    const bits = this.#presence & mask;
    return (
      ((bits & HAS_ORIGIN) === 0 ? 0 : ORIGIN_BYTES) +
      ((bits & HAS_EXPIRY) === 0 ? 0 : EXPIRY_BYTES) +
      ((bits & HAS_DEDUPE) === 0 ? 0 : DEDUPE_BYTES)
    );
  }

  /** Whether the publish had properties that are facts here: most have none. */
  get hasProperties(): boolean {
    return (this.#flags & FLAG_PAYLOAD_FORMAT_SENT) !== 0 || (this.#presence & PROPERTIES_PRESENCE) !== 0;
  }

  get payloadFormat(): 0 | 1 | undefined {
    if ((this.#flags & FLAG_PAYLOAD_FORMAT_SENT) === 0) return undefined;
    return (this.#flags & FLAG_PAYLOAD_FORMAT_UTF8) === 0 ? 0 : 1;
  }

  get originSessionId(): number | undefined {
    return (this.#presence & HAS_ORIGIN) === 0 ? undefined : readInt64(this.#buffer, this.#fixedStart);
  }

  get expiresAtMs(): number | undefined {
    if ((this.#presence & HAS_EXPIRY) === 0) return undefined;
    return readInt64(this.#buffer, this.#fixedStart + this.#sizeOfFixed(HAS_ORIGIN));
  }

  get dedupe(): DedupeKey | undefined {
    if ((this.#presence & HAS_DEDUPE) === 0) return undefined;
    const at = this.#fixedStart + this.#sizeOfFixed(HAS_ORIGIN | HAS_EXPIRY);
    return {
      sessionId: readInt64(this.#buffer, at),
      generation: readInt64(this.#buffer, at + 8),
      sequence: readInt64(this.#buffer, at + 16),
    };
  }

  get contentType(): string | undefined {
    return this.#field(HAS_CONTENT_TYPE)?.toString('utf8');
  }

  get responseTopic(): string | undefined {
    return this.#field(HAS_RESPONSE_TOPIC)?.toString('utf8');
  }

  /** A view of the Correlation Data. */
  get correlationData(): Buffer | undefined {
    return this.#field(HAS_CORRELATION_DATA);
  }

  /** The variable part named by `bit`, behind those of lower bits. */
  #field(bit: number): Buffer | undefined {
    if ((this.#presence & bit) === 0) return undefined;
    this.position = this.#stringsStart;
    for (let each = HAS_CONTENT_TYPE; ; each <<= 1) {
      if ((this.#presence & each) === 0) continue;
      const sizeBytes = this.#readLength();
      const start = this.position;
      this.position += sizeBytes;
      if (each === bit) return this.#buffer.subarray(start, start + sizeBytes);
    }
  }

  #readLength(): number {
    let sizeBytes: number;
    try {
      sizeBytes = readUVarint(this.#buffer, this, this.#end);
    } catch (error) {
      throw new BrokerError('corrupt', 'mqtt header is cut off', { cause: error });
    }
    if (sizeBytes > this.#end - this.position) throw new BrokerError('corrupt', 'mqtt header is cut off');
    return sizeBytes;
  }

  /** All facts at once; correlation data is copied. For tools and tests. */
  toFacts(): MqttFacts {
    const correlationData = this.correlationData;
    return {
      qos: this.qos,
      retain: this.retain,
      payloadFormat: this.payloadFormat,
      originSessionId: this.originSessionId,
      expiresAtMs: this.expiresAtMs,
      dedupe: this.dedupe,
      contentType: this.contentType,
      responseTopic: this.responseTopic,
      correlationData: correlationData === undefined ? undefined : Buffer.from(correlationData),
    };
  }
}
