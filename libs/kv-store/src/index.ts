export { KeyValueBatch } from './key-value-store.ts';
export type {
  KeyRange,
  KeyValueEntry,
  KeyValueReader,
  KeyValueSnapshot,
  KeyValueStore,
} from './key-value-store.ts';
export { MemoryStore } from './memory-store.ts';
export { openRocksDb, type RocksDbOptions } from './rocksdb-store.ts';
