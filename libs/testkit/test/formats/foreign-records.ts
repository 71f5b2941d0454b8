// Reads record batches from docs/en/formats/record-batch.md alone.

import { crc32c } from '@robustmq/bytes';
import { field, layoutOf, widthOf } from './page.ts';

export interface ForeignRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[];
}

export interface ForeignBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  readonly attributes: number;
  readonly maxTimestampMs: number;
  readonly records: readonly ForeignRecord[];
  /** Where the next batch begins. */
  readonly end: number;
}

/** A cursor over varints and bytes. */
export class Bytes {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#bytes.length;
  }

  uvarint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#bytes[this.at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  /** Zigzag: `varint` and `varlong` of the page. */
  varint(): number {
    const value = this.uvarint();
    return Number((value >> 1n) ^ -(value & 1n));
  }

  take(sizeBytes: number): Buffer {
    this.at += sizeBytes;
    return this.#bytes.subarray(this.at - sizeBytes, this.at);
  }

  int64(): number {
    return Number(this.take(8).readBigInt64BE());
  }

  /** Length as a varint, -1: null. */
  nullable(): Buffer | null {
    const sizeBytes = this.varint();
    return sizeBytes < 0 ? null : this.take(sizeBytes);
  }
}

/** The uncompressed batch at `start`. */
export function readForeignBatch(bytes: Buffer, start: number): ForeignBatch {
  const batch = layoutOf('record-batch', 0);
  const get = (name: string): number => field(batch, name, bytes, start);
  const end = start + 12 + get('batch length');
  expect(get('magic')).toBe(2);
  expect(get('CRC')).toBe(crc32c(bytes, start + batch.get('attributes')!.at, end));
  const cursor = new Bytes(bytes, start + widthOf(batch));
  const baseOffset = get('base offset');
  const records = Array.from({ length: get('record count') }, () => {
    const recordEnd = cursor.varint() + cursor.at;
    expect(cursor.take(1)[0]).toBe(0);
    const timestampMs = get('base timestamp') + cursor.varint();
    const offset = baseOffset + cursor.varint();
    const key = cursor.nullable();
    const value = cursor.nullable();
    const headers = Array.from(
      { length: cursor.varint() },
      () => [cursor.take(cursor.varint()).toString('utf8'), cursor.nullable()] as const,
    );
    expect(cursor.at).toBe(recordEnd);
    return { offset, timestampMs, key, value, headers };
  });
  expect(cursor.at).toBe(end);
  return {
    baseOffset,
    lastOffset: baseOffset + get('last offset delta'),
    leaderEpoch: get('partition leader epoch'),
    attributes: get('attributes'),
    maxTimestampMs: get('max timestamp'),
    records,
    end,
  };
}

/** The facts of a `mqtt` header, version 1, parts that are absent left out. */
export function readForeignFacts(header: Buffer): Record<string, unknown> {
  const cursor = new Bytes(header);
  const [version, flags, presence] = cursor.take(3) as unknown as [number, number, number];
  if (version !== 1 || flags >> 5 !== 0 || presence >> 6 !== 0) return { unsupported: true };
  const facts: Record<string, unknown> = { qos: flags & 3, retain: (flags & 4) !== 0 };
  if ((flags & 8) !== 0) facts['payloadFormat'] = (flags & 16) === 0 ? 0 : 1;
  const part = (bit: number, name: string, read: () => unknown): void => {
    if ((presence & (1 << bit)) !== 0) facts[name] = read();
  };
  const text = (): string => cursor.take(Number(cursor.uvarint())).toString('utf8');
  part(0, 'originSessionId', () => cursor.int64());
  part(1, 'expiresAtMs', () => cursor.int64());
  part(2, 'dedupe', () => ({
    sessionId: cursor.int64(),
    generation: cursor.int64(),
    sequence: cursor.int64(),
  }));
  part(3, 'contentType', text);
  part(4, 'responseTopic', text);
  part(5, 'correlationData', () => Buffer.from(cursor.take(Number(cursor.uvarint()))));
  expect(cursor.isAtEnd).toBe(true);
  return facts;
}
