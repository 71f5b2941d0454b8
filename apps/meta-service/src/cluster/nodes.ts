// Nodes, incarnations, leases' ends and leaderships (rules F1, R3, R5).
import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import {
  NodeSchema,
  ServiceKind,
  type ClaimLeadershipRequest,
  type EndNodes,
  type Node,
  type NodeIdentity,
  type RegisterNodeRequest,
  type Shard,
  type Stream,
} from '@robustmq/rpc';
import type { Steps } from '../steps.ts';
import type { ClusterDraft } from './draft.ts';
import { checkFeatureLevel } from './feature-level.ts';
import { liveNode } from './live-node.ts';
import { settleOwnership } from './ownership.ts';

/** Producer ids per incarnation of an mqtt-gateway: one is used, the rest are for later splits of its load. */
const PRODUCER_IDS_PER_GATEWAY = 16;

/** A new incarnation of a node; the one before, if any, ends with this very command. */
export function* registerNode(draft: ClusterDraft, request: RegisterNodeRequest, nowMs: bigint): Steps<Node> {
  if (!/^[\w.-]{1,128}$/.test(request.nodeId))
    throw new BrokerError('invalid_argument', 'a node id is 1 to 128 letters, digits, _ . -');
  checkDescription(request);
  checkFeatureLevel(draft, request);
  const previous = draft.nodes.get(request.nodeId);
  if (previous?.live === true && isRepeat(previous, request)) return previous;
  if (previous !== undefined && previous.kind !== request.kind) {
    throw new BrokerError('conflict', `node id ${request.nodeId} belongs to another kind of service`);
  }
  if (request.kind === ServiceKind.UNSPECIFIED)
    throw new BrokerError('invalid_argument', 'a node says what kind of service it is');
  if (request.kind === ServiceKind.JOURNAL && request.directoryId === '')
    throw new BrokerError('invalid_argument', 'a journal-server names its data directory');
  if (previous?.live === true) yield* endNode(draft, previous, nowMs);
  const isGateway = request.kind === ServiceKind.MQTT_GATEWAY;
  const node = create(NodeSchema, {
    identity: {
      nodeId: request.nodeId,
      incarnation: draft.meta.nextIncarnation++,
      directoryId: request.directoryId,
    },
    kind: request.kind,
    endpoints: request.endpoints,
    zone: request.zone,
    version: request.version,
    featureLevel: request.featureLevel,
    nonce: request.nonce,
    live: true,
    registeredAtMs: nowMs,
    number: previous?.number ?? nextNumber(draft, request.kind),
    // Which owners it routes by is known when it says so: until then no stream becomes active (rule O2).
    ownershipEpoch: 0n,
    producerIdBase: isGateway ? draft.meta.nextGatewayProducerId : 0n,
    producerIdCount: isGateway ? PRODUCER_IDS_PER_GATEWAY : 0,
  });
  if (isGateway) draft.meta.nextGatewayProducerId += BigInt(PRODUCER_IDS_PER_GATEWAY);
  draft.nodes.put(node);
  if (request.kind === ServiceKind.JOURNAL) {
    yield* renewMemberships(draft, node);
    yield* checkDirectory(draft, node);
  }
  return node;
}

/** Whether this very registration began the incarnation that lives (rule M2): the answer got lost. */
function isRepeat(node: Node, { nonce }: RegisterNodeRequest): boolean {
  return nonce.length > 0 && Buffer.compare(node.nonce, nonce) === 0;
}

/** Most characters of what a node says of itself: its row goes to every watcher (I8). */
const MAX_TEXT = 256;
const MAX_ENDPOINTS = 16;

const MAX_NONCE_BYTES = 32;

function checkDescription({ directoryId, zone, version, endpoints, nonce }: RegisterNodeRequest): void {
  if (nonce.length > MAX_NONCE_BYTES)
    throw new BrokerError('invalid_argument', `a nonce is at most ${MAX_NONCE_BYTES} bytes`);
  const texts = [directoryId, zone, version, ...Object.entries(endpoints).flat()];
  if (texts.some((text) => text.length > MAX_TEXT) || Object.keys(endpoints).length > MAX_ENDPOINTS) {
    throw new BrokerError(
      'invalid_argument',
      `a node describes itself in at most ${MAX_ENDPOINTS} endpoints and ${MAX_TEXT} characters each`,
    );
  }
}

/** Ended nodes stay visible this long after their end. */
const ENDED_NODE_KEPT_MS = 3_600_000n;
/** Ended gateways whose number, the broker id that Kafka's clients know, is kept for them. */
const MAX_ENDED_BROKERS = 1_000;

/** Rows that nobody needs any more. A journal's names the directory of its copies and stays. */
function goneNodes(draft: ClusterDraft, nowMs: bigint): Node[] {
  const old = [...draft.nodes.values()].filter(
    (node) => !node.live && node.endedAtMs + ENDED_NODE_KEPT_MS <= nowMs,
  );
  const brokers = old
    .filter(({ kind }) => kind === ServiceKind.KAFKA_GATEWAY)
    .sort((a, b) => Number(b.endedAtMs - a.endedAtMs));
  const kept = new Set(brokers.slice(0, MAX_ENDED_BROKERS));
  return old.filter((node) => node.kind !== ServiceKind.JOURNAL && !kept.has(node));
}

/** Ends these incarnations, as far as they live, and drops the rows of what ended long ago. */
export function* endNodes(draft: ClusterDraft, { nodes }: EndNodes, nowMs: bigint): Steps<void> {
  for (const identity of nodes) {
    const node = draft.nodes.get(identity.nodeId);
    if (node?.live === true && node.identity?.incarnation === identity.incarnation)
      yield* endNode(draft, node, nowMs);
  }
  for (const node of goneNodes(draft, nowMs)) draft.nodes.delete(node.identity?.nodeId ?? '');
}

function nextNumber(draft: ClusterDraft, kind: ServiceKind): number {
  const number = (draft.meta.nextNumber[kind] ?? 0) + 1;
  draft.meta.nextNumber[kind] = number;
  return number;
}

/**
 * Ends an incarnation: what it led goes to another live member of the ISR, or to nobody, and nobody waits for it to
 * route by new owners.
 */
function* endNode(draft: ClusterDraft, node: Node, nowMs: bigint): Steps<void> {
  draft.nodes.put({ ...node, live: false, endedAtMs: nowMs });
  if (node.kind === ServiceKind.JOURNAL) {
    yield* eachShard(draft, (shard) => {
      if (shard.leader !== node.identity?.nodeId) return shard;
      const left = { ...shard, leader: '' };
      const successor = successorOf(draft, left);
      return successor === undefined ? left : led(left, successor);
    });
  }
  if (node.kind === ServiceKind.MQTT_GATEWAY) yield* settleOwnership(draft);
}

/** A journal that comes back with its directory stays in sync where it was, as the run that it is now. */
function* renewMemberships(draft: ClusterDraft, node: Node): Steps<void> {
  const { nodeId, incarnation, directoryId } = node.identity as NodeIdentity;
  yield* eachShard(draft, (shard) => {
    const isMember = shard.isrMembers.some((member) => member.nodeId === nodeId);
    const holdsCopy = shard.replicas.some((row) => row.nodeId === nodeId && row.directoryId === directoryId);
    if (!isMember || !holdsCopy) return shard;
    const isrMembers = shard.isrMembers.map((member) =>
      member.nodeId === nodeId ? { ...member, incarnation } : member,
    );
    return { ...shard, isrMembers, isrVersion: shard.isrVersion + 1 };
  });
}

/**
 * A journal that comes back with another data directory has lost its copies (rule R5): it leaves every ISR, and its replica
 * starts anew in the new directory. If it was the last member the shard keeps naming the lost directory and stays without
 * leader: unavailable, not empty; it can be led again when that directory comes back.
 */
function* checkDirectory(draft: ClusterDraft, node: Node): Steps<void> {
  const { nodeId, directoryId } = node.identity as NodeIdentity;
  yield* eachShard(draft, (shard) => {
    const replica = shard.replicas.find((row) => row.nodeId === nodeId);
    if (replica === undefined || replica.directoryId === directoryId) return shard;
    const isMember = shard.isrMembers.some((member) => member.nodeId === nodeId);
    if (isMember && shard.isrMembers.length === 1) return shard;
    const replicas = shard.replicas.map((row) => (row === replica ? { ...row, directoryId } : row));
    if (!isMember) return { ...shard, replicas };
    const isrMembers = shard.isrMembers.filter((member) => member.nodeId !== nodeId);
    return { ...shard, replicas, isrMembers, isrVersion: shard.isrVersion + 1 };
  });
}

/**
 * Gives a journal a new leader epoch (rule R3): for every shard that it may lead and nobody does, or for those that it names,
 * also if it leads them now, because it dropped a tail.
 */
export function* claimLeadership(draft: ClusterDraft, request: ClaimLeadershipRequest): Steps<void> {
  const node = liveNode(draft, request.node);
  const wanted = new Set(request.shards.map((ref) => `${ref.streamId}/${ref.shard}`));
  yield* eachShard(draft, (shard, { streamId }) => {
    if (wanted.size > 0 && !wanted.has(`${streamId}/${shard.shard}`)) return shard;
    return mayLead(shard, node, wanted.size > 0) ? led(shard, node) : shard;
  });
}

/** Replaces the shards for which `change` answers another one. It may rest before each stream. */
function* eachShard(draft: ClusterDraft, change: (shard: Shard, stream: Stream) => Shard): Steps<void> {
  for (const stream of draft.streams.values()) {
    yield;
    let shards: Shard[] | undefined;
    for (const [at, shard] of stream.shards.entries()) {
      const changed = change(shard, stream);
      if (changed === shard) continue;
      shards ??= [...stream.shards];
      shards[at] = changed;
    }
    if (shards !== undefined) draft.streams.put({ ...stream, shards });
  }
}

function mayLead(shard: Shard, node: Node, isNamed: boolean): boolean {
  const { nodeId, directoryId, incarnation } = node.identity as NodeIdentity;
  const holdsCopy = shard.replicas.some((row) => row.nodeId === nodeId && row.directoryId === directoryId);
  const ledElsewhere = shard.leader !== '' && shard.leader !== nodeId;
  const ledAlready = shard.leader === nodeId && shard.leaderIncarnation === incarnation;
  const isMember = shard.isrMembers.some(
    (member) => member.nodeId === nodeId && member.incarnation === incarnation,
  );
  return holdsCopy && isMember && !ledElsewhere && (isNamed || !ledAlready);
}

/** The first live member of the ISR that still has the directory of its replica (clean election). */
function successorOf(draft: ClusterDraft, shard: Shard): Node | undefined {
  for (const { nodeId } of shard.isrMembers) {
    const node = draft.nodes.get(nodeId);
    if (node?.live === true && mayLead(shard, node, false)) return node;
  }
  return undefined;
}

/** A shard under the next epoch of a leader. */
function led(shard: Shard, node: Node): Shard {
  return {
    ...shard,
    leader: node.identity?.nodeId ?? '',
    leaderIncarnation: node.identity?.incarnation ?? 0n,
    leaderEpoch: shard.leaderEpoch + 1,
    isrVersion: shard.isrVersion + 1,
  };
}
