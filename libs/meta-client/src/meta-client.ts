// The way from any service to meta-service: typed calls, the watched view, and this process's registration.
import { randomBytes } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { BrokerError, type ErrorCode } from '@robustmq/errors';
import {
  ClusterService,
  createClient,
  FEATURE_LEVEL,
  GroupService,
  SessionService,
  type Connect,
  type Credentials,
  type NodeIdentity,
  type RegisterNodeRequestSchema,
  type RequestId,
  type ServiceClient,
} from '@robustmq/rpc';
import {
  retry,
  silentLog,
  systemClock,
  systemTimers,
  type Clock,
  type Log,
  type Timers,
} from '@robustmq/runtime';
import { ClusterView } from './cluster-view.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { LeaseKeeper } from './lease.ts';
import { NodeView, toNumber } from './model.ts';

/** Where meta-service is, and how this client behaves. */
export interface MetaClientOptions {
  /** host:port of each meta-service. */
  readonly addresses: readonly string[];
  readonly credentials: Credentials;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** In [0, 1): spreads repeats; default Math.random. */
  readonly random?: () => number;
  /** How meta-service is called; default gRPC. */
  readonly connect?: Connect;
  /** Deadline of a call that names none. */
  readonly callTimeoutMs?: number;
  /** What broke and is being retried; and, as an error, a cluster whose state went back. */
  readonly log?: Pick<Log, 'info' | 'warn' | 'error'>;
}

/** Who this process is. */
export type NodeDescription = Omit<
  MessageInitShape<typeof RegisterNodeRequestSchema>,
  '$typeName' | '$unknown'
>;

/** One incarnation of this node: from register until release or loss. */
export interface Registration {
  readonly node: NodeView;
  /** As sent in requests. */
  readonly identity: Pick<NodeIdentity, 'nodeId' | 'incarnation' | 'directoryId'>;
  /** Revision at which the registration is visible. */
  readonly revision: number;
  /** By this process's own clock, 0.2 s early (rule F1). */
  readonly held: boolean;
  /** Ends the lease at once; best effort, bounded. */
  release(): Promise<void>;
}

const NONCE_BYTES = 16;
const CALL_TIMEOUT_MS = 5_000;
const RELEASE_TIMEOUT_MS = 1_000;
/** Services start in any order: to wait for meta-service so long is no news, and so often a longer wait is a warning. */
const LONG_WAIT_MS = 10_000;
const RETRIABLE: ReadonlySet<ErrorCode> = new Set(['unavailable', 'not_leader']);
const REGISTRATION_RETRIABLE: ReadonlySet<ErrorCode> = new Set([...RETRIABLE, 'deadline_exceeded']);

interface Clients {
  readonly cluster: ServiceClient<typeof ClusterService>;
  readonly sessions: ServiceClient<typeof SessionService>;
  readonly groups: ServiceClient<typeof GroupService>;
}

/** A connection to meta-service. */
export class MetaClient {
  readonly view: ClusterView;
  /** What all calls of this process carry. */
  readonly credentials: Credentials;
  readonly #addresses: readonly string[];
  readonly #clients: readonly Clients[];
  readonly #watch: ClusterWatch;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #log: Pick<Log, 'info' | 'warn' | 'error'>;
  #current = 0;
  /** When the wait for the first connection becomes a warning; undefined before the first attempt failed. */
  #waitWarningAtMs: number | undefined;
  #registration: { readonly nodeId: string; readonly incarnation: bigint } | undefined;
  #lease: LeaseKeeper | undefined;
  #sequence = 0n;
  #diskIsFull = false;

  /** Connects lazily and starts the watch. */
  constructor(options: MetaClientOptions) {
    if (options.addresses.length === 0)
      throw new BrokerError('invalid_argument', 'no address of meta-service');
    const {
      credentials,
      connect = createClient,
      callTimeoutMs: defaultTimeoutMs = CALL_TIMEOUT_MS,
    } = options;
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
    this.#random = options.random ?? Math.random;
    this.#log = options.log ?? silentLog;
    this.credentials = credentials;
    this.view = new ClusterView(this.#timers);
    this.#addresses = options.addresses;
    this.#clients = options.addresses.map((address) => ({
      cluster: connect(ClusterService, { address, credentials, defaultTimeoutMs }),
      sessions: connect(SessionService, { address, credentials, defaultTimeoutMs }),
      groups: connect(GroupService, { address, credentials, defaultTimeoutMs }),
    }));
    this.#watch = new ClusterWatch(
      () => this.#now.cluster,
      this.view,
      { onBroken: (error) => this.#watchBroke(error), random: this.#random },
      { clock: this.#clock, timers: this.#timers },
    );
  }

  get #now(): Clients {
    return this.#clients[this.#current] as Clients;
  }

  #watchBroke(error: unknown): void {
    this.#current = (this.#current + 1) % this.#clients.length;
    if (error === undefined) return;
    const isRefused = this.view.ready && this.view.problem !== null;
    if (isRefused)
      this.#log.error({ err: error }, 'meta-service is not followed: this process keeps what it knows');
    else if (!this.view.ready && BrokerError.from(error).code === 'unavailable') this.#waitsFor(error);
    else this.#log.warn({ err: error }, 'the watch of the cluster broke');
  }

  #waitsFor(error: unknown): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#waitWarningAtMs === undefined) {
      this.#log.info({ addresses: this.#addresses }, 'waiting for meta-service');
    } else if (nowMs < this.#waitWarningAtMs) {
      return;
    } else {
      this.#log.warn({ err: error, addresses: this.#addresses }, 'meta-service can not be reached');
    }
    this.#waitWarningAtMs = nowMs + LONG_WAIT_MS;
  }

  /** Whether meta-service refuses what grows, because its disk is nearly full: as of the last renewal of the lease. */
  get diskIsFull(): boolean {
    return this.#diskIsFull;
  }

  /** Streams, nodes, leases, users. Each call has a deadline and fails with BrokerError. */
  get cluster(): ServiceClient<typeof ClusterService> {
    return this.#now.cluster;
  }

  /** MQTT sessions. */
  get sessions(): ServiceClient<typeof SessionService> {
    return this.#now.sessions;
  }

  /** Kafka groups. */
  get groups(): ServiceClient<typeof GroupService> {
    return this.#now.groups;
  }

  /**
   * Resolves with the first snapshot; by default however long meta-service takes to come: services start in any order, and
   * each is simply not ready until then.
   * @throws BrokerError `deadline_exceeded`
   */
  ready(timeoutMs: number = Number.POSITIVE_INFINITY): Promise<void> {
    return this.view.waitForRevision(1, timeoutMs);
  }

  /**
   * A new request id. Commands that carry it apply once (rule M2), so the same request may be sent again after a failure.
   * @throws BrokerError `unavailable` before the first registration
   */
  requestId(): Pick<RequestId, 'nodeId' | 'incarnation' | 'sequence'> {
    if (this.#registration === undefined)
      throw new BrokerError('unavailable', 'not registered with meta-service');
    this.#sequence++;
    return { ...this.#registration, sequence: this.#sequence };
  }

  /**
   * Repeats a call while meta-service is unreachable or has no leader. Only for reads and for requests with a request id:
   * make the request once, outside.
   */
  persist<T>(call: () => Promise<T>, attempts = 8): Promise<T> {
    return this.#retryWhile(RETRIABLE, call, attempts);
  }

  #retryWhile<T>(codes: ReadonlySet<ErrorCode>, call: () => Promise<T>, attempts: number): Promise<T> {
    return retry(call, {
      attempts,
      timers: this.#timers,
      random: this.#random,
      maxDelayMs: 1_000,
      isRetriable: (error) => error instanceof BrokerError && codes.has(error.code),
      onRetry: ({ error }) => this.#log.warn({ err: error }, 'a call to meta-service is repeated'),
    });
  }

  /**
   * Starts a new incarnation of this node and keeps its lease.
   * @param onLost called once if the lease ends: stop what it covers, then register again or exit.
   */
  async register(description: NodeDescription, onLost: (reason: string) => void): Promise<Registration> {
    this.#lease?.stop();
    const request = { ...description, featureLevel: FEATURE_LEVEL, nonce: randomBytes(NONCE_BYTES) };
    const { sentAtMs, response } = await this.#retryWhile(
      REGISTRATION_RETRIABLE,
      async () => {
        const at = this.#clock.monotonicMs();
        return {
          sentAtMs: at,
          response: await this.cluster.registerNode(request),
        };
      },
      Number.POSITIVE_INFINITY,
    );
    if (response.node?.identity === undefined)
      throw new BrokerError('internal', 'registration without identity');
    const { nodeId, incarnation, directoryId } = response.node.identity;
    const identity = { nodeId, incarnation, directoryId };
    this.#registration = { nodeId, incarnation };
    this.#sequence = 0n;
    const lease = new LeaseKeeper(
      {
        durationMs: response.leaseDurationMs,
        renewIntervalMs: response.renewIntervalMs,
        clock: this.#clock,
        timers: this.#timers,
        renew: async (timeoutMs) => {
          const { diskFull } = await this.cluster.renewLease({ node: identity }, { timeoutMs });
          this.#diskIsFull = diskFull;
        },
        onLost,
      },
      sentAtMs,
    );
    this.#lease = lease;
    return {
      node: NodeView.of(response.node),
      identity,
      revision: toNumber(response.revision),
      get held() {
        return lease.held;
      },
      release: async () => {
        lease.stop();
        try {
          await this.cluster.releaseNode({ node: identity }, { timeoutMs: RELEASE_TIMEOUT_MS });
        } catch (error) {
          // The lease ends by itself.
          this.#log.warn({ err: error }, 'the lease could not be released');
        }
      },
    };
  }

  /** Tells meta that this gateway routes MQTT topics by an ownership epoch (rule O2). */
  async acknowledgeOwnership(registration: Registration, ownershipEpoch: number): Promise<void> {
    const request = { node: registration.identity, ownershipEpoch: BigInt(ownershipEpoch) };
    await this.persist(() => this.cluster.acknowledgeOwnership(request));
  }

  /** Ends watch, lease keeping and connections; the lease itself stays with meta until it runs out. */
  close(): void {
    this.#lease?.stop();
    this.#watch.stop();
    for (const clients of this.#clients) {
      clients.cluster.close();
      clients.sessions.close();
      clients.groups.close();
    }
  }
}
