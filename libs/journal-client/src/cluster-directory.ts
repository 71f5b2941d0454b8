// The ShardDirectory of production: what meta-client's view says.

import type { ClusterView } from '@robustmq/meta-client';
import { ServiceKind } from '@robustmq/rpc';
import type { JournalNode, ShardDirectory } from './directory.ts';

/** The endpoint under which a journal-server registers its gRPC address. */
const ENDPOINT = 'grpc';

/** Reads leaders and journal-servers from a cluster view. */
export function clusterDirectory(view: ClusterView): ShardDirectory {
  return {
    revision: () => view.revision,
    leaderOf(streamId, shard) {
      const node = view.leaderOf(streamId, shard);
      const leaderEpoch = view.shard(streamId, shard)?.leaderEpoch;
      return node === undefined || leaderEpoch === undefined
        ? undefined
        : { nodeId: node.nodeId, leaderEpoch };
    },
    hasStream: (streamId) => view.streams.has(streamId),
    journals() {
      const nodes: JournalNode[] = [];
      for (const node of view.liveNodes(ServiceKind.JOURNAL)) {
        const address = node.endpoints[ENDPOINT];
        if (address !== undefined) nodes.push({ nodeId: node.nodeId, address });
      }
      return nodes;
    },
    onChange: (listener) => view.onChange(() => listener()),
  };
}
