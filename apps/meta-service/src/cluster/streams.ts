// Streams and their shards: created, grown, altered, deleted.
import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  ServiceKind,
  ShardSchema,
  StreamSchema,
  type AddShardsRequest,
  type AlterIsrRequest,
  type AlterStreamConfigRequest,
  type CreateStreamRequest,
  type DeleteStreamRequest,
  type Node,
  type Shard,
  type Stream,
} from '@robustmq/rpc';
import type { ClusterRows, ClusterState } from './cluster-state.ts';
import { noteDeletion } from './deletions.ts';
import { liveNode } from './live-node.ts';
import { checkFilter, defaultFilter, settleOwnership } from './ownership.ts';
import { checkQuotas, type TenantQuotas } from './quotas.ts';
import { streamConfigProblem } from './stream-config.ts';

/** Cluster-wide defaults: dynamic configuration over what the proposer was started with. */
export interface StreamDefaults {
  readonly shards: number;
  readonly mqttFilter: string;
  readonly quotas: TenantQuotas;
}

/** Shards that MQTT sessions may have to watch, over all streams of a tenant (rule O1). */
export const MAX_MQTT_SHARDS = 256;
export const MAX_SHARDS_PER_STREAM = 1_000;
export const MAX_STREAMS = 20_000;
/** Copies of a shard that the journal-servers keep. More are refused as long as nobody would follow the leader (rule R1). */
const MAX_REPLICATION_FACTOR = 1;
/** Name of the built-in stream that owns what no other stream owns. */
export const MQTT_STREAM = 'mqtt';

/** A new stream. @throws BrokerError */
export function createStream(
  state: ClusterState,
  rows: ClusterRows,
  request: CreateStreamRequest,
  defaults: StreamDefaults,
  nowMs: bigint,
  topicId: Uint8Array,
): Stream {
  const { tenant, name } = request;
  checkNames(tenant, name);
  if (state.streamByName(tenant, name) !== undefined)
    throw new BrokerError('already_exists', `stream ${name} exists`);
  if (state.streams.size >= MAX_STREAMS)
    throw new BrokerError('quota_exceeded', `at most ${MAX_STREAMS} streams`);
  const replicas = request.replicationFactor === 0 ? 1 : request.replicationFactor;
  checkReplicationFactor(replicas);
  const problem = streamConfigProblem(request.config, false) ?? replicasProblem(request.config, replicas);
  if (problem !== undefined)
    throw new BrokerError('invalid_argument', problem, { details: { field: 'config' } });
  const shards = request.shards === 0 ? defaults.shards : request.shards;
  checkShardCount(shards);
  if (!request.internal) checkQuotas(state, tenant, { streams: 1, shards }, defaults.quotas);
  const filter = filterOf(state, request, shards, defaults);
  const journals = liveJournals(state);
  if (journals.length < replicas) throw tooFewJournals(replicas, journals.length);
  const streamId = state.meta.nextStreamId;
  const ownsNew = filter !== '';
  const stream = create(StreamSchema, {
    streamId,
    tenant,
    name,
    // Only what was asked for: a filter that follows from a default is none of the stream's own settings.
    config: request.config,
    mqttFilter: filter,
    shardsAtCreation: shards,
    topicId,
    createdAtMs: nowMs,
    ownershipEpoch: ownsNew ? state.meta.ownershipEpoch + 1n : state.meta.ownershipEpoch,
    ownershipActive: !ownsNew,
    internal: request.internal,
    shards: Array.from({ length: shards }, (_, shard) => newShard(journals, streamId, shard, replicas)),
  });
  if (request.validateOnly) return stream;
  state.meta.nextStreamId++;
  state.putStream(stream);
  rows.streams.add(streamId);
  if (ownsNew) {
    state.meta.ownershipEpoch = stream.ownershipEpoch;
    rows.ownershipEpoch = true;
    settleOwnership(state, rows);
  }
  return stream;
}

/** The filter of a new stream, checked (rule O1). Empty: it owns no MQTT topic. @throws BrokerError */
function filterOf(
  state: ClusterState,
  { tenant, name, config, internal }: CreateStreamRequest,
  shards: number,
  defaults: StreamDefaults,
): string {
  const hasRoom = mqttShards(state, tenant) + shards <= MAX_MQTT_SHARDS;
  const asked = config['mqtt.filter'];
  if (asked === undefined && (internal || defaults.mqttFilter !== 'name' || !hasRoom)) {
    if (name === MQTT_STREAM && !hasRoom) throw tooManyMqttShards();
    return '';
  }
  if (asked === undefined) return defaultFilter(state, tenant, name);
  checkFilter(state, tenant, asked);
  if (asked !== '' && !hasRoom) throw tooManyMqttShards();
  return asked;
}

function tooManyMqttShards(): BrokerError {
  return new BrokerError(
    'quota_exceeded',
    `at most ${MAX_MQTT_SHARDS} shards of a tenant may own MQTT topics`,
  );
}

/** The stream of a tenant that owns all other MQTT topics; made when the first journal-server is there. */
export function ensureMqttStream(
  state: ClusterState,
  rows: ClusterRows,
  tenant: string,
  shards: number,
  nowMs: bigint,
  topicId: Uint8Array,
): void {
  if (state.streamByName(tenant, MQTT_STREAM) !== undefined || liveJournals(state).length === 0) return;
  const request = {
    tenant,
    name: MQTT_STREAM,
    shards,
    internal: true,
    config: {},
    replicationFactor: 1,
    validateOnly: false,
  };
  createStream(
    state,
    rows,
    request as unknown as CreateStreamRequest,
    { shards, mqttFilter: 'none', quotas: { streams: 0, shards: 0 } },
    nowMs,
    topicId,
  );
}

/** @throws BrokerError `not_found`, `permission_denied` for built-in streams */
export function deleteStream(state: ClusterState, rows: ClusterRows, request: DeleteStreamRequest): void {
  const stream = state.streamByName(request.tenant, request.name);
  if (stream === undefined || (request.streamId !== 0 && request.streamId !== stream.streamId)) {
    throw new BrokerError('not_found', `no stream ${request.name}`);
  }
  if (stream.internal) throw new BrokerError('permission_denied', `stream ${request.name} is built in`);
  state.deleteStream(stream);
  rows.deletedStreams.add(stream.streamId);
  noteDeletion(state, rows, stream);
  if (stream.mqttFilter !== '') {
    state.meta.ownershipEpoch++;
    rows.ownershipEpoch = true;
    settleOwnership(state, rows);
  }
}

/** More shards; MQTT topics stay where they hash to by the count at creation (rule O4). */
export function addShards(
  state: ClusterState,
  rows: ClusterRows,
  request: AddShardsRequest,
  quotas: TenantQuotas,
): Stream {
  const stream = state.streams.get(request.streamId);
  if (stream === undefined) throw new BrokerError('not_found', `no stream ${request.streamId}`);
  if (request.totalShards <= stream.shards.length) {
    throw new BrokerError(
      'invalid_argument',
      `stream ${stream.name} has ${stream.shards.length} shards already`,
      { details: { field: 'total_shards' } },
    );
  }
  checkShardCount(request.totalShards);
  const more = request.totalShards - stream.shards.length;
  checkQuotas(state, stream.tenant, { streams: 0, shards: more }, quotas);
  const journals = liveJournals(state);
  const replicas = replicationFactorOf(stream);
  if (journals.length < replicas) throw tooFewJournals(replicas, journals.length);
  if (request.validateOnly) return stream;
  for (let shard = stream.shards.length; shard < request.totalShards; shard++) {
    stream.shards.push(newShard(journals, stream.streamId, shard, replicas));
  }
  rows.streams.add(stream.streamId);
  return stream;
}

/** Changes configs that may change. */
export function alterStreamConfig(
  state: ClusterState,
  rows: ClusterRows,
  request: AlterStreamConfigRequest,
): Stream {
  const stream = state.streams.get(request.streamId);
  if (stream === undefined) throw new BrokerError('not_found', `no stream ${request.streamId}`);
  const removed = Object.fromEntries(request.remove.map((key) => [key, undefined]));
  const problem =
    streamConfigProblem(request.set, true) ??
    streamConfigProblem(removed, true) ??
    replicasProblem(request.set, replicationFactorOf(stream));
  if (problem !== undefined)
    throw new BrokerError('invalid_argument', problem, { details: { field: 'config' } });
  if (request.validateOnly) return stream;
  Object.assign(stream.config, request.set);
  for (const key of request.remove) delete stream.config[key];
  rows.streams.add(stream.streamId);
  return stream;
}

/** Compare-and-set of an ISR (rule R2). */
export function alterIsr(state: ClusterState, rows: ClusterRows, request: AlterIsrRequest): Shard {
  const node = liveNode(state, request.node);
  const shard = state.streams.get(request.shard?.streamId ?? 0)?.shards[request.shard?.shard ?? 0];
  if (shard === undefined) throw new BrokerError('not_found', 'no such shard');
  const isLeader =
    shard.leader === node.identity?.nodeId && shard.leaderIncarnation === node.identity.incarnation;
  if (!isLeader || shard.leaderEpoch !== request.leaderEpoch) {
    throw new BrokerError('fenced', `leader epoch ${request.leaderEpoch} is over`);
  }
  if (shard.isrVersion !== request.isrVersion)
    throw new BrokerError('conflict', `ISR is at version ${shard.isrVersion}`);
  for (const member of request.members) {
    const row = state.nodes.get(member.nodeId);
    const holdsCopy = shard.replicas.some(
      (replica) => replica.nodeId === member.nodeId && replica.directoryId === row?.identity?.directoryId,
    );
    if (row?.live !== true || row.identity?.incarnation !== member.incarnation || !holdsCopy) {
      throw new BrokerError('fenced', `${member.nodeId} is not the incarnation that holds a copy`);
    }
  }
  if (!request.members.some((member) => member.nodeId === shard.leader))
    throw new BrokerError('invalid_argument', 'an ISR contains its leader');
  shard.isrMembers = request.members;
  shard.isrVersion++;
  rows.streams.add(request.shard?.streamId ?? 0);
  return shard;
}

function checkNames(tenant: string, name: string): void {
  if (!/^[\w-]{1,64}$/.test(tenant))
    throw new BrokerError('invalid_argument', `'${tenant}' is no tenant: 1 to 64 letters, digits, _ -`);
  if (!/^[\w.-]{1,249}$/.test(name) || name === '.' || name === '..') {
    throw new BrokerError(
      'invalid_argument',
      `'${name}' is no stream name: 1 to 249 letters, digits, _ . -`,
      {
        details: { field: 'name' },
      },
    );
  }
}

function checkShardCount(shards: number): void {
  if (shards < 1 || shards > MAX_SHARDS_PER_STREAM) {
    throw new BrokerError(
      'invalid_argument',
      `a stream has 1 to ${MAX_SHARDS_PER_STREAM} shards, not ${shards}`,
      { details: { field: 'shards' } },
    );
  }
}

function checkReplicationFactor(replicas: number): void {
  if (replicas <= MAX_REPLICATION_FACTOR) return;
  throw new BrokerError(
    'invalid_argument',
    `replication factor ${replicas}: copies are not kept yet, ${MAX_REPLICATION_FACTOR} is the largest`,
    { details: { field: 'replication_factor' } },
  );
}

function replicationFactorOf(stream: Stream): number {
  return stream.shards[0]?.replicas.length ?? 1;
}

/** A gate above the number of copies would never open: acks=all refused for ever, and the high watermark at rest (rule R1). */
function replicasProblem(config: Readonly<Record<string, string>>, replicas: number): string | undefined {
  const value = config['min.insync.replicas'];
  if (value === undefined || Number(value) <= replicas) return undefined;
  return `configuration min.insync.replicas is at most the replication factor, ${replicas}, not '${value}'`;
}

function mqttShards(state: ClusterState, tenant: string): number {
  let count = 0;
  for (const stream of state.streams.values()) {
    if (stream.tenant === tenant && (stream.mqttFilter !== '' || stream.name === MQTT_STREAM))
      count += stream.shardsAtCreation;
  }
  return count;
}

function tooFewJournals(replicas: number, live: number): BrokerError {
  return new BrokerError(
    'not_enough_replicas',
    `replication factor ${replicas} with ${live} live journal-servers`,
  );
}

function liveJournals(state: ClusterState): Node[] {
  return [...state.nodes.values()]
    .filter((node) => node.live && node.kind === ServiceKind.JOURNAL)
    .sort((a, b) => a.number - b.number);
}

/** Replicas in turn over the journals, so that leaders spread; the first replica leads. */
function newShard(
  journals: readonly Node[],
  streamId: number,
  shard: number,
  replicationFactor: number,
): Shard {
  const chosen = Array.from(
    { length: replicationFactor },
    (_, i) => journals[(streamId + shard + i) % journals.length] as Node,
  );
  const leader = chosen[0]?.identity;
  return create(ShardSchema, {
    shard,
    leaderEpoch: 0,
    leader: leader?.nodeId ?? '',
    leaderIncarnation: leader?.incarnation ?? 0n,
    replicas: chosen.map((node) => ({
      nodeId: node.identity?.nodeId ?? '',
      directoryId: node.identity?.directoryId ?? '',
    })),
    isrMembers: chosen.map((node) => ({
      nodeId: node.identity?.nodeId ?? '',
      incarnation: node.identity?.incarnation ?? 0n,
    })),
    isrVersion: 1,
  });
}
