// Streams and their shards: created, grown, altered, deleted.
import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  CreateStreamRequestSchema,
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
import type { Steps } from '../steps.ts';
import { noteDeletion } from './deletions.ts';
import type { ClusterDraft } from './draft.ts';
import { liveNode } from './live-node.ts';
import { checkFilter, defaultFilter, settleOwnership } from './ownership.ts';
import { checkQuotas, type TenantQuotas } from './quotas.ts';
import { streamConfigProblem } from './stream-config.ts';
import { MQTT_STREAM } from './stream-index.ts';

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

/** A new stream. @throws BrokerError */
export function* createStream(
  draft: ClusterDraft,
  request: CreateStreamRequest,
  defaults: StreamDefaults,
  nowMs: bigint,
  topicId: Uint8Array,
): Steps<Stream> {
  const { tenant, name } = request;
  checkNames(tenant, name);
  if (draft.streamByName(tenant, name) !== undefined)
    throw new BrokerError('already_exists', `stream ${name} exists`);
  if (draft.streamCount >= MAX_STREAMS)
    throw new BrokerError('quota_exceeded', `at most ${MAX_STREAMS} streams`);
  const replicas = request.replicationFactor === 0 ? 1 : request.replicationFactor;
  checkReplicationFactor(replicas);
  const problem = streamConfigProblem(request.config, false) ?? replicasProblem(request.config, replicas);
  if (problem !== undefined)
    throw new BrokerError('invalid_argument', problem, { details: { field: 'config' } });
  const shards = request.shards === 0 ? defaults.shards : request.shards;
  checkShardCount(shards);
  if (!request.internal) checkQuotas(draft, tenant, { streams: 1, shards }, defaults.quotas);
  const filter = filterOf(draft, request, shards, defaults);
  const journals = liveJournals(draft);
  if (journals.length < replicas) throw tooFewJournals(replicas, journals.length);
  const streamId = draft.meta.nextStreamId;
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
    ownershipEpoch: ownsNew ? draft.meta.ownershipEpoch + 1n : draft.meta.ownershipEpoch,
    ownershipActive: !ownsNew,
    internal: request.internal,
    shards: yield* newShards(journals, streamId, replicas, { from: 0, until: shards }),
  });
  if (request.validateOnly) return stream;
  draft.meta.nextStreamId++;
  draft.streams.put(stream);
  if (ownsNew) {
    draft.meta.ownershipEpoch = stream.ownershipEpoch;
    yield* settleOwnership(draft);
  }
  return draft.streams.get(streamId) ?? stream;
}

/** The filter of a new stream, checked (rule O1). Empty: it owns no MQTT topic. @throws BrokerError */
function filterOf(
  draft: ClusterDraft,
  { tenant, name, config, internal }: CreateStreamRequest,
  shards: number,
  defaults: StreamDefaults,
): string {
  const hasRoom = draft.index.usageOf(tenant).mqttShards + shards <= MAX_MQTT_SHARDS;
  const asked = config['mqtt.filter'];
  if (asked === undefined && (internal || defaults.mqttFilter !== 'name' || !hasRoom)) {
    if (name === MQTT_STREAM && !hasRoom) throw tooManyMqttShards();
    return '';
  }
  if (asked === undefined) return defaultFilter(draft, tenant, name);
  checkFilter(draft, tenant, asked);
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
export function* ensureMqttStream(
  draft: ClusterDraft,
  tenant: string,
  shards: number,
  nowMs: bigint,
  topicId: Uint8Array,
): Steps<void> {
  if (draft.streamByName(tenant, MQTT_STREAM) !== undefined || liveJournals(draft).length === 0) return;
  const request = create(CreateStreamRequestSchema, {
    tenant,
    name: MQTT_STREAM,
    shards,
    internal: true,
    replicationFactor: 1,
  });
  const defaults = { shards, mqttFilter: 'none', quotas: { streams: 0, shards: 0 } };
  yield* createStream(draft, request, defaults, nowMs, topicId);
}

/** @throws BrokerError `not_found`, `permission_denied` for built-in streams */
export function* deleteStream(draft: ClusterDraft, request: DeleteStreamRequest): Steps<void> {
  const stream = draft.streamByName(request.tenant, request.name);
  if (stream === undefined || (request.streamId !== 0 && request.streamId !== stream.streamId)) {
    throw new BrokerError('not_found', `no stream ${request.name}`);
  }
  if (stream.internal) throw new BrokerError('permission_denied', `stream ${request.name} is built in`);
  noteDeletion(draft, stream);
  draft.streams.delete(stream.streamId);
  if (stream.mqttFilter !== '') {
    draft.meta.ownershipEpoch++;
    yield* settleOwnership(draft);
  }
}

/** More shards; MQTT topics stay where they hash to by the count at creation (rule O4). */
export function* addShards(
  draft: ClusterDraft,
  request: AddShardsRequest,
  quotas: TenantQuotas,
): Steps<Stream> {
  const stream = draft.streams.get(request.streamId);
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
  checkQuotas(draft, stream.tenant, { streams: 0, shards: more }, quotas);
  const journals = liveJournals(draft);
  const replicas = replicationFactorOf(stream);
  if (journals.length < replicas) throw tooFewJournals(replicas, journals.length);
  if (request.validateOnly) return stream;
  const range = { from: stream.shards.length, until: request.totalShards };
  const added = yield* newShards(journals, stream.streamId, replicas, range);
  const grown = { ...stream, shards: [...stream.shards, ...added] };
  draft.streams.put(grown);
  return grown;
}

/** Changes configs that may change. */
export function alterStreamConfig(draft: ClusterDraft, request: AlterStreamConfigRequest): Stream {
  const stream = draft.streams.get(request.streamId);
  if (stream === undefined) throw new BrokerError('not_found', `no stream ${request.streamId}`);
  const removed = Object.fromEntries(request.remove.map((key) => [key, undefined]));
  const problem =
    streamConfigProblem(request.set, true) ??
    streamConfigProblem(removed, true) ??
    replicasProblem(request.set, replicationFactorOf(stream));
  if (problem !== undefined)
    throw new BrokerError('invalid_argument', problem, { details: { field: 'config' } });
  if (request.validateOnly) return stream;
  const config = { ...stream.config, ...request.set };
  for (const key of request.remove) delete config[key];
  const altered = { ...stream, config };
  draft.streams.put(altered);
  return altered;
}

/**
 * Compare-and-set of an ISR (rule R2). A member that is not current is `stale_epoch`: a run that ended never comes back, so that no
 * copy of this request is ever applied. The version goes first, so that a copy that was applied before is `conflict`.
 */
export function alterIsr(draft: ClusterDraft, request: AlterIsrRequest): Shard {
  const node = liveNode(draft, request.node);
  const stream = draft.streams.get(request.shard?.streamId ?? 0);
  const shard = stream?.shards[request.shard?.shard ?? 0];
  if (stream === undefined || shard === undefined) throw new BrokerError('not_found', 'no such shard');
  const isLeader =
    shard.leader === node.identity?.nodeId && shard.leaderIncarnation === node.identity.incarnation;
  if (!isLeader || shard.leaderEpoch !== request.leaderEpoch) {
    throw new BrokerError('fenced', `leader epoch ${request.leaderEpoch} is over`);
  }
  if (shard.isrVersion !== request.isrVersion)
    throw new BrokerError('conflict', `ISR is at version ${shard.isrVersion}`);
  for (const member of request.members) {
    const row = draft.nodes.get(member.nodeId);
    const holdsCopy = shard.replicas.some(
      (replica) => replica.nodeId === member.nodeId && replica.directoryId === row?.identity?.directoryId,
    );
    if (row?.live !== true || row.identity?.incarnation !== member.incarnation || !holdsCopy) {
      throw new BrokerError('stale_epoch', `${member.nodeId} is not the incarnation that holds a copy`);
    }
  }
  // One copy that counts twice would open the gate of min.insync.replicas (rule R1).
  if (new Set(request.members.map(({ nodeId }) => nodeId)).size < request.members.length)
    throw new BrokerError('invalid_argument', 'an ISR names each of its members once');
  if (!request.members.some((member) => member.nodeId === shard.leader))
    throw new BrokerError('invalid_argument', 'an ISR contains its leader');
  const altered = { ...shard, isrMembers: request.members, isrVersion: shard.isrVersion + 1 };
  draft.streams.put({ ...stream, shards: stream.shards.with(shard.shard, altered) });
  return altered;
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

function tooFewJournals(replicas: number, live: number): BrokerError {
  return new BrokerError(
    'not_enough_replicas',
    `replication factor ${replicas} with ${live} live journal-servers`,
  );
}

function liveJournals(draft: ClusterDraft): Node[] {
  return [...draft.nodes.values()]
    .filter((node) => node.live && node.kind === ServiceKind.JOURNAL)
    .sort((a, b) => a.number - b.number);
}

function* newShards(
  journals: readonly Node[],
  streamId: number,
  replicationFactor: number,
  { from, until }: { readonly from: number; readonly until: number },
): Steps<Shard[]> {
  const shards: Shard[] = [];
  for (let shard = from; shard < until; shard++) {
    yield;
    shards.push(newShard(journals, streamId, shard, replicationFactor));
  }
  return shards;
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
