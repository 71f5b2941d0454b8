// Those who serve clients, made once per incarnation with the three or four ports that each needs, and what connections get
// of them.

import { TopicCache } from '@robustmq/mqtt-codec';
import type { LastWords } from '@robustmq/mqtt-session';
import { TurnShare } from '@robustmq/runtime';
import type { RateLimitedLog } from '@robustmq/telemetry';
import type { Confirmations } from './delivery/confirmations.ts';
import type { CatchUp } from './delivery/catch-up.ts';
import type { EpochEnds } from './delivery/epoch-ends.ts';
import type { FilterRegistry } from './delivery/filter-registry.ts';
import type { TailDelivery } from './delivery/tail-delivery.ts';
import type { MeshRoutes } from './mesh/mesh-routes.ts';
import type { ProcessParts } from './process-parts.ts';
import type { Publisher } from './publish/publisher.ts';
import { ConnectFlow } from './session/connect-flow.ts';
import type { ConnectionHost } from './session/connection-host.ts';
import type { FilterRoutes } from './session/filter-routes.ts';
import { FILTER_TURN_MS } from './session/in-filter-turns.ts';
import { ReadTurns } from './session/read-turns.ts';
import type { SessionDirectory } from './session/session-directory.ts';
import { SessionEnding } from './session/session-end.ts';
import { SubscribeFlow } from './session/subscribe-flow.ts';
import type { Takeovers } from './session/takeovers.ts';
import type { StoredPlaces } from './store/session-rows.ts';
import type { SessionStore } from './store/session-store.ts';

/** The parts of an incarnation that clients are served with. */
export interface ServingParts {
  readonly directory: SessionDirectory;
  readonly store: SessionStore;
  readonly registry: FilterRegistry;
  readonly tails: TailDelivery;
  readonly catchUp: CatchUp;
  readonly confirmations: Confirmations;
  readonly epochEnds: EpochEnds;
  readonly publisher: Publisher;
  readonly takeovers: Takeovers;
  readonly meshRoutes: MeshRoutes;
  readonly lastWords: LastWords<StoredPlaces>;
  /** Lines that clients can cause (N14). */
  readonly strangers: RateLimitedLog;
  /** Null while sessions may be served; else the Reason Code to refuse CONNECT with. */
  refusal(): number | null;
}

/** What the connections of one incarnation share. */
export function connectionHost(parts: ProcessParts, serving: ServingParts): ConnectionHost {
  const { clock, timers, wheel, flusher, inputMemory, limits, counters, log, debug, boundary } = parts;
  const { directory, store, registry, tails, publisher, lastWords, strangers } = serving;
  const routes = filterRoutes(parts, serving);
  const revision = (): number => parts.meta.view.ownershipEpoch;
  return {
    clock,
    timers,
    wheel,
    reading: new ReadTurns(clock, timers),
    flusher,
    inputMemory,
    topics: new TopicCache(),
    limits,
    counters,
    log,
    debug,
    boundary,
    defaultTenant: parts.config.tenant,
    directory,
    publisher,
    connects: connectFlow(parts, serving, routes),
    subscriptions: new SubscribeFlow({
      registry,
      store,
      routes,
      tails,
      timers,
      share: new TurnShare(clock, timers, FILTER_TURN_MS),
      resumeTimeoutMs: parts.config.journal.filterTimeout,
      log: strangers,
      debug,
      revision,
    }),
    endings: new SessionEnding({ clock, timers, store, directory, routes, lastWords, log: strangers }),
    connectionEnded: () => parts.connectionEnded(),
  };
}

function connectFlow(parts: ProcessParts, serving: ServingParts, routes: FilterRoutes): ConnectFlow {
  const { clock, timers, authenticator, counters, debug, limits, ownership } = parts;
  const { directory, store, registry, tails, catchUp, takeovers, lastWords, strangers } = serving;
  const { confirmations, epochEnds } = serving;
  return new ConnectFlow({
    clock,
    authenticator,
    directory,
    store,
    lastWords,
    counters,
    log: strangers,
    debug,
    surroundings: {
      catchUp,
      confirmations,
      slowOutputBytes: limits.slowOutputBytes,
      streamRevision: (streamId) => ownership.epochOf(streamId),
      epochEnds,
      placesReset: ({ clientId }, { streamId, shard, leaderEpoch }) => {
        counters.resetPlaces++;
        const line = { client_id: clientId, stream_id: streamId, shard, leader_epoch: leaderEpoch };
        strangers.warn(
          'reset',
          line,
          'a session stood beyond the end of its leader epoch, and is reset to it',
        );
      },
    },
    resume: {
      clock,
      timers,
      registry,
      routes,
      tails,
      catchUp,
      shardsOf: (tenant, filter) => ownership.shardsOf(tenant, filter),
      isDeleted: (streamId) => parts.meta.view.hasDeleted(streamId),
      maxDepartures: parts.config.session.maxDepartures,
      skipped: ({ clientId }, { place, offset, departures }) => {
        counters.skippedMessages++;
        const { streamId, shard } = place;
        const line = { client_id: clientId, stream_id: streamId, shard, offset, departures };
        // Whoever may publish to the client can cause the line (N14).
        strangers.warn('skipped', line, 'a message is skipped: its client left after each delivery');
      },
    },
    refusal: () => serving.refusal(),
    stopElsewhere: (owner, session, successor) => takeovers.take(owner, session, successor),
  });
}

function filterRoutes({ ownership }: ProcessParts, { meshRoutes }: ServingParts): FilterRoutes {
  return {
    routesOf: (tenant) => ownership.routesOf(tenant),
    addMeshFilter: (tenant, filter) => meshRoutes.add(tenant, filter),
    removeMeshFilter: (tenant, filter) => meshRoutes.remove(tenant, filter),
    meshReady: (callback) => meshRoutes.whenKnown(callback),
  };
}
