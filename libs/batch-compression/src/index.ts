// Compression of record batches: gzip, snappy, lz4 and zstd, bounded.

export {
  SECTION_CODECS,
  deflateBatch,
  deflateBatchAsync,
  inflateBatch,
  inflateBatchAsync,
  inflateForReading,
} from './batch.ts';
export { MAX_INFLATED_BATCH_BYTES, type SectionCodec } from './section-codec.ts';
