// The cluster as one incarnation of this server sees it: the view of the meta client, and calls in this incarnation's name.

import { uuidText, type MetaClient, type Registration, type ViewChange } from '@robustmq/meta-client';
import type { ClusterPort } from '../shard/cluster-port.ts';

/** How long the view may be behind what a call has answered. */
const VIEW_TIMEOUT_MS = 5_000;

/** The port over a meta client. */
export function clusterPort(meta: MetaClient, registration: Registration): ClusterPort {
  const { nodeId, incarnation, directoryId } = registration.identity;
  return {
    identity: { nodeId, incarnation: Number(incarnation), directoryId },
    revision: () => meta.view.revision,
    streams: () => meta.view.streams.values(),
    stream: (streamId) => meta.view.streams.get(streamId),
    hasEnded: (gateway, ofIncarnation) => meta.view.hasEnded(gateway, ofIncarnation),
    onChange: (listener) => meta.view.onChange((changes) => listener(changes.flatMap(streamIdOf))),
    claimLeadership: async () => {
      await meta.cluster.claimLeadership({ node: registration.identity });
    },
    alterIsr: async (streamId, shard, { leaderEpoch, isrVersion, members }) => {
      const altered = await meta.cluster.alterIsr({
        node: registration.identity,
        shard: { streamId, shard },
        leaderEpoch,
        isrVersion,
        members: members.map((member) => ({ ...member, incarnation: BigInt(member.incarnation) })),
      });
      return {
        version: altered.isrVersion,
        members: altered.members.map((member) => ({
          nodeId: member.nodeId,
          incarnation: Number(member.incarnation),
        })),
      };
    },
    reached: (revision) => meta.view.waitForRevision(revision, VIEW_TIMEOUT_MS),
    listDeletions: async (afterStreamId) => {
      const page = await meta.cluster.listDeletions({ node: registration.identity, afterStreamId });
      return {
        deleted: page.streams.map(({ streamId, topicId }) => ({ streamId, topicId: uuidText(topicId) })),
        nextAfterStreamId: page.nextAfterStreamId,
        revision: Number(page.revision),
      };
    },
    acknowledgeDeletions: async (streamIds) => {
      await meta.cluster.acknowledgeDeletions({ node: registration.identity, streamIds: [...streamIds] });
    },
  };
}

function streamIdOf(change: ViewChange): number[] {
  return change.kind === 'stream' || change.kind === 'streamDeleted' ? [change.stream.streamId] : [];
}
