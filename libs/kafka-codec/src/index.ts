// The Kafka wire protocol: generated messages, request and response envelopes, framing, error codes.
export * from './generated/index.ts';
export type { ApiMessages } from './api.ts';
export { EMPTY_ARRAY, EMPTY_BYTES, ZERO_UUID } from './defaults.ts';
export { KAFKA_ERRORS, kafkaErrorName, type KafkaErrorName } from './error-codes.ts';
export { KafkaFramer, type KafkaFramerOptions } from './framer.ts';
export { KafkaReader } from './reader.ts';
export {
  encodeRequest,
  encodeResponse,
  isApiKey,
  isServedVersion,
  readRequestEnvelope,
  readResponseEnvelope,
  requestHeaderVersion,
  responseHeaderVersion,
  type ApiKey,
  type RequestEnvelope,
  type RequestOptions,
} from './request.ts';
export { KafkaWriter, type TaggedFieldsWriter } from './writer.ts';
