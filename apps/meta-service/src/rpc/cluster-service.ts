// ClusterService over the cluster group.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
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
  RaiseFeatureLevelResponseSchema,
  type ClusterService,
  type Command,
  type CreateStreamRequest,
  type CreateStreamResponse,
  type RequestId,
  type ServiceImplementation,
  type Stream,
  type UnaryContext,
} from '@robustmq/rpc';
import { BrokerError } from '@robustmq/errors';
import { liveNode } from '../cluster/live-node.ts';
import { decodeResponse, type Meta } from '../meta.ts';
import { readDeletions } from './deletion-pages.ts';

/** The implementation for one meta-service. */
export function clusterService(meta: Meta): ServiceImplementation<typeof ClusterService> {
  const ask = async <D extends DescMessage>(
    schema: D,
    command: Command['command'],
    requestId?: RequestId,
  ): Promise<MessageShape<D>> => decodeResponse(schema, await meta.cluster(command, requestId));
  return {
    registerNode: (value) => meta.register(value),
    renewLease: ({ node }) => {
      meta.leases.renew(node);
      return { revision: meta.state.meta.revision, diskFull: meta.diskIsFull };
    },
    releaseNode: async ({ node }) => {
      const live = liveNode(meta.state, node);
      if (live.identity !== undefined) await meta.endNodes([live.identity]);
      return {};
    },
    watchCluster: (stream) => meta.watch.add(stream),
    createStream: async (value, context) => {
      if (!value.validateOnly)
        meta.creationRate.take(value.tenant, value.shards === 0 ? meta.defaultShards : value.shards);
      const bytes = await meta.cluster({ case: 'createStream', value }, value.requestId);
      const response = decodeResponse(CreateStreamResponseSchema, bytes);
      if (value.waitForOwnership && !value.validateOnly)
        await ownershipActive(meta, value, response, context);
      return {
        ...response,
        stream: meta.state.streams.get(response.stream?.streamId ?? 0) ?? response.stream,
        // Of the stream as it is now: a view that has come to it shows nothing older than the answer.
        revision: meta.state.meta.revision,
      };
    },
    deleteStream: (value) =>
      ask(DeleteStreamResponseSchema, { case: 'deleteStream', value }, value.requestId),
    addShards: async (value) => {
      const stream = meta.state.streams.get(value.streamId);
      if (stream !== undefined && !value.validateOnly)
        meta.creationRate.take(stream.tenant, Math.max(0, value.totalShards - stream.shards.length));
      const bytes = await meta.cluster({ case: 'addShards', value }, value.requestId);
      return withShards(meta, value, decodeResponse(AddShardsResponseSchema, bytes));
    },
    alterStreamConfig: async (value) => {
      const command = { case: 'alterStreamConfig', value } as const;
      return withShards(meta, value, await ask(AlterStreamConfigResponseSchema, command, value.requestId));
    },
    acknowledgeOwnership: async (value) => {
      await meta.cluster({ case: 'acknowledgeOwnership', value });
      return {};
    },
    listDeletions: (request) => readDeletions(meta, request),
    acknowledgeDeletions: async (value) => {
      await meta.cluster({ case: 'acknowledgeDeletions', value });
      return {};
    },
    claimLeadership: (value) => ask(ClaimLeadershipResponseSchema, { case: 'claimLeadership', value }),
    alterIsr: (value) => ask(AlterIsrResponseSchema, { case: 'alterIsr', value }),
    allocateProducerIds: (value) =>
      ask(AllocateProducerIdsResponseSchema, { case: 'allocateProducerIds', value }, value.requestId),
    putUser: (value) => ask(PutUserResponseSchema, { case: 'putUser', value }, value.requestId),
    deleteUser: (value) => ask(DeleteUserResponseSchema, { case: 'deleteUser', value }, value.requestId),
    putDynamicConfig: (value) =>
      ask(PutDynamicConfigResponseSchema, { case: 'putDynamicConfig', value }, value.requestId),
    raiseFeatureLevel: (value) =>
      ask(RaiseFeatureLevelResponseSchema, { case: 'raiseFeatureLevel', value }, value.requestId),
  };
}

/** What was answered, with the shards of the stream's row: the kept answer names none. What was only tried has no row. */
function withShards<R extends { stream?: Stream }>(
  meta: Meta,
  { validateOnly }: { readonly validateOnly: boolean },
  response: R,
): R {
  const { stream } = response;
  if (validateOnly || stream === undefined) return response;
  return {
    ...response,
    stream: { ...stream, shards: meta.state.streams.get(stream.streamId)?.shards ?? [] },
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
    await meta.applied.next(context.signal);
  }
}
