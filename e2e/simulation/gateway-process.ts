// mqtt-gateway as a process of a simulated world: one incarnation of the production gateway after the other, with the
// connections of simulated clients instead of sockets.

import { Authenticator } from '@robustmq/access-control';
import { Incarnations, MetaClient } from '@robustmq/meta-client';
import { REASON } from '@robustmq/mqtt-codec';
import { ServiceKind, type Connect } from '@robustmq/rpc';
import { TimerWheel, type Log } from '@robustmq/runtime';
import { TraceSampler } from '@robustmq/telemetry';
import type { ConnectionEnd, Life } from '@robustmq/testkit';
import { Boundary } from '../../apps/mqtt-gateway/src/boundary.ts';
import { mqttGatewayConfig } from '../../apps/mqtt-gateway/src/config.ts';
import { newConnectionCounters } from '../../apps/mqtt-gateway/src/connection-counters.ts';
import { limitsOf } from '../../apps/mqtt-gateway/src/limits.ts';
import { addGatewayService } from '../../apps/mqtt-gateway/src/mesh/mesh.ts';
import { Ownership } from '../../apps/mqtt-gateway/src/ownership.ts';
import type { ProcessParts } from '../../apps/mqtt-gateway/src/process-parts.ts';
import { Serving } from '../../apps/mqtt-gateway/src/serving.ts';
import { Connection } from '../../apps/mqtt-gateway/src/session/connection.ts';
import { InputMemory } from '../../apps/mqtt-gateway/src/transport/input-memory.ts';
import { OutputFlusher } from '../../apps/mqtt-gateway/src/transport/output-flusher.ts';
import { credentialsOf, META } from './settings.ts';
import { connectOver, SimulatedServices, type CallOpening } from './simulated-rpc.ts';
import { WorkingClock } from './working-clock.ts';
import { serveSocket, SOCKET, type SocketBytes } from './simulated-socket.ts';

const { values: CONFIG } = mqttGatewayConfig.load({
  argv: [
    '--auth.anonymous=true',
    '--journal.appendTimeout=3000',
    '--session.cursorCommitInterval=300',
    // Connections break here as if messages were what makes clients go; nothing may be skipped for that.
    '--session.maxDepartures=1000',
  ],
  environment: {},
});

/** What a gateway stands on. */
export interface GatewaySurroundings {
  readonly log: Log;
  readonly found: (error: unknown) => void;
  /** Sees each incarnation that serves. */
  readonly opened: (serving: Serving) => void;
}

/** Starts one life. */
export async function startGateway(life: Life, around: GatewaySurroundings): Promise<void> {
  await new GatewayProcess(life, around).start();
}

/** One life of a gateway: what `Gateway` is without its sockets. */
class GatewayProcess {
  readonly #life: Life;
  readonly #around: GatewaySurroundings;
  readonly #parts: ProcessParts;
  readonly #meta: MetaClient;
  readonly #incarnations: Incarnations<Serving>;

  constructor(life: Life, around: GatewaySurroundings) {
    this.#life = life;
    this.#around = around;
    const connect = connectOver(life);
    const { clock } = life;
    this.#meta = new MetaClient({
      addresses: [META],
      credentials: credentialsOf(ServiceKind.MQTT_GATEWAY),
      log: around.log,
      clock,
      timers: clock,
      random: () => life.random.fraction(),
      connect,
    });
    this.#parts = partsOf(life, around.log, this.#meta, connect);
    this.#incarnations = this.#makeIncarnations();
  }

  async start(): Promise<void> {
    this.#meta.view.onChange((changes) => {
      const { ownership } = this.#parts;
      for (const change of changes) {
        if (change.kind === 'stream') ownership.put(change.stream);
        else if (change.kind === 'streamDeleted') {
          const wasVisible = ownership.delete(change.stream.streamId);
          if (wasVisible) this.#incarnations.serving?.forgetStream(change.stream);
        }
      }
      this.#followMesh(this.#incarnations.serving);
    });
    this.#serve();
    this.#parts.wheel.start();
    await this.#meta.ready();
    await this.#incarnations.start();
  }

  #makeIncarnations(): Incarnations<Serving> {
    const { name, clock } = this.#life;
    return new Incarnations<Serving>({
      meta: this.#meta,
      description: {
        nodeId: name,
        kind: ServiceKind.MQTT_GATEWAY,
        directoryId: '',
        endpoints: { grpc: name, mqtt: name },
      },
      log: this.#around.log,
      timers: clock,
      begin: (registration) => {
        const serving = new Serving(this.#parts, registration);
        this.#followMesh(serving);
        this.#around.opened(serving);
        return serving;
      },
      end: (serving) => {
        void serving.disconnectAll(REASON.serverShuttingDown);
        serving.close();
      },
      acknowledgesOwnership: true,
    });
  }

  #followMesh(serving: Serving | undefined): void {
    const gateways = this.#meta.view.liveNodes(ServiceKind.MQTT_GATEWAY);
    const peers = gateways.map(({ nodeId, incarnation }) => ({ nodeId, incarnation, address: nodeId }));
    serving?.mesh.follow(peers.filter(({ nodeId }) => nodeId !== this.#life.name));
  }

  #serve(): void {
    const credentials = credentialsOf(ServiceKind.MQTT_GATEWAY);
    const services = new SimulatedServices(this.#life, credentials, this.#around.found);
    addGatewayService(services, {
      boundary: this.#parts.boundary,
      mesh: () => this.#incarnations.serving?.mesh ?? null,
      dropSession: (session) => this.#incarnations.serving?.takeovers.drop(session) ?? false,
      stopSession: (session) => this.#incarnations.serving?.takeovers.stop(session),
    });
    this.#life.serve((end) =>
      end.listen({
        onFrame: (frame) => {
          if (frame === SOCKET) this.#accept(end);
          else services.serve(end, frame as CallOpening);
        },
        onOver: () => undefined,
      }),
    );
  }

  #accept(end: ConnectionEnd<SocketBytes, SocketBytes>): void {
    const { serving } = this.#incarnations;
    if (serving === undefined) {
      end.cancel();
      return;
    }
    this.#parts.counters.open++;
    serveSocket(
      end,
      this.#life.clock,
      (transport) =>
        new Connection(serving.host, transport, { address: '127.0.0.1', port: 1, listener: 'mqtt' }),
    );
  }
}

function partsOf(life: Life, log: Log, meta: MetaClient, connect: Connect): ProcessParts {
  const clock = new WorkingClock(life.clock, life.random);
  const counters = newConnectionCounters();
  const boundary = new Boundary(log);
  const timers = boundary.timers(life.clock);
  return {
    config: CONFIG,
    limits: limitsOf(CONFIG),
    clock,
    timers,
    boundary,
    wheel: new TimerWheel({ clock, timers: life.clock }),
    inputMemory: new InputMemory(limitsOf(CONFIG).maxInputBytes),
    flusher: new OutputFlusher({ clock, timers, failed: (thrown, where) => boundary.failed(thrown, where) }),
    log,
    debug: { isOn: false },
    counters,
    meta,
    ownership: new Ownership(CONFIG.journal.cachedTopics),
    connect,
    sampler: new TraceSampler({ tracer: null, ratio: 0 }),
    authenticator: new Authenticator({
      anonymous: 'allowed',
      findUser: () => undefined,
      nowMs: () => clock.monotonicMs(),
      timers: life.clock,
    }),
    connectionEnded: () => counters.open--,
    retainIgnored: () => undefined,
  };
}
