// What tests of other packages need: a store in memory.

export { type KeyRange, type KeyValueSnapshot } from './key-value-store.ts';
export { MemoryStore } from './memory-store.ts';
