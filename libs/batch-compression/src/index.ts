// Compression of record batches: gzip, snappy, lz4 and zstd, bounded.

export { SECTION_CODECS, deflateBatch, inflateForReading, inflateSmall } from './batch.ts';
export type { Turn } from './section-codec.ts';
