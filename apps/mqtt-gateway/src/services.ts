// What connections share. Composed once at start; tests compose it with fakes.

import type { Authenticator } from '@robustmq/access-control';
import type { PacketLimits, TopicCache } from '@robustmq/mqtt-codec';
import type { SessionPolicy } from '@robustmq/mqtt-session';
import type { NodeIdentity, SessionHandover } from '@robustmq/rpc';
import type { Clock, Timers, TimerWheel, TurnBudget } from '@robustmq/runtime';
import type { DebugSwitch } from '@robustmq/telemetry';
import type { CatchUp } from './delivery/catch-up.ts';
import type { FilterRegistry } from './delivery/filter-registry.ts';
import type { TailDelivery } from './delivery/tail-delivery.ts';
import type { TopicRoutes } from './delivery/topic-route.ts';
import type { SessionStore } from './store/session-store.ts';
import type { Publisher } from './publish/publisher.ts';
import type { Connection } from './session/connection.ts';
import type { SessionDirectory } from './session/session-directory.ts';
import type { OutputFlusher } from './transport/output-flusher.ts';

/** Bounds of what a client may do; values come from the configuration. */
export interface GatewayLimits extends SessionPolicy {
  readonly packets: PacketLimits;
  readonly maxConnections: number;
  readonly maxConnectsPerSecond: number;
  /** Output that waits for a client before QoS 1 is left for later, and before QoS 0 is dropped. */
  readonly slowOutputBytes: number;
  readonly maxOutputBytes: number;
  /** Output waiting at which a client counts as reading again: the smaller of the two. */
  readonly reliefBytes: number;
  /** A client that keeps us from reading by taking none of its output is cut after this. */
  readonly outputTimeoutMs: number;
  /** Input that may wait while reading is held; a frame of a WebSocket fits in. */
  readonly maxHeldBytes: number;
}

/** Counted in plain integers; instruments read them. */
export interface ConnectionCounters {
  open: number;
  accepted: number;
  refused: number;
  connected: number;
  deniedLogins: number;
  protocolErrors: number;
  takenOver: number;
  /** CONNECTs with the client id of another principal's session. */
  foreignSessions: number;
  keepAliveTimeouts: number;
  outputTimeouts: number;
  retainIgnored: number;
}

/** Counters at zero. */
export function newConnectionCounters(): ConnectionCounters {
  return {
    open: 0,
    accepted: 0,
    refused: 0,
    connected: 0,
    deniedLogins: 0,
    protocolErrors: 0,
    takenOver: 0,
    foreignSessions: 0,
    keepAliveTimeouts: 0,
    outputTimeouts: 0,
    retainIgnored: 0,
  };
}

/** The log as connections use it. */
export interface GatewayLog {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** Everything that a connection needs. */
export interface GatewayServices {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly wheel: TimerWheel;
  /** The slice of the loop that reading takes now (N8), and whether it is used up. */
  readonly readTurn: TurnBudget;
  readonly isReadTurnSpent: () => boolean;
  readonly flusher: OutputFlusher;
  readonly topics: TopicCache;
  readonly limits: GatewayLimits;
  readonly counters: ConnectionCounters;
  readonly log: GatewayLog;
  readonly debug: DebugSwitch;
  readonly authenticator: Authenticator;
  /** Tenant of clients that name none. */
  readonly defaultTenant: string;
  readonly directory: SessionDirectory;
  readonly store: SessionStore;
  readonly registry: FilterRegistry;
  readonly tails: TailDelivery;
  readonly catchUp: CatchUp;
  readonly publisher: Publisher;
  routesOf(tenant: string): TopicRoutes;
  /** Revision at which a stream began to own its topics; 0 for one that is not known (rule X4). */
  streamRevision(streamId: number): number;
  /** Revision of the cluster that this gateway has reached (rule X4). */
  revision(): number;
  /** Null while sessions may be served; else the Reason Code to refuse CONNECT with. */
  refusal(): number | null;
  /**
   * Has another gateway stop serving a session (rule S1): resolves when it has, or its lease has ended, to what only it
   * knew (rule S3).
   */
  takeOver(
    owner: Pick<NodeIdentity, 'nodeId' | 'incarnation'>,
    session: { tenant: string; clientId: string; epoch: bigint },
  ): Promise<SessionHandover | undefined>;
  /** Waits until the other gateways route what the mesh serves by now (rule S6); bounded. */
  meshReady(callback: () => void): void;
  addMeshFilter(tenant: string, filter: string): void;
  removeMeshFilter(tenant: string, filter: string): void;
  connectionEnded(connection: Connection): void;
}
