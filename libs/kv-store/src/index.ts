// Ordered rows with atomic batches and snapshots, over RocksDB.

export { KeyValueBatch } from './key-value-store.ts';
export type { KeyValueEntry, KeyValueReader, KeyValueStore } from './key-value-store.ts';
export { openRocksDb } from './rocksdb-store.ts';
