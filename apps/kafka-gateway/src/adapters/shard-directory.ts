// Who leads what, for journal-client, out of the watched view.
import type { ShardDirectory } from '@robustmq/journal-client';
import type { ClusterView } from '@robustmq/meta-client';
import { ServiceKind } from '@robustmq/rpc';

/** Endpoint under which a journal-server registers. */
const GRPC_ENDPOINT = 'grpc';

/** A directory that follows the view. */
export function shardDirectory(view: ClusterView): ShardDirectory {
  return {
    revision: () => view.revision,
    leaderOf: (streamId, shard) => {
      const node = view.leaderOf(streamId, shard);
      const leaderEpoch = view.shard(streamId, shard)?.leaderEpoch;
      return node === undefined || leaderEpoch === undefined
        ? undefined
        : { nodeId: node.nodeId, leaderEpoch };
    },
    hasStream: (streamId) => view.streams.has(streamId),
    journals: () =>
      view.liveNodes(ServiceKind.JOURNAL).flatMap(({ nodeId, endpoints }) => {
        const address = endpoints[GRPC_ENDPOINT];
        return address === undefined ? [] : [{ nodeId, address }];
      }),
    onChange: (listener) => view.onChange(() => listener()),
  };
}
