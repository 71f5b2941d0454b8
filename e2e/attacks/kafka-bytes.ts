// Kafka requests and record batches as an attacker writes them: nothing is checked.
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { API_MESSAGES, type ApiKey, type KafkaWriter } from '@robustmq/kafka-codec';
import { encodeRequest } from '@robustmq/kafka-codec/testing';
import { batchHeader } from '@robustmq/record-batch';

type RequestOf<K extends ApiKey> = Parameters<(typeof API_MESSAGES)[K]['writeRequest']>[2];

/** A request, framed. */
export function kafkaRequest<K extends ApiKey>(
  apiKey: K,
  apiVersion: number,
  body: RequestOf<K>,
  correlationId = 0,
): Buffer {
  const write = API_MESSAGES[apiKey].writeRequest as (w: KafkaWriter, v: number, r: RequestOf<K>) => void;
  const header = { apiKey, apiVersion, correlationId, clientId: 'attacker' };
  return encodeRequest(header, (writer) => write(writer, apiVersion, body));
}

const HEADER_BYTES = 61;
const GZIP = 1;
const ZSTD = 4;

function zigzag(value: number): number[] {
  const bytes: number[] = [];
  let left = value < 0 ? -2 * value - 1 : 2 * value;
  for (; left > 0x7f; left = Math.floor(left / 128)) bytes.push((left & 0x7f) | 0x80);
  bytes.push(left);
  return bytes;
}

/** A record without key and headers. */
function record(offsetDelta: number, value: Buffer): Buffer {
  const head = Buffer.from([0, 0, ...zigzag(offsetDelta), ...zigzag(-1), ...zigzag(value.length)]);
  const size = Buffer.from(zigzag(head.length + value.length + 1));
  return Buffer.concat([size, head, value, Buffer.from([0])]);
}

/** A batch of a section that may be compressed, with a right checksum. */
function batchOf(section: Buffer, count: number, codec: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + section.length);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt32BE(-1, 12);
  bytes.writeInt8(2, 16);
  bytes.writeInt16BE(codec, 21);
  bytes.writeInt32BE(count - 1, 23);
  bytes.writeBigInt64BE(BigInt(Date.now()), 27);
  bytes.writeBigInt64BE(BigInt(Date.now()), 35);
  bytes.writeBigInt64BE(-1n, 43);
  bytes.writeInt16BE(-1, 51);
  bytes.writeInt32BE(-1, 53);
  bytes.writeInt32BE(count, 57);
  section.copy(bytes, HEADER_BYTES);
  batchHeader.stampCrc(bytes, 0);
  return bytes;
}

/** One record of so many zeros, compressed to about a thousandth. */
export function bomb(inflatedBytes: number, codec: 'gzip' | 'zstd'): Buffer {
  const section = record(0, Buffer.alloc(inflatedBytes));
  return codec === 'gzip' ? batchOf(gzipSync(section), 1, GZIP) : batchOf(zstdCompressSync(section), 1, ZSTD);
}

/** As many records of one byte as there is room for. */
export function tinyRecords(count: number, isCompressed: boolean): Buffer {
  const section = Buffer.concat(Array.from({ length: count }, (_, n) => record(n, Buffer.from('x'))));
  return isCompressed ? batchOf(gzipSync(section), count, GZIP) : batchOf(section, count, 0);
}
