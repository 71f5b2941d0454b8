// Kafka record batches, magic 2: build, check, walk, stamp and pick, without objects per record.

export {
  BATCH_HEADER_BYTES,
  MAX_BATCH_BYTES,
  DEFAULT_MAX_MESSAGE_BYTES,
  CODECS,
  type Codec,
  MAX_INFLATED_BATCH_BYTES,
} from './layout.ts';
export { batchHeader } from './header.ts';
export { gatewayProducerIds } from './gateway-producer.ts';
export { HeaderCursor, RecordCursor } from './cursor.ts';
export { checkRecordCount, completeBatchBytes, validateBatch } from './validate.ts';
export { RecordsCheck } from './records-check.ts';
export { RecordBatchBuilder, type RecordHeader, type UserProperty } from './builder.ts';
export { MQTT_HEADER_NAME, MqttFactsReader, type MqttFacts } from './mqtt-facts.ts';
export { pickRecords } from './pick.ts';
