// The part of rocksdb-native (which ships no types) that we use.
declare module 'rocksdb-native' {
  interface ReadBatch {
    get(key: Buffer): Promise<Buffer | null>;
    tryFlush(): void;
  }
  interface WriteBatch {
    tryPut(key: Buffer, value: Buffer): void;
    tryDelete(key: Buffer): void;
    tryDeleteRange(from: Buffer, until: Buffer): void;
    flush(): Promise<void>;
  }
  interface BatchOptions {
    capacity?: number;
    autoDestroy?: boolean;
  }
  interface OpenOptions {
    columnFamilies?: string[];
    writeBufferSize?: number;
    maxOpenFiles?: number;
  }
  interface Range {
    gte?: Buffer;
    lt?: Buffer;
  }
  class RocksDB {
    constructor(path: string, options?: OpenOptions);
    ready(): Promise<void>;
    session(options: { columnFamily?: string }): RocksDB;
    columnFamily(name: string): RocksDB;
    snapshot(): RocksDB;
    iterator(
      range: Range,
      options: { reverse?: boolean; limit?: number; capacity?: number },
    ): AsyncIterable<{ key: Buffer; value: Buffer }>;
    read(options?: BatchOptions): ReadBatch;
    write(options?: BatchOptions): WriteBatch;
    flush(): Promise<void>;
    close(options?: { force?: boolean }): Promise<void>;
  }
  export default RocksDB;
}
