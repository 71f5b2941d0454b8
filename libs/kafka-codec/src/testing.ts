// What tests of other packages need: the client's side of the protocol.

export { kafkaErrorName } from './error-codes.ts';
export { encodeRequest, readResponseEnvelope } from './request.ts';
