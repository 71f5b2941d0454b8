// A meta-service in memory, over real gRPC: users, streams, sessions and groups as far as the API needs them.
import { BrokerError } from '@robustmq/errors';
import {
  ClusterService,
  Credentials,
  GatewayService,
  GroupService,
  JournalService,
  RpcServer,
  ServiceKind,
  SessionService,
  type ClusterChange,
  type Node,
  type NodeIdentity,
  type ServiceImplementation,
  type SessionName,
  type Stream,
  type User,
} from '@robustmq/rpc';
import { ClusterSecret } from '@robustmq/rpc/testing';

type ClusterImplementation = ServiceImplementation<typeof ClusterService>;
type SessionImplementation = ServiceImplementation<typeof SessionService>;
type GroupImplementation = ServiceImplementation<typeof GroupService>;
type Watch = Parameters<ClusterImplementation['watchCluster']>[0];

/** What every service of these tests shows to the others. */
export const SECRET = 'a secret for tests, of 32 characters';

/** A process as meta-service sends it. */
export function nodeRow(kind: ServiceKind, over: Partial<Node> = {}): Node {
  return {
    $typeName: 'robustmq.meta.v1.Node',
    kind,
    identity: {
      $typeName: 'robustmq.common.v1.NodeIdentity',
      nodeId: `node-${kind}`,
      incarnation: BigInt(kind),
      directoryId: '',
    },
    endpoints: {},
    zone: '',
    live: true,
    registeredAtMs: 5n,
    number: 1,
    ownershipEpoch: 0n,
    producerIdBase: 0n,
    producerIdCount: 0,
    version: '0.1.0',
    endedAtMs: 0n,
    featureLevel: 1,
    nonce: new Uint8Array(),
    ...over,
  };
}

/** A stream of one shard that the journal-server leads. */
export function streamRow(streamId: number, name: string, over: Partial<Stream> = {}): Stream {
  const nodeId = `node-${ServiceKind.JOURNAL}`;
  return {
    $typeName: 'robustmq.meta.v1.Stream',
    streamId,
    tenant: 'default',
    name,
    config: {},
    mqttFilter: '',
    shardsAtCreation: 1,
    shards: [
      {
        $typeName: 'robustmq.meta.v1.Shard',
        shard: 0,
        leader: nodeId,
        leaderEpoch: 2,
        leaderIncarnation: BigInt(ServiceKind.JOURNAL),
        replicas: [{ $typeName: 'robustmq.meta.v1.Replica', nodeId, directoryId: 'd' }],
        isrVersion: 1,
        isrMembers: [
          { $typeName: 'robustmq.meta.v1.IsrMember', nodeId, incarnation: BigInt(ServiceKind.JOURNAL) },
        ],
      },
    ],
    topicId: Buffer.alloc(16, streamId),
    createdAtMs: 9n,
    ownershipEpoch: 1n,
    ownershipActive: true,
    internal: false,
    ...over,
  };
}

/** One meta-service; a test sets its fields before it starts what asks it. */
export class ScriptedMeta {
  readonly users = new Map<string, User>();
  readonly streams = new Map<string, Stream>();
  readonly nodes: Node[] = [
    nodeRow(ServiceKind.JOURNAL),
    nodeRow(ServiceKind.MQTT_GATEWAY),
    nodeRow(ServiceKind.KAFKA_GATEWAY),
  ];
  readonly calls: string[] = [];
  /** A call that waits here is never answered. */
  isHung = false;
  /** What renewals of leases say. */
  isDiskFull = false;
  leaseMs = 60_000;
  readonly #server: RpcServer;
  readonly #watches = new Set<Watch>();
  #revision = 1n;
  port = 0;

  constructor() {
    this.#server = new RpcServer({
      credentials: new Credentials(ServiceKind.META, new ClusterSecret([SECRET])),
      onUnexpected: (error, method) => void this.calls.push(`unexpected ${method} ${String(error)}`),
    });
    this.#server.add(ClusterService, { ...refusing(ClusterService), ...this.#cluster() });
    this.#server.add(SessionService, { ...refusing(SessionService), ...this.#sessions() });
    this.#server.add(GroupService, { ...refusing(GroupService), ...this.#groups() });
  }

  async listen(): Promise<this> {
    this.port = await this.#server.listen('127.0.0.1', 0, 'grpc.port');
    return this;
  }

  close(): Promise<void> {
    return this.#server.close(100);
  }

  /** Tells all who watch. */
  #tell(...changes: ClusterChange['change'][]): { revision: bigint } {
    this.#revision++;
    for (const watch of this.#watches) this.#send(watch, changes, false);
    return { revision: this.#revision };
  }

  #send(watch: Watch, changes: readonly ClusterChange['change'][], isSnapshot: boolean): void {
    watch.write({
      $typeName: 'robustmq.meta.v1.WatchClusterResponse',
      revision: this.#revision,
      snapshot: isSnapshot,
      snapshotComplete: isSnapshot,
      clusterId: 'scripted',
      moreFollows: false,
      history: 'scripted',
      nextStreamId: 1_000,
      changes: changes.map((change) => ({ $typeName: 'robustmq.meta.v1.ClusterChange', change })),
    });
  }

  #cluster(): Partial<ClusterImplementation> {
    return {
      registerNode: ({ nodeId, kind, version, endpoints }) => {
        const identity = { nodeId, incarnation: 100n + this.#revision, directoryId: '' };
        const node = nodeRow(kind, { version, endpoints });
        Object.assign(node.identity!, identity);
        this.nodes.push(node);
        const { revision } = this.#tell({ case: 'node', value: node });
        return { node, leaseDurationMs: this.leaseMs, renewIntervalMs: this.leaseMs / 10, revision };
      },
      renewLease: () => (this.isHung ? never() : { revision: this.#revision, diskFull: this.isDiskFull }),
      releaseNode: ({ node }) => (this.calls.push(`release ${node?.nodeId}`), {}),
      watchCluster: (watch) => {
        this.#watches.add(watch);
        watch.on('cancelled', () => this.#watches.delete(watch));
        const rows: ClusterChange['change'][] = [
          ...this.nodes.map((value) => ({ case: 'node' as const, value })),
          ...[...this.streams.values()].map((value) => ({ case: 'stream' as const, value })),
          ...[...this.users.values()].map((value) => ({ case: 'user' as const, value })),
        ];
        this.#send(watch, rows, true);
      },
      createStream: ({ name, tenant, config, waitForOwnership }) => {
        this.calls.push(`create ${tenant}/${name} ${waitForOwnership}`);
        if (this.streams.has(name)) throw new BrokerError('already_exists', `stream ${name} exists`);
        const stream = streamRow(this.streams.size + 1, name, { tenant, config });
        this.streams.set(name, stream);
        return this.#tell({ case: 'stream', value: stream });
      },
      deleteStream: ({ name }) => {
        const stream = this.streams.get(name);
        if (stream === undefined) throw new BrokerError('not_found', `no stream ${name}`);
        this.streams.delete(name);
        return this.#tell({ case: 'deletedStreamId', value: stream.streamId });
      },
      putUser: ({ user }) => {
        if (!user!.superuser) this.#keepLastSuperuser(user!.name);
        this.users.set(user!.name, user!);
        return this.#tell({ case: 'user', value: user! });
      },
      raiseFeatureLevel: ({ level }) => {
        if (level > 1)
          throw new BrokerError('conflict', 'mqtt-1 knows feature level 1 only: upgrade it first');
        return { level, ...this.#tell({ case: 'featureLevel', value: level }) };
      },
      deleteUser: ({ tenant, name }) => {
        if (!this.users.has(name)) throw new BrokerError('not_found', `no user ${name}`);
        this.#keepLastSuperuser(name);
        this.users.delete(name);
        const value = { $typeName: 'robustmq.meta.v1.UserRef' as const, tenant, name };
        return this.#tell({ case: 'deletedUser', value });
      },
    };
  }

  #keepLastSuperuser(name: string): void {
    const admins = [...this.users.values()].filter(({ superuser }) => superuser);
    if (admins.length === 1 && admins[0]?.name === name)
      throw new BrokerError('conflict', `${name} is the last superuser: make another one first`);
  }

  #sessions(): Partial<SessionImplementation> {
    return {
      listSessions: ({ tenant, clientIdPrefix, afterClientId, limit }) => {
        this.calls.push(`list ${tenant}/${clientIdPrefix} after ${afterClientId} ${limit}`);
        const key = { tenant, clientId: 'pump', generation: 1n, epoch: 4n };
        const head = { key, connected: true, ownerNodeId: 'mqtt-1', expiryIntervalS: 60 };
        // Options of MQTT: bits 0 and 1 are the QoS, bit 2 is no-local.
        return { sessions: [{ head, subscriptions: [{ filter: 'a/#', options: 6 }] }, {}], more: true };
      },
      dropSessions: ({ node, sessions }) => {
        const [session] = sessions;
        this.#own(node, { ...session!, clientId: 'pump' });
        if (session?.clientId !== 'pump')
          return { outcomes: [{ failure: { code: 'not_found', message: 'there is no such session' } }] };
        const key = { tenant: 'default', clientId: 'pump', generation: 1n, epoch: 4n };
        return {
          outcomes: [{ dropped: { key, connected: true, ownerNodeId: 'mqtt-1', ownerIncarnation: 8n } }],
        };
      },
      reassignSession: ({ node, session, principal }) => {
        this.#own(node, session);
        this.calls.push(`reassign pump to ${principal?.name ?? 'anybody'}`);
        return {};
      },
    };
  }

  #own(node: NodeIdentity | undefined, session: SessionName | undefined): void {
    const own = this.nodes.at(-1)?.identity;
    if (node?.nodeId !== own?.nodeId || node?.incarnation !== own?.incarnation)
      throw new BrokerError('fenced', 'another incarnation');
    if (session?.clientId !== 'pump') throw new BrokerError('not_found', 'there is no such session');
  }

  #groups(): Partial<GroupImplementation> {
    return {
      listGroups: ({ tenant }) => {
        const claim = { coordinatorNodeId: 'kafka-1', live: true };
        const row = (groupId: string) => ({ group: { tenant, groupId }, state: 'Stable' });
        return {
          groups: [
            { ...row('billing'), protocolType: 'consumer', claim },
            { ...row('orphan'), claim: { ...claim, live: false } },
            {},
          ],
        };
      },
    };
  }
}

/** The gRPC side of an mqtt-gateway that notes whose connections it is to end. */
export class ScriptedGateway {
  readonly ended: string[] = [];
  failure: BrokerError | undefined;
  readonly #server = new RpcServer({
    credentials: new Credentials(ServiceKind.MQTT_GATEWAY, new ClusterSecret([SECRET])),
    onUnexpected: () => undefined,
  });

  /** Answers its row. */
  async listen(incarnation = 8n): Promise<Node> {
    this.#server.add(GatewayService, {
      ...refusing(GatewayService),
      endSessions: ({ sessions }) => {
        if (this.failure !== undefined) throw this.failure;
        this.ended.push(...sessions.map(({ tenant, clientId, epoch }) => `${tenant}/${clientId} ${epoch}`));
        return { ended: sessions.map(() => true) };
      },
    });
    const port = await this.#server.listen('127.0.0.1', 0, 'grpc.port');
    const row = nodeRow(ServiceKind.MQTT_GATEWAY, { endpoints: { grpc: `127.0.0.1:${port}` } });
    Object.assign(row.identity!, { nodeId: 'mqtt-1', incarnation });
    return row;
  }

  close(): Promise<void> {
    return this.#server.close(100);
  }
}

/** A journal-server that says which of its shards serve nothing. */
export class ScriptedJournal {
  /** Why shard 0 of stream 1 serves nothing. */
  failure: string | undefined;
  isHung = false;
  isDiskFull = false;
  readonly #server = new RpcServer({
    credentials: new Credentials(ServiceKind.JOURNAL, new ClusterSecret([SECRET])),
    onUnexpected: () => undefined,
  });

  /** Answers its row. */
  async listen(): Promise<Node> {
    this.#server.add(JournalService, {
      ...refusing(JournalService),
      describeShards: ({ onlyFailed }) => {
        if (this.isHung) return never();
        const diskFull = this.isDiskFull;
        if (!onlyFailed || this.failure === undefined) return { shards: [], diskFull };
        const failure = { code: 'quarantined', message: this.failure };
        return { shards: [{ marks: { streamId: 1, shard: 0 }, quarantined: true, failure }], diskFull };
      },
    });
    const port = await this.#server.listen('127.0.0.1', 0, 'grpc.port');
    return nodeRow(ServiceKind.JOURNAL, { endpoints: { grpc: `127.0.0.1:${port}` } });
  }

  close(): Promise<void> {
    return this.#server.close(100);
  }
}

type AnyService =
  | typeof ClusterService
  | typeof SessionService
  | typeof GroupService
  | typeof GatewayService
  | typeof JournalService;

/** Every method of a service, refused: what a test needs is put over it. */
function refusing<S extends AnyService>(service: S): ServiceImplementation<S> {
  const refuse = (): never => {
    throw new BrokerError('unsupported', 'not scripted');
  };
  return Object.fromEntries(
    service.methods.map(({ localName }) => [localName, refuse]),
  ) as unknown as ServiceImplementation<S>;
}

function never(): Promise<never> {
  return new Promise<never>(() => undefined);
}
