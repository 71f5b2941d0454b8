// Messages of the watch of meta-service that were encoded before: the rows in them go to the store, to every watcher and into
// every snapshot in the same bytes.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  WatchClusterResponseSchema,
  type WatchClusterResponse,
} from './generated/robustmq/meta/v1/cluster_pb.ts';
import { registerMessageCodec } from './service-definition.ts';

const ENCODED = new WeakMap<WatchClusterResponse, Buffer>();

registerMessageCodec(WatchClusterResponseSchema, {
  serialize: (message) => ENCODED.get(message) ?? asBuffer(toBinary(WatchClusterResponseSchema, message)),
  deserialize: (bytes) => fromBinary(WatchClusterResponseSchema, bytes, { readUnknownFields: false }),
});

/** A message that is sent as these bytes; its fields are not set. */
export function encodedWatchResponse(bytes: Uint8Array): WatchClusterResponse {
  const message = create(WatchClusterResponseSchema);
  ENCODED.set(message, asBuffer(bytes));
  return message;
}

/** The bytes that a message is sent as, if it was encoded before. */
export function bytesOfWatchResponse(message: WatchClusterResponse): Buffer | undefined {
  return ENCODED.get(message);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
