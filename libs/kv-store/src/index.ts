export { KeyValueBatch } from './key-value-store.ts';
export type { KeyValueEntry, KeyValueReader, KeyValueStore } from './key-value-store.ts';
export { openRocksDb, type RocksDbOptions } from './rocksdb-store.ts';
