// What is fixed about a record batch, magic 2: sizes, attribute bits, codecs, and how much one may hold.

/** Bytes before the batch length starts to count: base offset and the length itself. */
export const LOG_OVERHEAD_BYTES = 12;
/** Bytes before the first record. */
export const BATCH_HEADER_BYTES = 61;
/**
 * Largest batch that this system takes from anybody: one number for gateways, topics' `max.message.bytes` and journals
 * (N13). A batch has to fit one frame between the services.
 */
export const MAX_BATCH_BYTES = 8 * 1024 * 1024;
/** `max.message.bytes` of a topic that says nothing else; Kafka's: 1 MiB and the batch overhead. */
export const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;
/** The only record batch format that this system stores. */
export const MAGIC_V2 = 2;

/** Attribute bit: timestamps are those of the append (LogAppendTime). */
export const ATTRIBUTE_LOG_APPEND_TIME = 0x08;
/** Attribute bit: part of a transaction. */
export const ATTRIBUTE_TRANSACTIONAL = 0x10;
/** Attribute bit: a control batch (transaction marker), never shown to consumers. */
export const ATTRIBUTE_CONTROL = 0x20;

/** Compression of a batch's records section, by its number in the attributes. */
export const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof CODECS)[number];

/**
 * Bytes that any batch of a client may inflate to (N1). One number for whoever refuses larger ones on the way in, inflates
 * them on the way out, or bounds by it what a batch can hold (N13).
 */
export const MAX_INFLATED_BATCH_BYTES = 16 * 1024 * 1024;

/**
 * The most bytes that one byte of a codec's input can become, per index of {@link CODECS}: a deflate match of 258 bytes from
 * 2 bits, a snappy copy of 64 from 3 bytes, an lz4 length byte of 255, a zstd block of 128 KiB from 4 bytes.
 */
const MAX_INFLATION = [1, 1_032, 22, 255, 32_768] as const;

/** Smallest record: length, attributes, two deltas, two null lengths and no headers. */
const MIN_RECORD_BYTES = 7;

/**
 * Records that the records section of a batch can hold at most, told from its codec and size alone: what a header may claim
 * before anybody has inflated it (N1).
 */
export function maxRecordsIn(codec: number, sectionBytes: number): number {
  const bytes = Math.min(
    sectionBytes * (MAX_INFLATION[codec] ?? 1),
    Math.max(sectionBytes, MAX_INFLATED_BATCH_BYTES),
  );
  return Math.floor(bytes / MIN_RECORD_BYTES);
}
