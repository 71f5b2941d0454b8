// Kafka record batches, magic 2: build, check, walk, stamp and pick, without objects per record.

export {
  BATCH_HEADER_BYTES,
  MAX_BATCH_BYTES,
  MAGIC_V2,
  CODECS,
  type Codec,
  MAX_INFLATED_BATCH_BYTES,
  baseOffsetOf,
  batchSizeBytesOf,
  leaderEpochOf,
  magicOf,
  codecOf,
  isLogAppendTime,
  isTransactional,
  isControl,
  lastOffsetDeltaOf,
  lastOffsetOf,
  baseTimestampOf,
  maxTimestampOf,
  producerIdOf,
  producerEpochOf,
  baseSequenceOf,
  lastSequenceOf,
  recordCountOf,
  crcMatches,
  stampBaseOffset,
  stampLeaderEpoch,
  stampLogAppendTime,
  stampMaxTimestamp,
  stampProducer,
  rewriteSection,
} from './header.ts';
export { GATEWAY_PRODUCER_ID_START, isGatewayProducerId } from './gateway-producer.ts';
export { HeaderCursor, RecordCursor } from './cursor.ts';
export { checkRecordCount, completeBatchBytes, validateBatch, validateRecords } from './validate.ts';
export { RecordsCheck } from './records-check.ts';
export { RecordBatchBuilder, type RecordHeader, type UserProperty } from './builder.ts';
export { MQTT_HEADER_NAME, MqttFactsReader, type MqttFacts } from './mqtt-facts.ts';
export { pickRecords } from './pick.ts';
