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
import type { ClusterRows, ClusterState } from './cluster-state.ts';
import { checkFeatureLevel } from './feature-level.ts';
import { liveNode } from './live-node.ts';
import { settleOwnership } from './ownership.ts';

/** Producer ids per incarnation of an mqtt-gateway: one is used, the rest are for later splits of its load. */
const PRODUCER_IDS_PER_GATEWAY = 16;

/** A new incarnation of a node; the one before, if any, ends with this very command. */
export function registerNode(
  state: ClusterState,
  rows: ClusterRows,
  request: RegisterNodeRequest,
  nowMs: bigint,
): Node {
  if (!/^[\w.-]{1,128}$/.test(request.nodeId))
    throw new BrokerError('invalid_argument', 'a node id is 1 to 128 letters, digits, _ . -');
  checkDescription(request);
  checkFeatureLevel(state, request);
  const previous = state.nodes.get(request.nodeId);
  if (previous?.live === true && isRepeat(previous, request)) return previous;
  if (previous !== undefined && previous.kind !== request.kind) {
    throw new BrokerError('conflict', `node id ${request.nodeId} belongs to another kind of service`);
  }
  if (request.kind === ServiceKind.UNSPECIFIED)
    throw new BrokerError('invalid_argument', 'a node says what kind of service it is');
  if (request.kind === ServiceKind.JOURNAL && request.directoryId === '')
    throw new BrokerError('invalid_argument', 'a journal-server names its data directory');
  if (previous?.live === true) endNode(state, rows, previous, nowMs);
  const isGateway = request.kind === ServiceKind.MQTT_GATEWAY;
  const node = create(NodeSchema, {
    identity: {
      nodeId: request.nodeId,
      incarnation: state.meta.nextIncarnation++,
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
    number: previous?.number ?? nextNumber(state, request.kind),
    // Which owners it routes by is known when it says so: until then no stream becomes active (rule O2).
    ownershipEpoch: 0n,
    producerIdBase: isGateway ? state.meta.nextGatewayProducerId : 0n,
    producerIdCount: isGateway ? PRODUCER_IDS_PER_GATEWAY : 0,
  });
  if (isGateway) state.meta.nextGatewayProducerId += BigInt(PRODUCER_IDS_PER_GATEWAY);
  state.nodes.set(request.nodeId, node);
  rows.nodes.add(request.nodeId);
  if (request.kind === ServiceKind.JOURNAL) {
    renewMemberships(state, rows, node);
    checkDirectory(state, rows, node);
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
function goneNodes(state: ClusterState, nowMs: bigint): Node[] {
  const old = [...state.nodes.values()].filter(
    (node) => !node.live && node.endedAtMs + ENDED_NODE_KEPT_MS <= nowMs,
  );
  const brokers = old
    .filter(({ kind }) => kind === ServiceKind.KAFKA_GATEWAY)
    .sort((a, b) => Number(b.endedAtMs - a.endedAtMs));
  const kept = new Set(brokers.slice(0, MAX_ENDED_BROKERS));
  return old.filter((node) => node.kind !== ServiceKind.JOURNAL && !kept.has(node));
}

/** Ends these incarnations, as far as they live, and drops the rows of what ended long ago. */
export function endNodes(state: ClusterState, rows: ClusterRows, { nodes }: EndNodes, nowMs: bigint): void {
  for (const identity of nodes) {
    const node = state.nodes.get(identity.nodeId);
    if (node?.live === true && node.identity?.incarnation === identity.incarnation)
      endNode(state, rows, node, nowMs);
  }
  for (const node of goneNodes(state, nowMs)) {
    const nodeId = node.identity?.nodeId ?? '';
    state.nodes.delete(nodeId);
    rows.deletedNodes.add(nodeId);
  }
}

function nextNumber(state: ClusterState, kind: ServiceKind): number {
  const number = (state.meta.nextNumber[kind] ?? 0) + 1;
  state.meta.nextNumber[kind] = number;
  return number;
}

/**
 * Ends an incarnation: what it led goes to another live member of the ISR, or to nobody, and nobody waits for it to
 * route by new owners.
 */
export function endNode(state: ClusterState, rows: ClusterRows, node: Node, nowMs: bigint): void {
  node.live = false;
  node.endedAtMs = nowMs;
  rows.nodes.add(node.identity?.nodeId ?? '');
  if (node.kind === ServiceKind.JOURNAL) {
    for (const stream of state.streams.values()) {
      for (const shard of stream.shards) {
        if (shard.leader !== node.identity?.nodeId) continue;
        shard.leader = '';
        rows.streams.add(stream.streamId);
        const successor = successorOf(state, shard);
        if (successor !== undefined) lead(stream, shard, successor, rows);
      }
    }
  }
  if (node.kind === ServiceKind.MQTT_GATEWAY) settleOwnership(state, rows);
}

/** A journal that comes back with its directory stays in sync where it was, as the run that it is now. */
function renewMemberships(state: ClusterState, rows: ClusterRows, node: Node): void {
  const { nodeId, incarnation, directoryId } = node.identity as NodeIdentity;
  for (const stream of state.streams.values()) {
    for (const shard of stream.shards) {
      const member = shard.isrMembers.find((each) => each.nodeId === nodeId);
      const holdsCopy = shard.replicas.some(
        (row) => row.nodeId === nodeId && row.directoryId === directoryId,
      );
      if (member === undefined || !holdsCopy) continue;
      member.incarnation = incarnation;
      shard.isrVersion++;
      rows.streams.add(stream.streamId);
    }
  }
}

/**
 * A journal that comes back with another data directory has lost its copies (rule R5): it leaves every ISR, and its replica
 * starts anew in the new directory. If it was the last member the shard keeps naming the lost directory and stays without
 * leader: unavailable, not empty; it can be led again when that directory comes back.
 */
function checkDirectory(state: ClusterState, rows: ClusterRows, node: Node): void {
  const nodeId = node.identity?.nodeId ?? '';
  for (const stream of state.streams.values()) {
    for (const shard of stream.shards) {
      const replica = shard.replicas.find((row) => row.nodeId === nodeId);
      if (replica === undefined || replica.directoryId === node.identity?.directoryId) continue;
      const isMember = shard.isrMembers.some((member) => member.nodeId === nodeId);
      if (isMember && shard.isrMembers.length === 1) continue;
      replica.directoryId = node.identity?.directoryId ?? '';
      rows.streams.add(stream.streamId);
      if (!isMember) continue;
      shard.isrMembers = shard.isrMembers.filter((member) => member.nodeId !== nodeId);
      shard.isrVersion++;
    }
  }
}

/**
 * Gives a journal a new leader epoch (rule R3): for every shard that it may lead and nobody does, or for those that it names,
 * also if it leads them now, because it dropped a tail.
 */
export function claimLeadership(
  state: ClusterState,
  rows: ClusterRows,
  request: ClaimLeadershipRequest,
): void {
  const node = liveNode(state, request.node);
  const wanted = new Set(request.shards.map((ref) => `${ref.streamId}/${ref.shard}`));
  for (const stream of state.streams.values()) {
    for (const shard of stream.shards) {
      if (wanted.size > 0 && !wanted.has(`${stream.streamId}/${shard.shard}`)) continue;
      if (mayLead(shard, node, wanted.size > 0)) lead(stream, shard, node, rows);
    }
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
function successorOf(state: ClusterState, shard: Shard): Node | undefined {
  for (const { nodeId } of shard.isrMembers) {
    const node = state.nodes.get(nodeId);
    if (node?.live === true && mayLead(shard, node, false)) return node;
  }
  return undefined;
}

function lead(stream: Stream, shard: Shard, node: Node, rows: ClusterRows): void {
  shard.leader = node.identity?.nodeId ?? '';
  shard.leaderIncarnation = node.identity?.incarnation ?? 0n;
  shard.leaderEpoch++;
  shard.isrVersion++;
  rows.streams.add(stream.streamId);
}
