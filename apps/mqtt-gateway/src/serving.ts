// Everything that one incarnation of the gateway serves with. When its lease ends it is closed as a whole and another one
// is made (rule F1): nothing that an old incarnation knew is believed by the next.

import type { Authenticator } from '@robustmq/access-control';
import { JournalClient, clusterDirectory } from '@robustmq/journal-client';
import { REASON, TopicCache } from '@robustmq/mqtt-codec';
import type { MetaClient, Registration } from '@robustmq/meta-client';
import { LastWords } from '@robustmq/mqtt-session';
import { MAX_INFLATED_BATCH_BYTES } from '@robustmq/record-batch';
import { ServiceKind, type Connect } from '@robustmq/rpc';
import {
  TurnBudget,
  eachInTurns,
  type Cancel,
  type Clock,
  type Timers,
  type TimerWheel,
  type Log,
} from '@robustmq/runtime';
import { RateLimitedLog, type DebugSwitch, type TraceSampler } from '@robustmq/telemetry';
import type { Boundary } from './boundary.ts';
import type { MqttGatewayConfig } from './config.ts';
import { CatchUp } from './delivery/catch-up.ts';
import { Deliverer, newDeliveryCounters } from './delivery/deliverer.ts';
import { FilterRegistry } from './delivery/filter-registry.ts';
import { Inflation } from './delivery/inflation.ts';
import { TailDelivery, type TailHost } from './delivery/tail-delivery.ts';
import { Mesh } from './mesh/mesh.ts';
import type { StoredPlaces } from './store/session-rows.ts';
import { SessionStore } from './store/session-store.ts';
import type { Ownership } from './ownership.ts';
import { BlockedPublishes } from './publish/blocked-publishes.ts';
import type { AppendToken } from './publish/append-token.ts';
import { Publisher, type PublishingConnection } from './publish/publisher.ts';
import { PublishTraces } from './publish/publish-traces.ts';
import type { ConnectionCounters } from './connection-counters.ts';
import type { GatewayLimits } from './limits.ts';
import type { Client } from './session/client.ts';
import type { ClientSession } from './session/client-session.ts';
import { ConnectFlow } from './session/connect-flow.ts';
import type { ConnectionHost } from './session/connection-host.ts';
import { deliveryDebug } from './session/delivery-debug.ts';
import { CursorCommits } from './session/cursor-commits.ts';
import { SessionDirectory } from './session/session-directory.ts';
import { SessionEnding } from './session/session-end.ts';
import { SubscribeFlow } from './session/subscribe-flow.ts';
import type { FilterRoutes } from './session/filter-routes.ts';
import type { ResumePorts } from './session/resume-flow.ts';
import { Takeovers } from './session/takeovers.ts';
import type { OutputFlusher } from './transport/output-flusher.ts';

/** What outlives an incarnation. */
export interface ProcessParts {
  readonly config: MqttGatewayConfig;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  /** What they run ends at the boundary. */
  readonly timers: Timers;
  readonly boundary: Boundary;
  readonly wheel: TimerWheel;
  readonly flusher: OutputFlusher;
  readonly log: Log;
  readonly debug: DebugSwitch;
  readonly counters: ConnectionCounters;
  readonly meta: MetaClient;
  /** How others are called; default gRPC. */
  readonly connect?: Connect;
  readonly ownership: Ownership;
  readonly authenticator: Authenticator;
  readonly sampler: TraceSampler;
  connectionEnded(): void;
  retainIgnored(connection: PublishingConnection, topic: string): void;
}

/** How often deadlines of subscriptions are looked at. */
const EXPIRE_MS = 250;
const CATCH_UP_RETRY_MS = 200;
/** Kafka's `max.message.bytes`: appends are gathered up to it. */
const MIN_BATCH_BYTES = 1024 * 1024;
/** What a record and its batch add to the packet that it comes from. */
const RECORD_OVERHEAD_BYTES = 64 * 1024;

/** One incarnation. */
export class Serving {
  /** What its connections share. */
  readonly host: ConnectionHost;
  readonly registration: Registration;
  readonly journal: JournalClient;
  readonly deliveryCounters = newDeliveryCounters();
  readonly tails: TailDelivery;
  readonly catchUp: CatchUp;
  readonly publisher: Publisher;
  readonly mesh: Mesh;
  readonly store: SessionStore;
  readonly directory = new SessionDirectory();
  readonly registry: FilterRegistry;
  readonly takeovers: Takeovers;
  readonly blocked: BlockedPublishes;
  readonly #lastWords: LastWords<StoredPlaces>;
  /** Lines that clients can cause (N14). */
  readonly #strangers: RateLimitedLog;
  readonly #traces: PublishTraces;
  readonly #parts: ProcessParts;
  readonly #cursorCommits: CursorCommits;
  readonly #stopExpiry: Cancel;
  isDraining = false;
  #isClosed = false;

  constructor(parts: ProcessParts, registration: Registration) {
    this.#parts = parts;
    this.registration = registration;
    const { config, ownership, clock, boundary } = parts;
    const deliverer = new Deliverer(
      config.limits.maxOutputBytes,
      this.deliveryCounters,
      deliveryDebug(parts),
    );
    this.#traces = new PublishTraces(parts.sampler);
    this.#lastWords = makeLastWords(clock);
    this.#strangers = new RateLimitedLog(parts.log, { clock });
    const strangers = this.#strangers;
    const host: TailHost = {
      clock,
      timers: parts.timers,
      streamOf: (streamId) => ownership.streamOf(streamId),
      sessions: () => this.#sessions(),
      sampler: parts.sampler,
      publishes: this.#traces,
      onBadBatch: (streamId, shard, err) =>
        // Whoever may write to the stream can cause the line (N14).
        strangers.warn(`bad batch ${streamId}`, { stream_id: streamId, shard, err }, 'unreadable batch'),
    };
    const inflation = new Inflation(MAX_INFLATED_BATCH_BYTES, clock, parts.timers);
    this.tails = new TailDelivery(host, deliverer, inflation, config.journal);
    this.journal = this.#makeJournal();
    this.catchUp = new CatchUp(this.tails, deliverer, this.journal, inflation, host, {
      maxReadBytes: config.journal.backlogReadBytes,
      maxReads: config.journal.maxBacklogReads,
      retryMs: CATCH_UP_RETRY_MS,
    });
    this.registry = this.#makeRegistry();
    this.store = new SessionStore(parts.meta, () => registration.identity, {
      timers: parts.timers,
      failed: (thrown, where) => boundary.failed(thrown, where),
    });
    this.mesh = new Mesh(
      {
        identity: registration.identity,
        credentials: parts.meta.credentials,
        routesOf: (tenant) => ownership.routesOf(tenant),
        clock,
        timers: parts.timers,
        boundary,
        ...(parts.connect && { connect: parts.connect }),
      },
      deliverer,
    );
    this.blocked = new BlockedPublishes(parts.timers);
    this.publisher = this.#makePublisher(deliverer);
    this.takeovers = this.#makeTakeovers();
    this.host = this.#makeHost();
    const { timers } = parts;
    const { directory, store } = this;
    this.#cursorCommits = new CursorCommits(
      { clock, timers, directory, store },
      config.session.cursorCommitInterval,
    );
    this.#stopExpiry = timers.every(EXPIRE_MS, () => {
      this.registry.expire(clock.monotonicMs());
      this.publisher.outcomes.expire();
    });
  }

  #makeJournal(): JournalClient {
    const { config, clock, timers, meta, connect, log, boundary } = this.#parts;
    const { identity, node } = this.registration;
    return new JournalClient({
      directory: clusterDirectory(meta.view),
      identity: { nodeId: identity.nodeId, incarnation: Number(identity.incarnation) },
      kind: ServiceKind.MQTT_GATEWAY,
      credentials: meta.credentials,
      producerIds: { base: node.producerIdBase, count: node.producerIdCount },
      tickMs: config.journal.tick,
      timers,
      now: () => clock.monotonicMs(),
      ...(connect && { connect }),
      onTail: (batches) => boundary.run('tail', () => this.tails.receive(batches)),
      onLink: (nodeId, up, err) => log.info({ journal: nodeId, up, ...(err && { err }) }, 'journal link'),
    });
  }

  #makeRegistry(): FilterRegistry {
    const { config, ownership, timers, clock } = this.#parts;
    const { tails } = this;
    return new FilterRegistry(
      this.journal,
      config.journal.filterTimeout,
      ({ streamId, shard, leaderEpoch, offset }) => tails.startTail(streamId, shard, leaderEpoch, offset),
      timers,
      clock,
      {
        shardsOf: (tenant, filter) => ownership.shardsOf(tenant, filter),
        positionOf: (streamId, shard) => tails.positionOf(streamId, shard),
      },
    );
  }

  #sessions(): ClientSession[] {
    const sessions: ClientSession[] = [];
    for (const { session } of this.directory.connections()) if (session !== null) sessions.push(session);
    return sessions;
  }

  #makePublisher(deliverer: Deliverer): Publisher {
    const { config, clock, ownership, boundary } = this.#parts;
    const publisher: Publisher = new Publisher(
      {
        clock,
        timers: this.#parts.timers,
        appendTimeoutMs: config.journal.appendTimeout,
        routesOf: (tenant) => ownership.routesOf(tenant),
        failed: (thrown, where) => boundary.failed(thrown, where),
        retainIgnored: (connection, topic) => this.#parts.retainIgnored(connection, topic),
      },
      deliverer,
      this.mesh,
      this.journal.appender<AppendToken>({
        // Whatever a client may send fits a batch (N13); whether its stream takes it the journal says.
        maxBatchBytes: Math.max(MIN_BATCH_BYTES, config.limits.maxPacketBytes + RECORD_OVERHEAD_BYTES),
        deliveryTimeoutMs: config.journal.appendTimeout,
        onOutcome: (queue, tokens, error, baseOffset, batch) =>
          boundary.run('append', () => publisher.outcomes.onOutcome(queue, tokens, error, baseOffset, batch)),
        onUnblocked: (queue) => boundary.run('append', () => publisher.outcomes.onUnblocked(queue)),
      }),
      this.blocked,
      this.#traces,
    );
    return publisher;
  }

  #makeHost(): ConnectionHost {
    const parts = this.#parts;
    const { clock, timers, wheel, flusher, limits, counters, log, debug, boundary } = parts;
    const { directory, store, registry, tails, publisher } = this;
    const readTurn = new TurnBudget(clock, timers);
    const routes = this.#routes();
    return {
      clock,
      timers,
      wheel,
      readTurn,
      isReadTurnSpent: () => readTurn.isSpent,
      flusher,
      topics: new TopicCache(),
      limits,
      counters,
      log,
      debug,
      boundary,
      defaultTenant: parts.config.tenant,
      directory,
      publisher,
      connects: this.#makeConnects(routes),
      subscriptions: new SubscribeFlow({
        registry,
        store,
        routes,
        tails,
        timers,
        resumeTimeoutMs: parts.config.journal.filterTimeout,
        log: this.#strangers,
        debug,
        revision: () => parts.meta.view.ownershipEpoch,
      }),
      endings: new SessionEnding({
        clock,
        timers,
        store,
        directory,
        routes,
        lastWords: this.#lastWords,
        log: this.#strangers,
      }),
      connectionEnded: () => parts.connectionEnded(),
    };
  }

  #makeConnects(routes: FilterRoutes): ConnectFlow {
    const { clock, timers, authenticator, counters, debug, limits, ownership } = this.#parts;
    const { directory, store, registry, tails, catchUp } = this;
    const resume: ResumePorts = { clock, timers, registry, routes, tails, catchUp };
    return new ConnectFlow({
      clock,
      authenticator,
      directory,
      store,
      lastWords: this.#lastWords,
      counters,
      log: this.#strangers,
      debug,
      surroundings: {
        catchUp,
        slowOutputBytes: limits.slowOutputBytes,
        streamRevision: (streamId) => ownership.epochOf(streamId),
      },
      resume,
      refusal: () => this.#refusal(),
      stopElsewhere: (owner, session, successor) => this.takeovers.take(owner, session, successor),
    });
  }

  #routes(): FilterRoutes {
    const { routes } = this.mesh;
    return {
      routesOf: (tenant) => this.#parts.ownership.routesOf(tenant),
      addMeshFilter: (tenant, filter) => routes.add(tenant, filter),
      removeMeshFilter: (tenant, filter) => routes.remove(tenant, filter),
      meshReady: (callback) => routes.whenKnown(callback),
    };
  }

  #refusal(): number | null {
    if (this.isDraining) return REASON.serverShuttingDown;
    return this.#isClosed || !this.registration.held ? REASON.serverUnavailable : null;
  }

  #makeTakeovers(): Takeovers {
    return new Takeovers({
      timers: this.#parts.timers,
      directory: this.directory,
      lastWords: this.#lastWords,
      mayServe: ({ nodeId, incarnation }) => {
        const node = this.#parts.meta.view.nodes.get(nodeId);
        // The lease of an incarnation ended before the next one could register.
        return node?.live === true && node.incarnation <= Number(incarnation);
      },
      others: () => this.mesh.peers(),
      ask: (owner, session) => this.mesh.stopElsewhere(owner.nodeId, session),
      isClosed: () => this.#isClosed,
      counted: () => this.#parts.counters.takenOver++,
    });
  }

  /** A stream is gone. */
  forgetStream(streamId: number): void {
    this.tails.forget(streamId);
  }

  /** Connected clients are told to go, in turns (N8); their sessions are released. Resolves behind the last. */
  disconnectAll(reasonCode: number): Promise<void> {
    const connections = [...this.directory.connections()];
    return new Promise((resolve) => {
      const { boundary } = this.#parts;
      const disconnect = ({ machine }: Client): void =>
        boundary.run('end of a connection', () => machine.disconnect(reasonCode));
      eachInTurns(connections, this.#parts, disconnect, resolve);
    });
  }

  /** Nothing is served any more. Sessions that were not released end with the lease. */
  close(): void {
    this.#isClosed = true;
    this.#stopExpiry();
    this.#cursorCommits.stop();
    this.catchUp.stop();
    this.mesh.close();
    this.journal.close();
  }
}

/** Bounded by the rows that it holds. */
function makeLastWords(clock: Clock): LastWords<StoredPlaces> {
  return new LastWords(
    () => clock.monotonicMs(),
    ({ cursors, outbound }) => cursors.length + outbound.length,
  );
}
