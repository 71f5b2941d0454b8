// What the HTTP API needs from the cluster. main.ts binds it to meta-client; tests bind it to plain objects.
import type { Principal } from '@robustmq/access-control';
import type { PROBLEM_NAMES } from '@robustmq/telemetry';

/** A process of the cluster, as meta-service knows it. */
export interface NodeOverview {
  readonly nodeId: string;
  readonly kind:
    | 'meta-service'
    | 'journal-server'
    | 'mqtt-gateway'
    | 'kafka-gateway'
    | 'admin-api'
    | 'rule-engine'
    | 'unknown';
  readonly incarnation: number;
  readonly live: boolean;
  readonly endpoints: Readonly<Record<string, string>>;
  readonly version: string;
  readonly registeredAtMs: number;
}

/** One partition of a stream. */
export interface ShardOverview {
  readonly shard: number;
  /** Node id, or null while nobody leads. */
  readonly leader: string | null;
  readonly leaderEpoch: number;
  readonly replicas: readonly string[];
  readonly isr: readonly string[];
}

/** A stream, which is a Kafka topic. */
export interface StreamOverview {
  readonly streamId: number;
  readonly tenant: string;
  readonly name: string;
  readonly topicId: string;
  readonly mqttFilter: string | null;
  readonly ownershipActive: boolean;
  readonly internal: boolean;
  readonly config: Readonly<Record<string, string>>;
  readonly shards: readonly ShardOverview[];
  readonly createdAtMs: number;
}

/** A user as others may see it. */
export interface UserOverview {
  readonly tenant: string;
  readonly name: string;
  readonly superuser: boolean;
}

/** An MQTT session row. */
export interface SessionOverview {
  readonly tenant: string;
  readonly clientId: string;
  readonly connected: boolean;
  readonly gateway: string;
  readonly epoch: number;
  readonly expiryIntervalS: number;
  readonly subscriptions: readonly { readonly filter: string; readonly qos: number }[];
}

/** A session that was dropped; whether a client was connected with it, and to which gateway, which has been told. */
export interface DroppedSession {
  readonly tenant: string;
  readonly clientId: string;
  readonly connected: boolean;
  readonly gateway: string;
}

/** A Kafka consumer group. */
export interface GroupOverview {
  readonly groupId: string;
  readonly state: string;
  readonly protocolType: string;
  readonly coordinator: string | null;
}

/** A level of features; see {@link Cluster.raiseFeatureLevel}. */
export interface FeatureLevels {
  /** Nothing above it is written. */
  readonly used: number;
  /** What this release could use. */
  readonly known: number;
}

/** The cluster group at one revision. */
export interface ClusterSnapshot {
  readonly clusterId: string;
  readonly revision: number;
  readonly featureLevel: FeatureLevels;
  readonly nodes: readonly NodeOverview[];
  readonly streams: readonly StreamOverview[];
  readonly users: readonly UserOverview[];
}

/** Something that is wrong with the cluster. */
export interface HealthProblem {
  readonly name: (typeof PROBLEM_NAMES)[number];
  readonly detail: string;
}

/** A page of rows, and whether more follow after its last one. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly more: boolean;
}

/** What to create. */
export interface NewStream {
  readonly tenant: string;
  readonly name: string;
  readonly shards: number;
  readonly config: Readonly<Record<string, string>>;
}

/** Reads come from the watched view, writes go to meta-service. Failures are BrokerError. */
export interface Cluster {
  /** False until the first snapshot has arrived. */
  ready(): boolean;
  snapshot(): ClusterSnapshot;
  /** What meta-service and journal-servers say is wrong with them; a second old at most. */
  storageProblems(): Promise<readonly HealthProblem[]>;
  createStream(stream: NewStream): Promise<StreamOverview>;
  deleteStream(tenant: string, name: string): Promise<void>;
  putUser(user: UserOverview & { readonly password: string }, createOnly: boolean): Promise<void>;
  deleteUser(tenant: string, name: string): Promise<void>;
  /** Lets the cluster use what every live node knows, for good: an older release is refused from then on. */
  raiseFeatureLevel(level: number): Promise<void>;
  listSessions(tenant: string, prefix: string, after: string, limit: number): Promise<Page<SessionOverview>>;
  /** Ends a session, whoever owns it. */
  dropSession(tenant: string, clientId: string): Promise<DroppedSession>;
  /** Gives a session to a user, or, without one, to whoever opens it first. */
  reassignSession(tenant: string, clientId: string, user: string | null): Promise<void>;
  listGroups(tenant: string, after: string, limit: number): Promise<Page<GroupOverview>>;
}

/** Who asks, and whether it still waits for the answer. */
export interface RequestOrigin {
  readonly address: string;
  isWanted(): boolean;
}

/** The user whose credentials these are; null when they are nobody's. A client that has gone by its turn is not worth a hash. */
export type VerifyAdmin = (
  username: string,
  password: string,
  origin: RequestOrigin,
) => Promise<Principal | null>;
