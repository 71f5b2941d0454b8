// Compression of record batches: gzip, snappy, lz4 and zstd, bounded.

export { SECTION_CODECS, deflateBatch, inflateBatch, inflateBatchAsync, inflateForReading } from './batch.ts';
