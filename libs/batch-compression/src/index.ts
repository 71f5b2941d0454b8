// Compression of record batches: gzip, snappy, lz4 and zstd, bounded.

export { SECTION_CODECS, deflateBatch, deflateBatchAsync, inflateBatch, inflateBatchAsync } from './batch.ts';
export type { SectionCodec } from './section-codec.ts';
