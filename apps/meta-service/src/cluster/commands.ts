// The commands of the cluster group: one row each, from what it changes to what it answers. A new command is a row here, its rule
// in the module that owns the rows, and its message in proto/.
import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { gatewayProducerIds } from '@robustmq/record-batch';
import {
  AcknowledgeDeletionsResponseSchema,
  AcknowledgeOwnershipResponseSchema,
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
  RegisterNodeResponseSchema,
  ReleaseNodeResponseSchema,
  ServiceKind,
  type AllocateProducerIdsRequest,
  type Bootstrap,
  type Command,
  type RegisterNodeRequest,
  type SlotPlacement,
  type Stream,
} from '@robustmq/rpc';
import { SLOTS } from '../slots.ts';
import type { Steps } from '../steps.ts';
import { DEFAULT_TENANT } from './cluster-state.ts';
import { acknowledgeDeletions } from './deletions.ts';
import type { ClusterDraft } from './draft.ts';
import { putDynamicConfig } from './dynamic-config.ts';
import { raiseFeatureLevel } from './feature-level.ts';
import { claimLeadership, endNodes, registerNode } from './nodes.ts';
import { acknowledgeOwnership } from './ownership.ts';
import {
  addShards,
  alterIsr,
  alterStreamConfig,
  createStream,
  deleteStream,
  ensureMqttStream,
  type StreamDefaults,
} from './streams.ts';
import { deleteUser, putUser } from './users.ts';

/** Told to nodes that register; nothing of it may change the state. */
export interface LeaseTimes {
  readonly leaseDurationMs: number;
  readonly renewIntervalMs: number;
}

/** A command with what it works on. */
export interface CommandCall {
  readonly draft: ClusterDraft;
  readonly command: Command;
  readonly leases: LeaseTimes;
}

/** The bytes of the response, once the revision is known. */
type Answer = (revision: bigint) => Uint8Array;

/** Most producer ids in one allocation. */
const MAX_PRODUCER_IDS = 100_000;

type Cases = Command['command'];
type ValueOf<C> = Extract<Cases, { case: C }>['value'];
type ClusterCase =
  | 'bootstrap'
  | 'placeSlots'
  | 'registerNode'
  | 'endNodes'
  | 'createStream'
  | 'deleteStream'
  | 'addShards'
  | 'alterStreamConfig'
  | 'acknowledgeOwnership'
  | 'claimLeadership'
  | 'acknowledgeDeletions'
  | 'alterIsr'
  | 'allocateProducerIds'
  | 'putUser'
  | 'deleteUser'
  | 'putDynamicConfig'
  | 'raiseFeatureLevel';

/** What a command answers when its response is empty. */
const NO_RESPONSE: Answer = () => new Uint8Array();

const COMMANDS: {
  readonly [C in ClusterCase]: (call: CommandCall, value: ValueOf<C>) => Answer | Steps<Answer>;
} = {
  bootstrap: ({ draft }, value) => {
    bootstrap(draft, value);
    return NO_RESPONSE;
  },
  placeSlots: ({ draft }, { placement }) => {
    placeSlots(draft, placement);
    return NO_RESPONSE;
  },
  registerNode: register,
  *endNodes({ draft, command }, value) {
    yield* endNodes(draft, value, command.nowMs);
    return () => encoded(ReleaseNodeResponseSchema, {});
  },
  *createStream({ draft, command }, value) {
    const { nowMs, entropy } = command;
    const stream = yield* createStream(draft, value, defaultsOf(draft, command), nowMs, topicIdOf(entropy));
    return (revision) => encoded(CreateStreamResponseSchema, { stream: answered(stream, value), revision });
  },
  *deleteStream({ draft }, value) {
    yield* deleteStream(draft, value);
    return (revision) => encoded(DeleteStreamResponseSchema, { revision });
  },
  *addShards({ draft, command }, value) {
    const stream = yield* addShards(draft, value, defaultsOf(draft, command).quotas);
    return (revision) => encoded(AddShardsResponseSchema, { stream: answered(stream, value), revision });
  },
  alterStreamConfig: ({ draft }, value) => {
    const stream = alterStreamConfig(draft, value);
    return (revision) =>
      encoded(AlterStreamConfigResponseSchema, { stream: answered(stream, value), revision });
  },
  *acknowledgeOwnership({ draft }, value) {
    yield* acknowledgeOwnership(draft, value);
    return () => encoded(AcknowledgeOwnershipResponseSchema, {});
  },
  *claimLeadership({ draft }, value) {
    yield* claimLeadership(draft, value);
    return (revision) => encoded(ClaimLeadershipResponseSchema, { revision });
  },
  *acknowledgeDeletions({ draft }, value) {
    yield* acknowledgeDeletions(draft, value);
    return () => encoded(AcknowledgeDeletionsResponseSchema, {});
  },
  alterIsr: ({ draft }, value) => {
    const { isrMembers: members, isrVersion } = alterIsr(draft, value);
    return () => encoded(AlterIsrResponseSchema, { members, isrVersion });
  },
  allocateProducerIds: ({ draft }, value) => allocateProducerIds(draft, value),
  putUser: ({ draft }, value) => {
    putUser(draft, value);
    return (revision) => encoded(PutUserResponseSchema, { revision });
  },
  deleteUser: ({ draft }, value) => {
    deleteUser(draft, value);
    return (revision) => encoded(DeleteUserResponseSchema, { revision });
  },
  putDynamicConfig: ({ draft }, value) => {
    putDynamicConfig(draft, value);
    return (revision) => encoded(PutDynamicConfigResponseSchema, { revision });
  },
  raiseFeatureLevel: ({ draft }, value) => {
    raiseFeatureLevel(draft, value);
    return (revision) => encoded(RaiseFeatureLevelResponseSchema, { level: value.level, revision });
  },
};

/** Changes the draft. @throws BrokerError; the draft is worth nothing then */
export function* runCommand(call: CommandCall): Steps<Answer> {
  const { command } = call.command;
  const rows: Readonly<Record<string, (call: CommandCall, value: never) => Answer | Steps<Answer>>> =
    COMMANDS;
  const run =
    command.case === undefined || !Object.hasOwn(rows, command.case) ? undefined : rows[command.case];
  if (run === undefined)
    throw new BrokerError('unsupported', `no command of the cluster group: ${command.case ?? 'none'}`);
  const answer = run(call, command.value as never);
  return typeof answer === 'function' ? answer : yield* answer;
}

/**
 * A stream in an answer, which is kept for a repeat of the request (rule M2): its shards, up to a thousand, are in its row, where
 * the service reads them. What was only tried has no row.
 */
function answered(stream: Stream, { validateOnly }: { readonly validateOnly: boolean }): Stream {
  return validateOnly ? stream : { ...stream, shards: [] };
}

function* register({ draft, command, leases }: CommandCall, request: RegisterNodeRequest): Steps<Answer> {
  const { leaseDurationMs, renewIntervalMs } = leases;
  const { nowMs, entropy, defaults } = command;
  const node = yield* registerNode(draft, request, nowMs);
  if (request.kind === ServiceKind.JOURNAL)
    yield* ensureMqttStream(draft, DEFAULT_TENANT, defaults?.mqttShards ?? 1, nowMs, topicIdOf(entropy));
  return (revision) => {
    const { clusterId } = draft.meta;
    return encoded(RegisterNodeResponseSchema, {
      node,
      leaseDurationMs,
      renewIntervalMs,
      revision,
      clusterId,
    });
  };
}

/** Shards of a stream that names no number: the dynamic setting goes over what the proposer was started with. */
export function defaultShards(
  config: { get(key: string): { readonly value: string } | undefined },
  sent: { readonly streamShards?: number } | undefined,
): number {
  return Number(config.get('streams.default.partitions')?.value ?? sent?.streamShards ?? 1);
}

function defaultsOf({ config }: ClusterDraft, { defaults: sent }: Command): StreamDefaults {
  return {
    shards: defaultShards(config, sent),
    mqttFilter: config.get('streams.default.mqtt.filter')?.value ?? sent?.streamMqttFilter ?? 'none',
    quotas: { streams: sent?.tenantStreams ?? 0, shards: sent?.tenantShards ?? 0 },
  };
}

function allocateProducerIds(draft: ClusterDraft, request: AllocateProducerIdsRequest): Answer {
  if (request.count < 1 || request.count > MAX_PRODUCER_IDS)
    throw new BrokerError('invalid_argument', `1 to ${MAX_PRODUCER_IDS} producer ids at a time`);
  const base = draft.meta.nextProducerId;
  if (gatewayProducerIds.include(Number(base) + request.count))
    throw new BrokerError('quota_exceeded', 'producer ids are used up');
  draft.meta.nextProducerId = base + BigInt(request.count);
  return () => encoded(AllocateProducerIdsResponseSchema, { base, count: request.count });
}

function bootstrap(draft: ClusterDraft, { clusterId, admin, featureLevel }: Bootstrap): void {
  if (draft.meta.clusterId !== '') throw new BrokerError('already_exists', 'the cluster exists');
  draft.meta.clusterId = clusterId;
  draft.meta.featureLevel = featureLevel;
  if (admin !== undefined) putUser(draft, { user: admin, createOnly: true });
}

/** Once: a slot that holds rows moves in steps, not by another placement. */
function placeSlots(draft: ClusterDraft, placement: SlotPlacement | undefined): void {
  if (draft.slots.has('')) throw new BrokerError('already_exists', 'the slots are placed');
  if (placement?.dataGroups.length !== SLOTS)
    throw new BrokerError('invalid_argument', `a placement names the groups of ${SLOTS} slots`);
  draft.slots.put(placement);
}

function encoded<D extends DescMessage>(schema: D, response: MessageInitShape<D>): Uint8Array {
  return toBinary(schema, create(schema, response));
}

function topicIdOf(entropy: Uint8Array): Uint8Array {
  if (entropy.length < 16)
    throw new BrokerError('internal', 'a command that names things brings 16 random bytes');
  const id = Uint8Array.from(entropy.subarray(0, 16));
  // RFC 4122 version 4.
  id[6] = ((id[6] ?? 0) & 0x0f) | 0x40;
  id[8] = ((id[8] ?? 0) & 0x3f) | 0x80;
  return id;
}
