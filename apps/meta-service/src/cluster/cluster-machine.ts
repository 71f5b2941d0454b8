// The cluster group: one command in, one response out, and what watchers must hear of it.
import { clone, create, toBinary, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { areCredentialsComplete } from '@robustmq/access-control';
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
  ClusterChangeSchema,
  CreateStreamResponseSchema,
  DeleteStreamResponseSchema,
  DeleteUserResponseSchema,
  PutDynamicConfigResponseSchema,
  PutUserResponseSchema,
  RegisterNodeResponseSchema,
  ReleaseNodeResponseSchema,
  ServiceKind,
  type AllocateProducerIdsRequest,
  type Bootstrap,
  type ClusterChange,
  type Command,
  type CommandDefaults,
  type DeleteUserRequest,
  type PutDynamicConfigRequest,
  type PutUserRequest,
  type RegisterNodeRequest,
  type SlotPlacement,
} from '@robustmq/rpc';
import type { KeyValueBatch } from '@robustmq/kv-store';
import type { GroupMachine } from '../group-machine.ts';
import { acknowledgeDeletions } from './deletions.ts';
import { SLOTS } from '../slots.ts';
import { noRows, userKey, type ClusterRows, type ClusterState } from './cluster-state.ts';
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

/** What the machine tells, and whom. Nothing here may change the state: two members need not be configured alike. */
export interface ClusterMachineOptions {
  readonly leaseDurationMs: number;
  readonly renewIntervalMs: number;
  /** Told of every applied command that changed something, in order. */
  readonly onApplied: (revision: bigint, changes: ClusterChange[]) => void;
}

/** Most producer ids in one allocation. */
const MAX_PRODUCER_IDS = 100_000;

/** Applies commands to a {@link ClusterState}. Rows are stored by `storeRows` after a batch. */
export class ClusterMachine implements GroupMachine {
  readonly #state: ClusterState;
  readonly #options: ClusterMachineOptions;
  #dirty: ClusterRows = noRows();
  #hasDirty = false;

  constructor(state: ClusterState, options: ClusterMachineOptions) {
    this.#state = state;
    this.#options = options;
  }

  get state(): ClusterState {
    return this.#state;
  }

  keysOf(): Buffer[] {
    return [];
  }

  apply(command: Command): Uint8Array {
    const rows = noRows();
    const response = this.#dispatch(command, rows);
    const changes = this.#changesOf(rows);
    if (changes.length > 0 || rows.meta || rows.slots || rows.deletions.size > 0) {
      if (changes.length > 0) this.#state.meta.revision++;
      this.#mergeDirty(rows);
      if (changes.length > 0) this.#options.onApplied(this.#state.meta.revision, changes);
    }
    return response(this.#state.meta.revision);
  }

  /** Adds every row changed since the last call to a batch. */
  storeRows(batch: KeyValueBatch, family: string): void {
    if (!this.#hasDirty) return;
    this.#state.store(this.#dirty, batch, family);
    this.#dirty = noRows();
    this.#hasDirty = false;
  }

  #dispatch(
    { command, nowMs, entropy, defaults }: Command,
    rows: ClusterRows,
  ): (revision: bigint) => Uint8Array {
    const state = this.#state;
    switch (command.case) {
      case 'bootstrap':
        bootstrap(state, rows, command.value);
        return () => new Uint8Array();
      case 'placeSlots':
        placeSlots(state, rows, command.value.placement);
        return () => new Uint8Array();
      case 'registerNode':
        return this.#register(command.value, rows, nowMs, entropy, defaults?.mqttShards ?? 1);
      case 'endNodes':
        endNodes(state, rows, command.value, nowMs);
        return () => encoded(ReleaseNodeResponseSchema, {});
      case 'createStream': {
        const stream = createStream(
          state,
          rows,
          command.value,
          this.#defaults(defaults),
          nowMs,
          topicIdOf(entropy),
        );
        return (revision) => encoded(CreateStreamResponseSchema, { stream, revision });
      }
      case 'deleteStream':
        deleteStream(state, rows, command.value);
        return (revision) => encoded(DeleteStreamResponseSchema, { revision });
      case 'addShards': {
        const stream = addShards(state, rows, command.value);
        return (revision) => encoded(AddShardsResponseSchema, { stream, revision });
      }
      case 'alterStreamConfig': {
        const stream = alterStreamConfig(state, rows, command.value);
        return (revision) => encoded(AlterStreamConfigResponseSchema, { stream, revision });
      }
      case 'acknowledgeOwnership':
        acknowledgeOwnership(state, rows, command.value);
        return () => encoded(AcknowledgeOwnershipResponseSchema, {});
      case 'claimLeadership':
        claimLeadership(state, rows, command.value);
        return (revision) => encoded(ClaimLeadershipResponseSchema, { revision });
      case 'acknowledgeDeletions':
        acknowledgeDeletions(state, rows, command.value);
        return () => encoded(AcknowledgeDeletionsResponseSchema, {});
      case 'alterIsr': {
        const { isr, isrVersion } = alterIsr(state, rows, command.value);
        return () => encoded(AlterIsrResponseSchema, { isr, isrVersion });
      }
      case 'allocateProducerIds':
        return allocateProducerIds(state, rows, command.value);
      case 'putUser':
        putUser(state, rows, command.value);
        return (revision) => encoded(PutUserResponseSchema, { revision });
      case 'deleteUser':
        deleteUser(state, rows, command.value);
        return (revision) => encoded(DeleteUserResponseSchema, { revision });
      case 'putDynamicConfig':
        putDynamicConfig(state, rows, command.value);
        return (revision) => encoded(PutDynamicConfigResponseSchema, { revision });
      default:
        throw new BrokerError('unsupported', `no command of the cluster group: ${command.case ?? 'none'}`);
    }
  }

  #register(
    request: RegisterNodeRequest,
    rows: ClusterRows,
    nowMs: bigint,
    entropy: Uint8Array,
    mqttShards: number,
  ): (revision: bigint) => Uint8Array {
    const { leaseDurationMs, renewIntervalMs } = this.#options;
    const state = this.#state;
    const node = registerNode(state, rows, request, nowMs);
    if (request.kind === ServiceKind.JOURNAL)
      ensureMqttStream(state, rows, DEFAULT_TENANT, mqttShards, nowMs, topicIdOf(entropy));
    return (revision) => {
      const clusterId = state.meta.clusterId;
      return toBinary(
        RegisterNodeResponseSchema,
        create(RegisterNodeResponseSchema, { node, leaseDurationMs, renewIntervalMs, revision, clusterId }),
      );
    };
  }

  #defaults(sent: CommandDefaults | undefined): StreamDefaults {
    const { config } = this.#state;
    return {
      shards: Number(config.get('streams.default.partitions') ?? sent?.streamShards ?? 1),
      mqttFilter: config.get('streams.default.mqtt.filter') ?? sent?.streamMqttFilter ?? 'none',
    };
  }

  #changesOf(rows: ClusterRows): ClusterChange[] {
    const state = this.#state;
    const changes: ClusterChange['change'][] = [];
    for (const nodeId of rows.nodes) {
      const value = state.nodes.get(nodeId);
      if (value !== undefined) changes.push({ case: 'node', value });
    }
    for (const value of rows.deletedNodes) changes.push({ case: 'deletedNodeId', value });
    for (const streamId of rows.streams) {
      const value = state.streams.get(streamId);
      if (value !== undefined) changes.push({ case: 'stream', value });
    }
    for (const value of rows.deletedStreams) changes.push({ case: 'deletedStreamId', value });
    for (const key of rows.users) {
      const value = state.users.get(key);
      if (value !== undefined) changes.push({ case: 'user', value });
    }
    const made = changes.map((change) => create(ClusterChangeSchema, { change }));
    for (const value of rows.deletedUsers.values())
      made.push(create(ClusterChangeSchema, { change: { case: 'deletedUser', value } }));
    for (const key of rows.configs) {
      const value = { key, value: state.config.get(key) ?? '' };
      made.push(create(ClusterChangeSchema, { change: { case: 'config', value } }));
    }
    if (rows.ownershipEpoch) {
      made.push(
        create(ClusterChangeSchema, { change: { case: 'ownershipEpoch', value: state.meta.ownershipEpoch } }),
      );
    }
    // Watchers keep what they get: later commands must not change it under them.
    return made.map((change) => clone(ClusterChangeSchema, change));
  }

  #mergeDirty(rows: ClusterRows): void {
    this.#hasDirty = true;
    const dirty = this.#dirty;
    for (const nodeId of rows.nodes) dirty.nodes.add(nodeId);
    for (const nodeId of rows.deletedNodes) dirty.deletedNodes.add(nodeId);
    for (const streamId of rows.streams) dirty.streams.add(streamId);
    for (const streamId of rows.deletedStreams) dirty.deletedStreams.add(streamId);
    for (const [key, user] of rows.deletedUsers) dirty.deletedUsers.set(key, user);
    for (const key of rows.users) {
      dirty.users.add(key);
      dirty.deletedUsers.delete(key);
    }
    for (const nodeId of rows.nodes) dirty.deletedNodes.delete(nodeId);
    for (const key of rows.configs) dirty.configs.add(key);
    for (const streamId of rows.deletions) dirty.deletions.add(streamId);
    if (rows.slots) dirty.slots = true;
  }
}

/** The tenant of clients that name none. */
export const DEFAULT_TENANT = 'default';

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
  return () =>
    toBinary(
      AllocateProducerIdsResponseSchema,
      create(AllocateProducerIdsResponseSchema, { base, count: request.count }),
    );
}

function putUser(
  state: ClusterState,
  rows: ClusterRows,
  { user, createOnly }: Pick<PutUserRequest, 'user' | 'createOnly'>,
): void {
  if (user === undefined || !/^\P{Cc}{1,128}$/u.test(user.name))
    throw new BrokerError('invalid_argument', 'a user name is 1 to 128 characters');
  if (!areCredentialsComplete(user))
    throw new BrokerError('invalid_argument', 'a user has an argon2id PHC string and both SCRAM verifiers');
  const key = userKey(user.tenant, user.name);
  if (createOnly && state.users.has(key)) throw new BrokerError('already_exists', `user ${user.name} exists`);
  state.users.set(key, user);
  rows.users.add(key);
}

function deleteUser(state: ClusterState, rows: ClusterRows, { tenant, name }: DeleteUserRequest): void {
  const key = userKey(tenant, name);
  if (!state.users.delete(key)) throw new BrokerError('not_found', `no user ${name}`);
  rows.deletedUsers.set(key, { tenant, name });
}

/** Keys that may change at run time, with what they may be. */
const DYNAMIC_CONFIGS: Readonly<Record<string, (value: string) => boolean>> = {
  'streams.default.partitions': (value) =>
    /^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= 1_000,
  'streams.default.mqtt.filter': (value) => value === 'none' || value === 'name',
};

function putDynamicConfig(
  state: ClusterState,
  rows: ClusterRows,
  { entries }: PutDynamicConfigRequest,
): void {
  for (const { key, value } of entries) {
    const check = Object.hasOwn(DYNAMIC_CONFIGS, key) ? DYNAMIC_CONFIGS[key] : undefined;
    if (check === undefined) throw new BrokerError('invalid_argument', `${key} is no dynamic configuration`);
    if (value !== '' && !check(value))
      throw new BrokerError('invalid_argument', `${key} cannot be '${value}'`);
  }
  for (const { key, value } of entries) {
    if (value === '') state.config.delete(key);
    else state.config.set(key, value);
    rows.configs.add(key);
  }
}

function bootstrap(state: ClusterState, rows: ClusterRows, { clusterId, admin }: Bootstrap): void {
  if (state.meta.clusterId !== '') throw new BrokerError('already_exists', 'the cluster exists');
  state.meta.clusterId = clusterId;
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
