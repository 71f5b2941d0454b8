// Readers, writers and checksums for byte formats; the only library besides errors that the pure cores may use.

export {
  readInt16,
  readInt32,
  readInt64,
  readInt64Rounded,
  writeInt16,
  writeInt32,
  writeInt64,
} from './integers.ts';
export {
  readUVarint,
  readVarint,
  readVarlong,
  sizeOfUVarint,
  sizeOfVarint,
  sizeOfVarlong,
  writeUVarint,
  writeVarint,
  writeVarlong,
  type Cursor,
} from './varint.ts';
export { ByteReader } from './reader.ts';
export { ByteWriter } from './writer.ts';
export { crc32c } from './crc32c.ts';
export { murmur2, partitionForTopic } from './murmur2.ts';
export { TopicHash } from './topic-hash.ts';
