// ClusterService over the cluster group.
import {
  AddShardsResponseSchema,
  AllocateProducerIdsResponseSchema,
  AlterIsrResponseSchema,
  AlterStreamConfigResponseSchema,
  ClaimLeadershipResponseSchema,
  CreateStreamResponseSchema,
  DeleteStreamResponseSchema,
  DeleteUserResponseSchema,
  PutDynamicConfigResponseSchema,
  PutUserResponseSchema,
  type ClusterService,
  type CreateStreamRequest,
  type CreateStreamResponse,
  type ServiceImplementation,
  type UnaryContext,
} from '@robustmq/rpc';
import { BrokerError } from '@robustmq/errors';
import { deletionsOf } from '../cluster/deletions.ts';
import { liveNode } from '../cluster/live-node.ts';
import { decodeResponse, type Meta } from '../meta.ts';

/** How often a waiting CreateStream looks whether its ownership is active. */
const OWNERSHIP_POLL_MS = 5;

/** The implementation for one meta-service. */
export function clusterService(meta: Meta): ServiceImplementation<typeof ClusterService> {
  return {
    registerNode: (value) => meta.register(value),
    renewLease: ({ node }) => {
      meta.leases.renew(node);
      return { revision: meta.state.meta.revision };
    },
    releaseNode: async ({ node }) => {
      const live = liveNode(meta.state, node);
      if (live.identity !== undefined) await meta.endNodes([live.identity]);
      return {};
    },
    watchCluster: (stream) => meta.watch.add(stream),
    createStream: async (value, context) => {
      const bytes = await meta.cluster({ case: 'createStream', value }, value.requestId);
      const response = decodeResponse(CreateStreamResponseSchema, bytes);
      if (value.waitForOwnership && !value.validateOnly)
        await ownershipActive(meta, value, response, context);
      return {
        ...response,
        stream: meta.state.streams.get(response.stream?.streamId ?? 0) ?? response.stream,
      };
    },
    deleteStream: async (value) =>
      decodeResponse(
        DeleteStreamResponseSchema,
        await meta.cluster({ case: 'deleteStream', value }, value.requestId),
      ),
    addShards: async (value) =>
      decodeResponse(
        AddShardsResponseSchema,
        await meta.cluster({ case: 'addShards', value }, value.requestId),
      ),
    alterStreamConfig: async (value) =>
      decodeResponse(
        AlterStreamConfigResponseSchema,
        await meta.cluster({ case: 'alterStreamConfig', value }, value.requestId),
      ),
    acknowledgeOwnership: async (value) => {
      await meta.cluster({ case: 'acknowledgeOwnership', value });
      return {};
    },
    listDeletions: ({ node }) => ({ streams: deletionsOf(meta.state, node) }),
    acknowledgeDeletions: async (value) => {
      await meta.cluster({ case: 'acknowledgeDeletions', value });
      return {};
    },
    claimLeadership: async (value) =>
      decodeResponse(ClaimLeadershipResponseSchema, await meta.cluster({ case: 'claimLeadership', value })),
    alterIsr: async (value) =>
      decodeResponse(AlterIsrResponseSchema, await meta.cluster({ case: 'alterIsr', value })),
    allocateProducerIds: async (value) =>
      decodeResponse(
        AllocateProducerIdsResponseSchema,
        await meta.cluster({ case: 'allocateProducerIds', value }, value.requestId),
      ),
    putUser: async (value) =>
      decodeResponse(PutUserResponseSchema, await meta.cluster({ case: 'putUser', value }, value.requestId)),
    deleteUser: async (value) =>
      decodeResponse(
        DeleteUserResponseSchema,
        await meta.cluster({ case: 'deleteUser', value }, value.requestId),
      ),
    putDynamicConfig: async (value) =>
      decodeResponse(
        PutDynamicConfigResponseSchema,
        await meta.cluster({ case: 'putDynamicConfig', value }, value.requestId),
      ),
  };
}

/** Waits until every live mqtt-gateway routes by the new stream (rule O2), as long as the caller does. */
async function ownershipActive(
  meta: Meta,
  request: CreateStreamRequest,
  { stream }: CreateStreamResponse,
  context: UnaryContext,
): Promise<void> {
  for (;;) {
    const now = meta.state.streams.get(stream?.streamId ?? 0);
    if (now === undefined) throw new BrokerError('not_found', `stream ${request.name} was deleted meanwhile`);
    if (now.ownershipActive) return;
    if (context.signal.aborted || meta.nowMs() > context.deadlineMs)
      throw new BrokerError(
        'deadline_exceeded',
        `stream ${request.name} exists, but not every gateway routes by it yet`,
      );
    await new Promise((resolve) => setTimeout(resolve, OWNERSHIP_POLL_MS));
  }
}
