// The commands of the cluster group: one row each, from what it changes to what it answers. A new command is a row here, its rule
// in the module that owns the rows, and its message in proto/.
import { create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { isGatewayProducerId } from '@robustmq/record-batch';
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
} from '@robustmq/rpc';
import { SLOTS } from '../slots.ts';
import { DEFAULT_TENANT, type ClusterRows, type ClusterState } from './cluster-state.ts';
import { acknowledgeDeletions } from './deletions.ts';
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
  readonly state: ClusterState;
  readonly rows: ClusterRows;
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

const COMMANDS: { readonly [C in ClusterCase]: (call: CommandCall, value: ValueOf<C>) => Answer } = {
  bootstrap: ({ state, rows }, value) => {
    bootstrap(state, rows, value);
    return () => new Uint8Array();
  },
  placeSlots: ({ state, rows }, { placement }) => {
    placeSlots(state, rows, placement);
    return () => new Uint8Array();
  },
  registerNode: register,
  endNodes: ({ state, rows, command }, value) => {
    endNodes(state, rows, value, command.nowMs);
    return () => encoded(ReleaseNodeResponseSchema, {});
  },
  createStream: ({ state, rows, command }, value) => {
    const { nowMs, entropy } = command;
    const defaults = defaultsOf(state, command);
    const stream = createStream(state, rows, value, defaults, nowMs, topicIdOf(entropy));
    return (revision) => encoded(CreateStreamResponseSchema, { stream, revision });
  },
  deleteStream: ({ state, rows }, value) => {
    deleteStream(state, rows, value);
    return (revision) => encoded(DeleteStreamResponseSchema, { revision });
  },
  addShards: ({ state, rows, command }, value) => {
    const stream = addShards(state, rows, value, defaultsOf(state, command).quotas);
    return (revision) => encoded(AddShardsResponseSchema, { stream, revision });
  },
  alterStreamConfig: ({ state, rows }, value) => {
    const stream = alterStreamConfig(state, rows, value);
    return (revision) => encoded(AlterStreamConfigResponseSchema, { stream, revision });
  },
  acknowledgeOwnership: ({ state, rows }, value) => {
    acknowledgeOwnership(state, rows, value);
    return () => encoded(AcknowledgeOwnershipResponseSchema, {});
  },
  claimLeadership: ({ state, rows }, value) => {
    claimLeadership(state, rows, value);
    return (revision) => encoded(ClaimLeadershipResponseSchema, { revision });
  },
  acknowledgeDeletions: ({ state, rows }, value) => {
    acknowledgeDeletions(state, rows, value);
    return () => encoded(AcknowledgeDeletionsResponseSchema, {});
  },
  alterIsr: ({ state, rows }, value) => {
    const { isrMembers: members, isrVersion } = alterIsr(state, rows, value);
    return () => encoded(AlterIsrResponseSchema, { members, isrVersion });
  },
  allocateProducerIds: ({ state, rows }, value) => allocateProducerIds(state, rows, value),
  putUser: ({ state, rows }, value) => {
    putUser(state, rows, value);
    return (revision) => encoded(PutUserResponseSchema, { revision });
  },
  deleteUser: ({ state, rows }, value) => {
    deleteUser(state, rows, value);
    return (revision) => encoded(DeleteUserResponseSchema, { revision });
  },
  putDynamicConfig: ({ state, rows }, value) => {
    putDynamicConfig(state, rows, value);
    return (revision) => encoded(PutDynamicConfigResponseSchema, { revision });
  },
  raiseFeatureLevel: ({ state, rows }, value) => {
    raiseFeatureLevel(state, rows, value);
    return (revision) => encoded(RaiseFeatureLevelResponseSchema, { level: value.level, revision });
  },
};

/** Changes the state and notes the changed rows. @throws BrokerError with nothing changed */
export function runCommand(call: CommandCall): Answer {
  const { command } = call.command;
  const rows: Readonly<Record<string, (call: CommandCall, value: never) => Answer>> = COMMANDS;
  const run =
    command.case === undefined || !Object.hasOwn(rows, command.case) ? undefined : rows[command.case];
  if (run === undefined)
    throw new BrokerError('unsupported', `no command of the cluster group: ${command.case ?? 'none'}`);
  return run(call, command.value as never);
}

function register({ state, rows, command, leases }: CommandCall, request: RegisterNodeRequest): Answer {
  const { leaseDurationMs, renewIntervalMs } = leases;
  const { nowMs, entropy, defaults } = command;
  const node = registerNode(state, rows, request, nowMs);
  if (request.kind === ServiceKind.JOURNAL)
    ensureMqttStream(state, rows, DEFAULT_TENANT, defaults?.mqttShards ?? 1, nowMs, topicIdOf(entropy));
  return (revision) => {
    const { clusterId } = state.meta;
    return encoded(RegisterNodeResponseSchema, {
      node,
      leaseDurationMs,
      renewIntervalMs,
      revision,
      clusterId,
    });
  };
}

function defaultsOf({ config }: ClusterState, { defaults: sent }: Command): StreamDefaults {
  return {
    shards: Number(config.get('streams.default.partitions') ?? sent?.streamShards ?? 1),
    mqttFilter: config.get('streams.default.mqtt.filter') ?? sent?.streamMqttFilter ?? 'none',
    quotas: { streams: sent?.tenantStreams ?? 0, shards: sent?.tenantShards ?? 0 },
  };
}

function allocateProducerIds(
  state: ClusterState,
  rows: ClusterRows,
  request: AllocateProducerIdsRequest,
): () => Uint8Array {
  if (request.count < 1 || request.count > MAX_PRODUCER_IDS)
    throw new BrokerError('invalid_argument', `1 to ${MAX_PRODUCER_IDS} producer ids at a time`);
  const base = state.meta.nextProducerId;
  if (isGatewayProducerId(Number(base) + request.count))
    throw new BrokerError('quota_exceeded', 'producer ids are used up');
  state.meta.nextProducerId = base + BigInt(request.count);
  rows.meta = true;
  return () => encoded(AllocateProducerIdsResponseSchema, { base, count: request.count });
}

function bootstrap(
  state: ClusterState,
  rows: ClusterRows,
  { clusterId, admin, featureLevel }: Bootstrap,
): void {
  if (state.meta.clusterId !== '') throw new BrokerError('already_exists', 'the cluster exists');
  state.meta.clusterId = clusterId;
  state.meta.featureLevel = featureLevel;
  rows.meta = true;
  if (admin !== undefined) putUser(state, rows, { user: admin, createOnly: true });
}

/** Once: a slot that holds rows moves in steps, not by another placement. */
function placeSlots(state: ClusterState, rows: ClusterRows, placement: SlotPlacement | undefined): void {
  if (state.slots.dataGroups.length > 0) throw new BrokerError('already_exists', 'the slots are placed');
  if (placement?.dataGroups.length !== SLOTS)
    throw new BrokerError('invalid_argument', `a placement names the groups of ${SLOTS} slots`);
  state.slots = placement;
  rows.slots = true;
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
