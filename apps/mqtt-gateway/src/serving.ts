// Everything that one incarnation of the gateway serves with. When its lease ends it is closed as a whole and another one
// is made (rule F1): nothing that an old incarnation knew is believed by the next.

import { JournalClient, clusterDirectory } from '@robustmq/journal-client';
import { REASON } from '@robustmq/mqtt-codec';
import type { Registration, StreamView } from '@robustmq/meta-client';
import { LastWords } from '@robustmq/mqtt-session';
import { MAX_INFLATED_BATCH_BYTES } from '@robustmq/record-batch';
import { ServiceKind } from '@robustmq/rpc';
import { eachInTurns, type Cancel, type Clock } from '@robustmq/runtime';
import { RateLimitedLog } from '@robustmq/telemetry';
import { connectionHost } from './client-services.ts';
import { Confirmations } from './delivery/confirmations.ts';
import { CatchUp } from './delivery/catch-up.ts';
import { Deliverer, newDeliveryCounters } from './delivery/deliverer.ts';
import { EpochEnds } from './delivery/epoch-ends.ts';
import { epochReader } from './delivery/epoch-reader.ts';
import { FilterRegistry } from './delivery/filter-registry.ts';
import { Inflation } from './delivery/inflation.ts';
import { TailDelivery } from './delivery/tail-delivery.ts';
import type { TailHost } from './delivery/tail-host.ts';
import { Mesh } from './mesh/mesh.ts';
import { shardCountOf } from './ownership.ts';
import type { ProcessParts } from './process-parts.ts';
import { BlockedPublishes } from './publish/blocked-publishes.ts';
import type { AppendToken } from './publish/append-token.ts';
import { Publisher } from './publish/publisher.ts';
import { PublishTraces } from './publish/publish-traces.ts';
import { RECORD_OVERHEAD_BYTES } from './publish/record-overhead.ts';
import type { Client } from './session/client.ts';
import type { ClientSession } from './session/client-session.ts';
import type { ConnectionHost } from './session/connection-host.ts';
import { CursorCommits } from './session/cursor-commits.ts';
import { deliveryDebug } from './session/delivery-debug.ts';
import { SessionDirectory } from './session/session-directory.ts';
import { Takeovers } from './session/takeovers.ts';
import { rowCountOf, type StoredPlaces } from './store/session-rows.ts';
import { SessionStore } from './store/session-store.ts';

/** How often deadlines of subscriptions are looked at. */
const EXPIRE_MS = 250;
const CATCH_UP_RETRY_MS = 200;
/** Appends are gathered up to it, if their stream takes as much. */
const MIN_BATCH_BYTES = 1024 * 1024;

/** One incarnation. */
export class Serving {
  /** What its connections share. */
  readonly host: ConnectionHost;
  readonly registration: Registration;
  readonly journal: JournalClient;
  readonly deliveryCounters = newDeliveryCounters();
  readonly tails: TailDelivery;
  readonly catchUp: CatchUp;
  readonly epochEnds: EpochEnds;
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
    const { config, clock, boundary } = parts;
    const deliverer = new Deliverer(
      config.limits.maxOutputBytes,
      this.deliveryCounters,
      deliveryDebug(parts),
    );
    this.#traces = new PublishTraces(parts.sampler);
    this.#lastWords = makeLastWords(clock);
    this.#strangers = new RateLimitedLog(parts.log, { clock });
    const host = this.#makeTailHost();
    const inflation = new Inflation(MAX_INFLATED_BATCH_BYTES, clock, parts.timers);
    this.tails = new TailDelivery(host, deliverer, inflation, config.journal);
    this.journal = this.#makeJournal();
    const { view } = parts.meta;
    const catchUpHost = { ...host, isDeleted: (streamId: number) => view.hasDeleted(streamId) };
    this.catchUp = new CatchUp(this.tails, deliverer, this.journal, inflation, catchUpHost, {
      maxReadBytes: config.journal.backlogReadBytes,
      maxReads: config.journal.maxBacklogReads,
      retryMs: CATCH_UP_RETRY_MS,
    });
    this.epochEnds = this.#makeEpochEnds();
    this.registry = this.#makeRegistry();
    this.store = new SessionStore(parts.meta, () => registration.identity, {
      timers: parts.timers,
      failed: (thrown, where) => boundary.failed(thrown, where),
    });
    this.mesh = this.#makeMesh(deliverer);
    this.blocked = new BlockedPublishes(parts.timers);
    this.publisher = this.#makePublisher(deliverer);
    this.takeovers = this.#makeTakeovers();
    this.host = connectionHost(parts, {
      directory: this.directory,
      store: this.store,
      registry: this.registry,
      tails: this.tails,
      catchUp: this.catchUp,
      confirmations: new Confirmations(this.journal, parts),
      epochEnds: this.epochEnds,
      publisher: this.publisher,
      takeovers: this.takeovers,
      meshRoutes: this.mesh.routes,
      lastWords: this.#lastWords,
      strangers: this.#strangers,
      refusal: () => this.#refusal(),
    });
    const { timers } = parts;
    const { directory, store } = this;
    this.#cursorCommits = new CursorCommits(
      { clock, timers, directory, store, isForgotten: (streamId) => this.#isForgotten(streamId) },
      config.session.cursorCommitInterval,
    );
    this.#stopExpiry = timers.every(EXPIRE_MS, () => {
      this.registry.expire(clock.monotonicMs());
      this.publisher.outcomes.expire();
    });
  }

  #makeTailHost(): TailHost {
    const { clock, timers, ownership, sampler } = this.#parts;
    return {
      clock,
      timers,
      streamOf: (streamId) => ownership.streamOf(streamId),
      sessions: () => this.#sessions(),
      sampler,
      publishes: this.#traces,
      onBadBatch: (streamId, shard, err) =>
        // Whoever may write to the stream can cause the line (N14).
        this.#strangers.warn(
          `bad batch ${streamId}`,
          { stream_id: streamId, shard, err },
          'unreadable batch',
        ),
    };
  }

  #makeMesh(deliverer: Deliverer): Mesh {
    const { clock, timers, boundary, ownership, meta, connect } = this.#parts;
    const host = {
      identity: this.registration.identity,
      credentials: meta.credentials,
      routesOf: (tenant: string) => ownership.routesOf(tenant),
      clock,
      timers,
      boundary,
      ...(connect && { connect }),
    };
    return new Mesh(host, deliverer);
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

  #makeEpochEnds(): EpochEnds {
    const { timers, meta } = this.#parts;
    const epochOf = (streamId: number, shard: number): number =>
      meta.view.shard(streamId, shard)?.leaderEpoch ?? -1;
    return new EpochEnds(epochReader(this.journal), timers, epochOf);
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
        changes: () => ownership.changes,
      },
    );
  }

  #sessions(): ClientSession[] {
    const sessions: ClientSession[] = [];
    for (const { session } of this.directory.connections()) if (session !== null) sessions.push(session);
    return sessions;
  }

  /** Gateways acknowledge each change of ownership (rule O2): one that has come to this view's epoch knows each deletion in it. */
  #isForgotten(streamId: number): boolean {
    const { view } = this.#parts.meta;
    if (!view.hasDeleted(streamId)) return false;
    const gateways = view.liveNodes(ServiceKind.MQTT_GATEWAY);
    return gateways.every(({ ownershipEpoch }) => ownershipEpoch >= view.ownershipEpoch);
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
        // Whatever a client may send fits a batch (N13), unless its stream takes less.
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

  /** A stream that MQTT could see is gone. */
  forgetStream(stream: StreamView): void {
    const { streamId } = stream;
    this.tails.forget(streamId, shardCountOf(stream));
    this.epochEnds.forget(streamId);
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
  return new LastWords(() => clock.monotonicMs(), rowCountOf);
}
