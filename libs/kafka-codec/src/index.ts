// The Kafka wire protocol: generated messages, request and response envelopes, framing, error codes.
export * from './generated/index.ts';
export { EMPTY_BYTES, ZERO_UUID } from './defaults.ts';
export { KAFKA_ERRORS, type KafkaErrorName } from './error-codes.ts';
export { KafkaFramer } from './framer.ts';
export { KafkaReader } from './reader.ts';
export { RequestEnvelope, ResponseEncoder, responseHeaderVersion, type ApiKey } from './request.ts';
export { KafkaWriter } from './writer.ts';
