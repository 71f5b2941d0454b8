// A meta-service in memory, over real gRPC: enough of the cluster and session services for a gateway and a journal-server
// to run on, with every call recorded.

import { create } from '@bufbuild/protobuf';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { BrokerError } from '@robustmq/errors';
import {
  ClusterChangeSchema,
  ClusterService,
  FailureSchema,
  NodeSchema,
  IsrMemberSchema,
  ReplicaSchema,
  OpenSessionOutcomeSchema,
  RpcServer,
  ServiceKind,
  SessionHeadSchema,
  SessionKeySchema,
  SessionService,
  type SessionUpdate,
  ShardSchema,
  StreamSchema,
  UserSchema,
  WatchClusterResponseSchema,
  type ClusterChange,
  type CursorRow,
  type Node,
  type OpenSession,
  type OutboundRow,
  type ServiceImplementation,
  type SessionKey,
  type StartVector,
  type SubscriptionRow,
  type Stream,
  type User,
  type WatchClusterRequest,
  type WatchClusterResponse,
} from '@robustmq/rpc';
import { credentialsOf } from './credentials.ts';

type ClusterImplementation = ServiceImplementation<typeof ClusterService>;
type SessionImplementation = ServiceImplementation<typeof SessionService>;
type Watch = ServerWritableStream<WatchClusterRequest, WatchClusterResponse>;

/** A stream to begin with. */
export interface ScriptedStream {
  readonly name: string;
  readonly mqttFilter?: string;
  readonly shards?: number;
  readonly config?: Record<string, string>;
}

/** A session with its rows. */
export interface ScriptedSession {
  readonly key: SessionKey;
  readonly ownerNodeId: string;
  readonly ownerIncarnation: bigint;
  connected: boolean;
  expiryIntervalS: number;
  deliveryUncertain: boolean;
  /** Name of the user whose session it is; empty: nobody's in particular. */
  readonly principal: string;
  lastChange: bigint;
  subscriptions: SubscriptionRow[];
  starts: StartVector[];
  cursors: CursorRow[];
  outbound: OutboundRow[];
}

/** What {@link ScriptedMeta} starts with. */
export interface ScriptedMetaOptions {
  readonly streams?: readonly ScriptedStream[];
  readonly leaseMs?: number;
}

const PRODUCER_IDS = 1000;

/** One meta-service. */
export class ScriptedMeta {
  readonly calls: string[] = [];
  readonly sessions = new Map<string, ScriptedSession>();
  /** Subscriptions of an answer to an open; the rest is read by pages. */
  pageRows = Number.POSITIVE_INFINITY;
  readonly #server: RpcServer;
  readonly #nodes = new Map<string, Node>();
  readonly #streams = new Map<number, Stream>();
  readonly #users: User[] = [];
  readonly #watches = new Set<Watch>();
  readonly #leaseMs: number;
  #revision = 1n;
  #incarnation = 0n;
  #ownershipEpoch = 1n;
  #generation = 0n;
  #nextProducerId = 1n << 40n;
  acknowledgedEpoch = 0n;
  /** `sessions.owner` of this meta-service. */
  ownerIs: 'principal' | 'client-id' = 'principal';
  /** Fails every session call with this error while set. */
  sessionError: BrokerError | undefined;
  /** Answers the first open of a session as if this incarnation served it. */
  previousOwner: { nodeId: string; incarnation: bigint } | undefined;
  /** Answers no open of a session before this has come to its end. */
  opensHeld: Promise<void> | undefined;
  port = 0;

  constructor(options: ScriptedMetaOptions = {}) {
    this.#leaseMs = options.leaseMs ?? 60_000;
    for (const stream of options.streams ?? [{ name: 'mqtt' }]) this.#makeStream(stream);
    this.#server = new RpcServer({
      credentials: credentialsOf(ServiceKind.META),
      onUnexpected: (error, method) => void this.calls.push(`unexpected ${method} ${String(error)}`),
    });
    this.#server.add(ClusterService, this.#cluster());
    this.#server.add(SessionService, this.#session());
  }

  async listen(port = 0): Promise<this> {
    this.port = await this.#server.listen('127.0.0.1', port, 'grpc.port');
    return this;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  close(): Promise<void> {
    return this.#server.close(100);
  }

  addUser(name: string, passwordHash: string): void {
    const user = create(UserSchema, { tenant: 'default', name, passwordHash });
    this.#users.push(user);
    this.#tell([{ case: 'user', value: user }]);
  }

  /** A stream that begins to own its topics now. */
  addStream(stream: ScriptedStream): Stream {
    this.#ownershipEpoch++;
    const made = this.#makeStream(stream);
    this.#tell([
      { case: 'stream', value: made },
      { case: 'ownershipEpoch', value: this.#ownershipEpoch },
    ]);
    return made;
  }

  /** All shards of all streams. */
  *shards(): Generator<{ streamId: number; shard: number }> {
    for (const { streamId, shards } of this.#streams.values())
      for (const { shard } of shards) yield { streamId, shard };
  }

  /** An operator gives a session to another principal; its connection stays. */
  reassign(clientId: string, principal: string): void {
    this.sessions.set(clientId, { ...this.sessions.get(clientId)!, principal });
  }

  /** An operator alters the configuration of a stream. */
  configure(streamId: number, config: Record<string, string>): void {
    const altered = this.#streams.get(streamId)!;
    altered.config = config;
    this.#tell([{ case: 'stream', value: altered }]);
  }

  /** A stream is gone; its topics fall to the next owner. */
  deleteStream(streamId: number): void {
    this.#streams.delete(streamId);
    this.#ownershipEpoch++;
    this.#tell([
      { case: 'deletedStreamId', value: streamId },
      { case: 'ownershipEpoch', value: this.#ownershipEpoch },
    ]);
  }

  #makeStream(stream: ScriptedStream): Stream {
    const count = stream.shards ?? 1;
    const streamId = this.#streams.size + 1;
    const made = create(StreamSchema, {
      streamId,
      tenant: 'default',
      name: stream.name,
      config: stream.config ?? {},
      mqttFilter: stream.mqttFilter ?? '',
      shardsAtCreation: count,
      shards: Array.from({ length: count }, (_, shard) => create(ShardSchema, { shard })),
      topicId: Buffer.alloc(16, streamId),
      ownershipEpoch: this.#ownershipEpoch,
      ownershipActive: true,
      internal: stream.name === 'mqtt',
    });
    this.#lead(made);
    this.#streams.set(streamId, made);
    return made;
  }

  /** The only journal leads everything, under a new epoch. */
  #lead(stream: Stream): void {
    const journal = [...this.#nodes.values()].find((node) => node.kind === ServiceKind.JOURNAL && node.live);
    if (journal === undefined) return;
    for (const shard of stream.shards) {
      shard.leader = journal.identity!.nodeId;
      shard.leaderIncarnation = journal.identity!.incarnation;
      shard.leaderEpoch++;
      shard.isrMembers = [
        create(IsrMemberSchema, {
          nodeId: journal.identity!.nodeId,
          incarnation: journal.identity!.incarnation,
        }),
      ];
      shard.replicas = [
        create(ReplicaSchema, {
          nodeId: journal.identity!.nodeId,
          directoryId: journal.identity!.directoryId,
        }),
      ];
      shard.isrVersion++;
    }
  }

  #leadAll(): void {
    for (const stream of this.#streams.values()) this.#lead(stream);
    this.#tell([...this.#streams.values()].map((value) => ({ case: 'stream', value })));
  }

  #tell(changes: ClusterChange['change'][]): void {
    this.#revision++;
    const message = create(WatchClusterResponseSchema, {
      revision: this.#revision,
      changes: changes.map((change) => create(ClusterChangeSchema, { change })),
    });
    for (const watch of this.#watches) watch.write(message);
  }

  #cluster(): ClusterImplementation {
    const unsupported = (): never => {
      throw new BrokerError('unsupported', 'not scripted');
    };
    const all: Record<string, unknown> = {};
    for (const method of ClusterService.methods) all[method.localName] = unsupported;
    const scripted: Partial<ClusterImplementation> = {
      registerNode: ({ nodeId, kind, directoryId, endpoints, zone, version }) => {
        this.calls.push(`register ${nodeId}`);
        const base = this.#nextProducerId;
        this.#nextProducerId += BigInt(PRODUCER_IDS);
        const node = create(NodeSchema, {
          identity: { nodeId, incarnation: ++this.#incarnation, directoryId },
          kind,
          endpoints,
          zone,
          version,
          live: true,
          number: this.#nodes.size + 1,
          producerIdBase: base,
          producerIdCount: PRODUCER_IDS,
        });
        this.#nodes.set(nodeId, node);
        this.#tell([{ case: 'node', value: node }]);
        if (kind === ServiceKind.JOURNAL) this.#leadAll();
        return {
          node,
          leaseDurationMs: this.#leaseMs,
          renewIntervalMs: Math.min(400, Math.floor(this.#leaseMs / 3)),
          revision: this.#revision,
          clusterId: 'test',
        };
      },
      renewLease: ({ node }) => {
        const known = this.#nodes.get(node!.nodeId);
        if (known?.identity?.incarnation !== node!.incarnation || !known.live) {
          throw new BrokerError('fenced', 'the lease has ended');
        }
        return { revision: this.#revision };
      },
      releaseNode: ({ node }) => (this.calls.push(`releaseNode ${node!.nodeId}`), {}),
      watchCluster: (stream: Watch) => this.#watch(stream),
      claimLeadership: () => {
        this.#leadAll();
        return { revision: this.#revision };
      },
      acknowledgeOwnership: ({ node, ownershipEpoch }) => {
        this.acknowledgedEpoch = ownershipEpoch;
        this.acknowledged(node!.nodeId, ownershipEpoch);
        return {};
      },
      createStream: ({ name, config, shards }) => ({
        stream: this.addStream({
          name,
          config,
          mqttFilter: config['mqtt.filter'] ?? '',
          shards: shards === 0 ? 1 : shards,
        }),
        revision: this.#revision,
      }),
    };
    return { ...all, ...scripted } as ClusterImplementation;
  }

  /** Shows how far a node has come. */
  acknowledged(nodeId: string, ownershipEpoch: bigint): void {
    const node = create(NodeSchema, { ...this.#nodes.get(nodeId)!, ownershipEpoch });
    this.#nodes.set(nodeId, node);
    this.#tell([{ case: 'node', value: node }]);
  }

  /** Another gateway that lives, and has come so far. */
  addGateway(nodeId: string, ownershipEpoch: bigint): void {
    const identity = { nodeId, incarnation: ++this.#incarnation };
    const node = create(NodeSchema, { identity, kind: ServiceKind.MQTT_GATEWAY, live: true });
    this.#nodes.set(nodeId, node);
    this.acknowledged(nodeId, ownershipEpoch);
  }

  /** Ends the lease of a node, as meta does when no renewal came. */
  endLease(nodeId: string): void {
    const node = this.#nodes.get(nodeId)!;
    const ended = create(NodeSchema, { ...node, live: false });
    this.#nodes.set(nodeId, ended);
    this.#tell([{ case: 'node', value: ended }]);
  }

  #watch(stream: Watch): void {
    stream.write(
      create(WatchClusterResponseSchema, {
        revision: this.#revision,
        snapshot: true,
        snapshotComplete: true,
        clusterId: 'test',
        changes: [
          ...[...this.#nodes.values()].map((value) => ({ change: { case: 'node' as const, value } })),
          ...[...this.#streams.values()].map((value) => ({ change: { case: 'stream' as const, value } })),
          ...this.#users.map((value) => ({ change: { case: 'user' as const, value } })),
          { change: { case: 'ownershipEpoch' as const, value: this.#ownershipEpoch } },
        ].map((change) => create(ClusterChangeSchema, change)),
      }),
    );
    this.#watches.add(stream);
    const over = (): void => void this.#watches.delete(stream);
    stream.on('cancelled', over);
    stream.on('error', over);
  }

  #session(): SessionImplementation {
    const unsupported = (): never => {
      throw new BrokerError('unsupported', 'not scripted');
    };
    return {
      openSessions: async ({ node, sessions }) => {
        const outcomes = sessions.map((session) => this.#open(session, node!));
        await this.opensHeld;
        return { outcomes };
      },
      readSession: ({ key, from }) => {
        const row = this.#row(key!);
        if (row === undefined) throw new BrokerError('fenced', 'another owner');
        this.calls.push(`read ${key!.clientId}`);
        return { rows: this.#pageOf(row, from[0] ?? 0) };
      },
      releaseSessions: ({ sessions }) => ({
        outcomes: sessions.map(({ key, expiryIntervalS, places }) => {
          const row = this.#row(key!);
          if (row === undefined) return fenced();
          row.connected = false;
          row.expiryIntervalS = expiryIntervalS;
          if (places !== undefined) {
            row.outbound = places.outbound;
            row.deliveryUncertain = false;
            putCursors(row, places.cursors);
          }
          if (expiryIntervalS === 0) this.sessions.delete(key!.clientId);
          this.calls.push(`release ${key!.clientId}`);
          return create(FailureSchema);
        }),
      }),
      updateSessions: ({ updates }) => ({ outcomes: updates.map((update) => this.#update(update)) }),
      listSessions: unsupported,
      dropSessions: unsupported,
      reassignSession: unsupported,
    };
  }

  #update(update: SessionUpdate) {
    const row = this.#row(update.key!);
    if (row === undefined) return fenced();
    const isCursorsAlone = update.change === 0n;
    if (!isCursorsAlone && this.sessionError !== undefined)
      return create(FailureSchema, { code: this.sessionError.code, message: 'scripted' });
    if (!isCursorsAlone && update.change <= row.lastChange)
      return create(FailureSchema, { code: 'out_of_order', message: 'scripted' });
    const { removeSubscriptions, removeStarts } = update;
    if (!isCursorsAlone) row.lastChange = update.change;
    row.subscriptions = row.subscriptions.filter(({ filter }) => !removeSubscriptions.includes(filter));
    row.starts = [...row.starts, ...update.putStarts].filter(({ id }) => !removeStarts.includes(id));
    for (const subscription of update.putSubscriptions) {
      const known = row.subscriptions.find(({ filter }) => filter === subscription.filter);
      if (known === undefined) row.subscriptions.push(subscription);
      else {
        known.options = subscription.options;
        known.subscriptionIdentifier = subscription.subscriptionIdentifier;
      }
    }
    row.cursors = row.cursors.filter(
      ({ position }) =>
        !update.removeCursors.some(
          ({ streamId, shard }) => position?.streamId === streamId && position.shard === shard,
        ),
    );
    putCursors(row, update.putCursors);
    if (update.putCursors.length > 0) this.calls.push(`commit ${update.key!.clientId}`);
    return create(FailureSchema);
  }

  #pageOf(row: ScriptedSession, from: number) {
    const until = from + this.pageRows;
    const isFirst = from === 0;
    return {
      subscriptions: row.subscriptions.slice(from, until),
      ...(isFirst && { starts: row.starts, cursors: row.cursors, outbound: row.outbound }),
      next: until < row.subscriptions.length ? Buffer.from([until]) : Buffer.alloc(0),
    };
  }

  /** Who serves the session, as meta knows it. */
  #ownerOf(known: ScriptedSession | undefined): { nodeId: string; incarnation: bigint } | undefined {
    if (known === undefined || !known.connected) return this.previousOwner;
    return { nodeId: known.ownerNodeId, incarnation: known.ownerIncarnation };
  }

  #row(key: SessionKey): ScriptedSession | undefined {
    const row = this.sessions.get(key.clientId);
    return row?.key.epoch === key.epoch && row.key.generation === key.generation ? row : undefined;
  }

  #open(session: OpenSession, node: { nodeId: string; incarnation: bigint }) {
    this.calls.push(`open ${session.clientId}`);
    if (this.sessionError !== undefined) {
      return create(OpenSessionOutcomeSchema, {
        failure: { code: this.sessionError.code, message: this.sessionError.message },
      });
    }
    const known = this.sessions.get(session.clientId);
    const principal = session.principal?.name ?? '';
    const isOwned = this.ownerIs === 'principal' && known !== undefined && known.principal !== '';
    if (isOwned && known.principal !== principal) {
      return create(OpenSessionOutcomeSchema, {
        failure: { code: 'permission_denied', message: 'the session belongs to another principal' },
      });
    }
    const isPresent = known !== undefined && known.expiryIntervalS > 0 && !session.cleanStart;
    const isOwn = known?.ownerNodeId === node.nodeId && known.ownerIncarnation === node.incarnation;
    const row: ScriptedSession = {
      subscriptions: isPresent ? known.subscriptions : [],
      starts: isPresent ? known.starts : [],
      cursors: isPresent ? known.cursors : [],
      outbound: isPresent ? known.outbound : [],
      deliveryUncertain: isPresent && (known.connected || known.deliveryUncertain),
      key: create(SessionKeySchema, {
        tenant: session.tenant,
        clientId: session.clientId,
        generation: isPresent ? known.key.generation : ++this.#generation,
        epoch: (known?.key.epoch ?? 0n) + 1n,
      }),
      lastChange: 0n,
      expiryIntervalS: session.expiryIntervalS,
      principal,
      ownerNodeId: node.nodeId,
      ownerIncarnation: node.incarnation,
      connected: true,
    };
    this.sessions.set(session.clientId, row);
    const previousOwner = session.previousReleased || isOwn ? undefined : this.#ownerOf(known);
    const { key, deliveryUncertain } = row;
    return create(OpenSessionOutcomeSchema, {
      session: create(SessionHeadSchema, { key, deliveryUncertain }),
      sessionPresent: isPresent,
      ...(isPresent && { rows: this.#pageOf(row, 0) }),
      ...(previousOwner === undefined ? {} : { previousOwner, previousEpoch: known?.key.epoch ?? 0n }),
    });
  }
}

/** As meta merges them: those that are named move. */
function putCursors(row: ScriptedSession, cursors: readonly CursorRow[]): void {
  const shardOf = ({ position }: CursorRow): string => `${position?.streamId}/${position?.shard}`;
  const named = new Set(cursors.map(shardOf));
  row.cursors = [...row.cursors.filter((cursor) => !named.has(shardOf(cursor))), ...cursors];
}

function fenced() {
  return create(FailureSchema, { code: 'fenced', message: 'another owner' });
}
