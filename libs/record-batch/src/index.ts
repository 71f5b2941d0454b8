// Kafka record batches, magic 2: build, check, walk, stamp and pick, without objects per record.

export * from './header.ts';
export { GATEWAY_PRODUCER_ID_START, isGatewayProducerId } from './gateway-producer.ts';
export { HeaderCursor, RecordCursor } from './cursor.ts';
export {
  checkRecordCount,
  completeBatchBytes,
  validateBatch,
  validateRecords,
  type BatchLimits,
} from './validate.ts';
export { RecordsCheck } from './records-check.ts';
export {
  RecordBatchBuilder,
  type FinishOptions,
  type RecordBatchBuilderOptions,
  type RecordHeader,
  type UserProperty,
} from './builder.ts';
export {
  MQTT_FACTS_VERSION,
  MQTT_HEADER_NAME,
  MqttFactsReader,
  peekQos,
  peekRetain,
  sizeOfMqttFacts,
  writeMqttFacts,
  type DedupeKey,
  type MqttFacts,
} from './mqtt-facts.ts';
export { pickRecords, pickRecordsInto, type RecordSelection } from './pick.ts';
export { buildMarkerBatch, readMarker, type MarkerKind, type TransactionMarker } from './control.ts';
