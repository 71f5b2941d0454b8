// A meta-service without sockets: its services are called as functions, its clock stands still.
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { CommitLog, NodeDisk } from '@robustmq/commit-log';
import type { BrokerError } from '@robustmq/errors';
import { MemoryStore } from '@robustmq/kv-store/testing';
import {
  AcknowledgeOwnershipRequestSchema,
  CreateStreamRequestSchema,
  IsrMemberSchema,
  OpenSessionsRequestSchema,
  RegisterNodeRequestSchema,
  ReplicaSchema,
  ReleaseSessionsRequestSchema,
  RequestIdSchema,
  ServiceKind,
  UpdateSessionsRequestSchema,
  type ClusterService,
  type GroupService,
  type Node,
  type NodeIdentity,
  type OpenSessionOutcome,
  type OpenSessionSchema,
  type RequestId,
  type ServiceImplementation,
  type Failure,
  type SessionHead,
  type SessionKey,
  type SessionRows,
  type SessionService,
  type SessionUpdateSchema,
  type Stream,
  type UnaryContext,
} from '@robustmq/rpc';
import { systemTimers } from '@robustmq/runtime';
import { ManualClock } from '@robustmq/runtime/testing';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ClusterState } from '../../src/cluster/cluster-state.ts';
import { sessionKey } from '../../src/data/keys.ts';
import { decodeHead } from '../../src/data/session-heads.ts';
import { CLUSTER_FAMILY, dataFamily } from '../../src/families.ts';
import { Meta } from '../../src/meta.ts';
import { clusterService } from '../../src/rpc/cluster-service.ts';
import { groupService } from '../../src/rpc/group-service.ts';
import { readSessionRows } from '../../src/rpc/session-pages.ts';
import { sessionService } from '../../src/rpc/session-service.ts';

const DATA_GROUPS = 3;
const FAMILIES = [CLUSTER_FAMILY, ...Array.from({ length: DATA_GROUPS }, (_, i) => dataFamily(i))];

/** Settings of {@link TestMeta.open}. */
export interface TestMetaOptions {
  readonly mqttFilter?: 'none' | 'name';
  readonly clientIdOwnsSession?: boolean;
  readonly offsetsRetentionMs?: number;
  readonly maxFrameBytes?: number;
  readonly diskIsFull?: () => boolean;
  /** Default: throws. */
  readonly onFatal?: (error: BrokerError) => void;
}

/** See the file head. Data is in a scratch folder until {@link remove}. */
export class TestMeta {
  readonly directory: string;
  readonly clock: ManualClock;
  readonly store: MemoryStore;
  readonly meta: Meta;
  readonly cluster: ServiceImplementation<typeof ClusterService>;
  readonly sessions: ServiceImplementation<typeof SessionService>;
  readonly groups: ServiceImplementation<typeof GroupService>;
  readonly #options: TestMetaOptions;
  #sequence = 0;

  private constructor(
    directory: string,
    store: MemoryStore,
    clock: ManualClock,
    meta: Meta,
    options: TestMetaOptions,
  ) {
    this.directory = directory;
    this.store = store;
    this.clock = clock;
    this.meta = meta;
    this.#options = options;
    this.cluster = clusterService(meta);
    this.sessions = sessionService(meta);
    this.groups = groupService(meta);
  }

  static async open(options: TestMetaOptions = {}): Promise<TestMeta> {
    const directory = mkdtempSync(path.join(tmpdir(), 'meta-service-'));
    return TestMeta.#open(directory, new MemoryStore(FAMILIES), new ManualClock(1_000_000_000_000), options);
  }

  static async #open(
    directory: string,
    store: MemoryStore,
    clock: ManualClock,
    options: TestMetaOptions,
  ): Promise<TestMeta> {
    const meta = await Meta.open({
      store,
      openLog: (afterPosition) =>
        CommitLog.open(new NodeDisk(), directory, { afterPosition, fileBytes: 1 << 20 }),
      clock,
      timers: systemTimers,
      dataGroups: DATA_GROUPS,
      offsetsRetentionMs: options.offsetsRetentionMs ?? 604_800_000,
      defaults: {
        streamShards: 1,
        streamMqttFilter: options.mqttFilter ?? 'none',
        mqttShards: 2,
        tenantStreams: 100,
        tenantShards: 1_500,
        clientIdOwnsSession: options.clientIdOwnsSession ?? false,
      },
      creationRate: { burst: 2_000, shardsPerSecond: 100 },
      machine: {
        leaseDurationMs: 1_500,
        renewIntervalMs: 400,
      },
      ...(options.diskIsFull !== undefined && { diskIsFull: options.diskIsFull }),
      ...(options.maxFrameBytes !== undefined && { maxFrameBytes: options.maxFrameBytes }),
      onFatal:
        options.onFatal ??
        ((error) => {
          throw error;
        }),
    });
    return new TestMeta(directory, store, clock, meta, options);
  }

  /** Stops it and starts it again: with its rows, or with none, so that all is replayed from the log. */
  async restart(rows: 'kept' | 'lost' = 'kept', options = this.#options): Promise<TestMeta> {
    await this.meta.stop();
    const store = rows === 'kept' ? this.store : new MemoryStore(FAMILIES);
    return TestMeta.#open(this.directory, store, this.clock, options);
  }

  async remove(): Promise<void> {
    await this.meta.stop();
    rmSync(this.directory, { recursive: true });
  }

  /** All rows but the applied marks, as text. */
  async dump(): Promise<string[]> {
    const rows: string[] = [];
    for (const family of FAMILIES) {
      const found = await this.store.scan(family, { from: Buffer.alloc(0), limit: 100_000 });
      for (const { key, value } of found)
        if (key.toString() !== 'a') rows.push(`${family} ${key.toString()} ${value.toString('hex')}`);
    }
    return rows;
  }

  async register(nodeId: string, kind: ServiceKind, directoryId = ''): Promise<Node> {
    const request = create(RegisterNodeRequestSchema, {
      nodeId,
      kind,
      directoryId,
      endpoints: { grpc: 'h:1' },
    });
    return (await this.meta.register(request)).node!;
  }

  journal(nodeId = 'journal-1', directoryId = `${nodeId}-disk`): Promise<Node> {
    return this.register(nodeId, ServiceKind.JOURNAL, directoryId);
  }

  async gateway(nodeId: string): Promise<NodeIdentity> {
    return (await this.register(nodeId, ServiceKind.MQTT_GATEWAY)).identity!;
  }

  requestId({ nodeId, incarnation }: NodeIdentity): RequestId {
    return create(RequestIdSchema, { nodeId, incarnation, sequence: BigInt(++this.#sequence) });
  }

  /** One OpenSession. */
  async openSession(
    node: NodeIdentity,
    session: MessageInitShape<typeof OpenSessionSchema>,
  ): Promise<OpenSessionOutcome> {
    const [outcome] = await this.openSessions(node, [{ tenant: 't', expiryIntervalS: 60, ...session }]);
    return outcome!;
  }

  /** A batch of OpenSession. */
  async openSessions(
    node: NodeIdentity,
    sessions: MessageInitShape<typeof OpenSessionSchema>[],
  ): Promise<OpenSessionOutcome[]> {
    const request = create(OpenSessionsRequestSchema, { node, requestId: this.requestId(node), sessions });
    const { outcomes } = await this.sessions.openSessions(request, CONTEXT);
    return outcomes as OpenSessionOutcome[];
  }

  /** Releases a session without places. */
  async release(node: NodeIdentity, key: SessionKey, expiryIntervalS: number): Promise<void> {
    const request = create(ReleaseSessionsRequestSchema, { node, sessions: [{ key, expiryIntervalS }] });
    await this.sessions.releaseSessions(request, CONTEXT);
  }

  /** The head of a session as stored. */
  async headOf({
    tenant,
    clientId,
  }: Pick<SessionKey, 'tenant' | 'clientId'>): Promise<SessionHead | undefined> {
    const family = dataFamily(this.meta.dataGroupOf(tenant, clientId));
    const bytes = await this.store.get(family, sessionKey(tenant, clientId));
    return bytes === undefined ? undefined : decodeHead(bytes);
  }

  /** All rows of a session beside its head, in one page. */
  async rowsOf({ tenant, clientId }: Pick<SessionKey, 'tenant' | 'clientId'>): Promise<SessionRows> {
    const family = dataFamily(this.meta.dataGroupOf(tenant, clientId));
    const source = { store: this.store, family, budget: this.meta.turnBudget() };
    const name = { tenant, clientId };
    return (await readSessionRows(source, name, new Uint8Array(), Number.POSITIVE_INFINITY)).rows;
  }

  /** One SessionUpdate; its code, empty for success. */
  async update(node: NodeIdentity, update: MessageInitShape<typeof SessionUpdateSchema>): Promise<string> {
    const requestId = this.requestId(node);
    const request = create(UpdateSessionsRequestSchema, { node, requestId, updates: [update] });
    const { outcomes } = await this.sessions.updateSessions(request, CONTEXT);
    return (outcomes![0] as Failure).code;
  }

  async createStream(name: string, config: Record<string, string> = {}, shards = 1): Promise<Stream> {
    const request = create(CreateStreamRequestSchema, { tenant: 'default', name, shards, config });
    return (await this.cluster.createStream(request, CONTEXT)).stream as Stream;
  }

  async acknowledge(node: NodeIdentity, ownershipEpoch: bigint): Promise<void> {
    const request = create(AcknowledgeOwnershipRequestSchema, { node, ownershipEpoch });
    await this.cluster.acknowledgeOwnership(request, CONTEXT);
  }
}

/** A call without a deadline. */
export const CONTEXT: UnaryContext = { signal: new AbortController().signal, deadlineMs: Infinity };

/** A message, for calls of the services as functions. */
export function message<D extends DescMessage>(schema: D, init: MessageInitShape<D>): MessageShape<D> {
  return create(schema, init);
}

/** Matches a BrokerError. */
export const failing = (code: string): unknown => expect.objectContaining({ code });

/** Gives the first shard of a stream copies on these journals, which no command does yet: elections are tested all the same. */
export function replicate(state: ClusterState, name: string, journals: readonly Node[]): Stream {
  const stream = state.streamByName('default', name)!;
  const replicas = journals.map(({ identity }) =>
    create(ReplicaSchema, { nodeId: identity!.nodeId, directoryId: identity!.directoryId }),
  );
  const isrMembers = journals.map(({ identity }) =>
    create(IsrMemberSchema, { nodeId: identity!.nodeId, incarnation: identity!.incarnation }),
  );
  const replicated = {
    ...stream,
    shards: stream.shards.with(0, { ...stream.shards[0]!, replicas, isrMembers }),
  };
  state.install('streams', stream.streamId, replicated);
  return replicated;
}
