// Compression of record batches: gzip, snappy, lz4 and zstd, bounded.

export { inflateForReading, inflateSmall } from './batch.ts';
export type { Turn } from './section-codec.ts';
