// Messages of the watch that were encoded before go out as they are, and are read like any other.
import { create, toBinary } from '@bufbuild/protobuf';
import { bytesOfWatchResponse, encodedWatchResponse } from '../src/watch-codec.ts';
import { ClusterService, WatchClusterResponseSchema } from '../src/generated/robustmq/meta/v1/cluster_pb.ts';
import { serviceDefinition } from '../src/service-definition.ts';

const { responseSerialize, responseDeserialize } = serviceDefinition(ClusterService)['watchCluster']!;
const message = create(WatchClusterResponseSchema, {
  revision: 7n,
  changes: [{ change: { case: 'deletedStreamId', value: 3 } }],
});
const bytes = toBinary(WatchClusterResponseSchema, message);

test('what was encoded before is sent as those bytes', () => {
  const encoded = encodedWatchResponse(bytes);
  expect(responseSerialize(encoded).buffer).toBe(bytes.buffer);
  expect(bytesOfWatchResponse(encoded)).toEqual(Buffer.from(bytes));
  expect(responseDeserialize(responseSerialize(encoded))).toEqual(message);
});

test('any other message is encoded when it is sent', () => {
  expect(bytesOfWatchResponse(message)).toBeUndefined();
  expect(responseSerialize(message)).toEqual(Buffer.from(bytes));
});
