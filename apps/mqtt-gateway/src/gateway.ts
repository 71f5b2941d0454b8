// mqtt-gateway as one object: listeners that stay, and an incarnation that serves until its lease ends (rule F1). A lost
// lease ends everything it covered; then the node registers again as a new incarnation.

import { Authenticator, type AnonymousPolicy, type DeniedLogin } from '@robustmq/access-control';
import { BrokerError } from '@robustmq/errors';
import { REASON } from '@robustmq/mqtt-codec';
import { Incarnations, MetaClient, type ViewChange } from '@robustmq/meta-client';
import { RpcServer, ServiceKind, type Credentials } from '@robustmq/rpc';
import {
  sleep,
  systemClock,
  systemTimers,
  TimerWheel,
  TurnShare,
  type Log,
  type Timers,
} from '@robustmq/runtime';
import { RateLimitedLog, type DebugSwitch, type TraceSampler } from '@robustmq/telemetry';
import type { MqttGatewayConfig } from './config.ts';
import { addGatewayService } from './mesh/mesh.ts';
import type { MeshPeerAddress } from './mesh/mesh-peer.ts';
import { Ownership } from './ownership.ts';
import { newConnectionCounters } from './connection-counters.ts';
import { Boundary } from './boundary.ts';
import { limitsOf, maxFrameBytes, type GatewayLimits } from './limits.ts';
import type { ProcessParts } from './process-parts.ts';
import { Serving } from './serving.ts';
import { Connection } from './session/connection.ts';
import { ConnectRate } from './transport/connect-rate.ts';
import { InputMemory } from './transport/input-memory.ts';
import { OutputFlusher } from './transport/output-flusher.ts';
import type { Transport } from './transport/socket-output.ts';
import { SourceBound } from './transport/source-bound.ts';
import { TcpListener, type ByteSink, type Peer } from './transport/tcp-listener.ts';
import { WsListener, type WsListenerOptions } from './transport/ws-listener.ts';

/** What the process gives its gateway. */
export interface GatewayOptions {
  readonly config: MqttGatewayConfig;
  readonly credentials: Credentials;
  readonly log: Log;
  readonly debug: DebugSwitch;
  readonly version: string;
  readonly opsAddress: string;
  readonly sampler: TraceSampler;
}

/** Where the gateway listens, as host:port. */
export interface GatewayAddresses {
  readonly mqtt: string;
  readonly ws: string | undefined;
  readonly grpc: string;
}

const RETAIN_WARNING_MS = 10_000;
const SERVER_CLOSE_MS = 1_000;
const RELEASE_WAIT_MS = 3_000;
const RELEASE_POLL_MS = 10;
/** Of each turn of the loop, beside what packets take that are whole. */
const FRAME_TURN_MS = 2;

function anonymousPolicyOf(setting: MqttGatewayConfig['auth']['anonymous']): AnonymousPolicy {
  if (typeof setting === 'string') return setting;
  return setting ? 'allowed' : 'refused';
}

/** A running gateway. */
export class Gateway {
  readonly counters = newConnectionCounters();
  readonly meta: MetaClient;
  readonly flusher: OutputFlusher;
  readonly inputMemory: InputMemory;
  /** Where what fails unexpectedly ends. */
  readonly boundary: Boundary;
  readonly #options: GatewayOptions;
  readonly #limits: GatewayLimits;
  readonly #ownership: Ownership;
  readonly #wheel = new TimerWheel();
  readonly #rate: ConnectRate;
  /** Lines that strangers can cause. */
  readonly #strangers: RateLimitedLog;
  readonly #tcp: TcpListener;
  readonly #ws: WsListener | undefined;
  readonly #rpc: RpcServer;
  readonly #parts: ProcessParts;
  #addresses: GatewayAddresses | null = null;
  /** Undefined before it listens. */
  #incarnations: Incarnations<Serving> | undefined;
  #lastRetainWarningMs = -Infinity;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { config, log } = options;
    this.#limits = limitsOf(config);
    this.boundary = new Boundary(log);
    const timers = this.boundary.timers(systemTimers);
    this.flusher = new OutputFlusher({
      clock: systemClock,
      timers,
      failed: (thrown, where) => this.boundary.failed(thrown, where),
    });
    this.inputMemory = new InputMemory(this.#limits.maxInputBytes);
    this.#strangers = new RateLimitedLog(log);
    this.#rate = new ConnectRate(this.#limits.maxConnectsPerSecond);
    this.#ownership = new Ownership(config.journal.cachedTopics);
    this.meta = new MetaClient({
      addresses: config.meta.addresses,
      credentials: options.credentials,
      log,
    });
    this.#parts = {
      config,
      limits: this.#limits,
      clock: systemClock,
      timers,
      boundary: this.boundary,
      wheel: this.#wheel,
      flusher: this.flusher,
      inputMemory: this.inputMemory,
      log,
      debug: options.debug,
      counters: this.counters,
      meta: this.meta,
      ownership: this.#ownership,
      sampler: options.sampler,
      authenticator: new Authenticator({
        anonymous: anonymousPolicyOf(config.auth.anonymous),
        findUser: (tenant, username) => this.meta.view.user(tenant, username),
        nowMs: () => systemClock.monotonicMs(),
        timers: systemTimers,
        onDenied: (login) => this.#logDenied(login),
      }),
      connectionEnded: () => this.counters.open--,
      retainIgnored: (connection, topic) => this.#retainIgnored(connection, topic),
    };
    const accept = (transport: Transport, peer: Peer): ByteSink | null => this.#accept(transport, peer);
    const sources = new SourceBound(this.#limits.maxConnectionsPerAddress, this.#onRefused);
    this.#tcp = new TcpListener(sources, accept);
    this.#ws = config.ws.enabled ? new WsListener(this.#webSockets(sources, timers), accept) : undefined;
    this.#rpc = this.#makeRpcServer();
  }

  #makeRpcServer(): RpcServer {
    const { credentials, log } = this.#options;
    const strangers = new RateLimitedLog(log);
    const rpc = new RpcServer({
      credentials,
      onUnexpected: (err, method) => log.error({ err, method }, 'call failed unexpectedly'),
      onRefused: (err, method) => strangers.warn('call', { err, method }, 'a call was refused'),
    });
    addGatewayService(rpc, {
      boundary: this.boundary,
      mesh: () => this.serving?.mesh ?? null,
      stopSession: (session) => this.serving?.takeovers.stop(session),
      dropSession: (session) => this.serving?.takeovers.drop(session) ?? false,
    });
    return rpc;
  }

  readonly #onRefused = (): void => void this.counters.refused++;

  #webSockets(sources: SourceBound, timers: Timers): WsListenerOptions {
    const { config } = this.#options;
    return {
      paths: config.ws.paths,
      maxFrameBytes: maxFrameBytes(config),
      maxConnections: this.#limits.maxConnections,
      memory: this.inputMemory,
      sources,
      onRefused: this.#onRefused,
      timers,
      turns: new TurnShare(systemClock, timers, FRAME_TURN_MS),
    };
  }

  /** Logins denied since the start, by reason. */
  get deniedLogins(): Readonly<Record<string, number>> {
    return this.#parts.authenticator.denied;
  }

  /** What serves now; null between two incarnations. */
  get serving(): Serving | null {
    return this.#incarnations?.serving ?? null;
  }

  get addresses(): GatewayAddresses {
    if (this.#addresses === null) throw new BrokerError('unavailable', 'the gateway does not listen yet');
    return this.#addresses;
  }

  /** What keeps the gateway from being ready, by name of the problem; null where all is well. */
  readonly checks = {
    lease: (): string | null => (this.serving === null ? 'not held' : null),
    journal: (): string | null =>
      this.serving?.journal.connected === false ? 'no journal-server is connected' : null,
    stream: (): string | null =>
      this.#ownership.hasDefault(this.#options.config.tenant) ? null : 'the built-in stream is missing',
  };

  /** Why the gateway is not ready; null when it is. */
  get problem(): string | null {
    const { lease, journal, stream } = this.checks;
    return lease() ?? journal() ?? stream();
  }

  /** Listens, waits for the cluster's view and registers. @throws BrokerError when a port is taken or meta is away. */
  async start(): Promise<void> {
    const { config } = this.#options;
    this.#wheel.start();
    this.meta.view.onChange((changes) => this.boundary.run('view', () => this.#changed(changes)));
    await this.meta.ready();
    const grpcPort = await this.#rpc.listen(config.grpc.host, config.grpc.port, 'grpc.port');
    const mqttPort = await this.#tcp.listen({ ...config.mqtt, optionName: 'mqtt.port' });
    const wsPort = await this.#ws?.listen({ ...config.ws, optionName: 'ws.port' });
    const advertised = config.grpc.advertised;
    this.#addresses = {
      mqtt: `${config.mqtt.host}:${mqttPort}`,
      ws: wsPort === undefined ? undefined : `${config.ws.host}:${wsPort}`,
      grpc: advertised === '' ? `${config.grpc.host}:${grpcPort}` : advertised,
    };
    this.#incarnations = this.#makeIncarnations();
    await this.#incarnations.start();
  }

  #makeIncarnations(): Incarnations<Serving> {
    const { config, version, opsAddress, log } = this.#options;
    const { mqtt, ws, grpc } = this.addresses;
    return new Incarnations({
      meta: this.meta,
      description: {
        nodeId: config.node.id,
        kind: ServiceKind.MQTT_GATEWAY,
        directoryId: '',
        endpoints: { mqtt, grpc, ops: opsAddress, ...(ws === undefined ? {} : { ws }) },
        zone: config.node.zone,
        version,
      },
      log,
      timers: systemTimers,
      begin: (registration) => {
        const serving = new Serving(this.#parts, registration);
        this.#followMesh(serving);
        return serving;
      },
      // What the lease covered stops at once; clients come back to the next incarnation or another gateway.
      end: (serving) => {
        // Nothing is appended or delivered any more, however many there are to be told.
        serving.close();
        void serving.disconnectAll(REASON.serverShuttingDown);
      },
      // This gateway listens to the view from before, so that its routing has switched by then (rule O2).
      acknowledgesOwnership: true,
    });
  }

  // --- connections ---

  #accept(transport: Transport, peer: Peer): ByteSink | null {
    const { counters } = this;
    const { serving } = this;
    const isRefused =
      serving === null ||
      counters.open >= this.#limits.maxConnections ||
      !this.#rate.take(systemClock.monotonicMs());
    if (isRefused) {
      counters.refused++;
      return null;
    }
    counters.accepted++;
    counters.open++;
    return new Connection(serving.host, transport, peer);
  }

  /** Operators see who is kept out and why; a flood of guesses is a few lines (N14). */
  #logDenied({ tenant, username, address, reason }: DeniedLogin): void {
    this.#strangers.warn(`login ${reason}`, { tenant, username, address, reason }, 'login denied');
  }

  #retainIgnored(connection: { readonly clientId: string }, topic: string): void {
    this.counters.retainIgnored++;
    const nowMs = systemClock.monotonicMs();
    if (nowMs - this.#lastRetainWarningMs < RETAIN_WARNING_MS) return;
    this.#lastRetainWarningMs = nowMs;
    this.#options.log.warn(
      { client_id: connection.clientId, topic, count: this.counters.retainIgnored },
      'retained messages are not stored yet: the message was delivered only',
    );
  }

  // --- the cluster's view ---

  #changed(changes: readonly ViewChange[]): void {
    let isMeshChanged = false;
    for (const change of changes) {
      if (change.kind === 'stream') this.#ownership.put(change.stream);
      else if (change.kind === 'streamDeleted') {
        const wasVisible = this.#ownership.delete(change.stream.streamId);
        if (wasVisible) this.serving?.forgetStream(change.stream);
      } else if (change.kind === 'node' || change.kind === 'nodeDeleted') {
        isMeshChanged ||= change.node.kind === ServiceKind.MQTT_GATEWAY;
      }
    }
    const { serving } = this;
    if (isMeshChanged && serving !== null) this.#followMesh(serving);
  }

  #followMesh(serving: Serving): void {
    const peers: MeshPeerAddress[] = [];
    for (const node of this.meta.view.liveNodes(ServiceKind.MQTT_GATEWAY)) {
      const address = node.endpoints['grpc'];
      if (node.nodeId === serving.registration.identity.nodeId || address === undefined) continue;
      peers.push({ nodeId: node.nodeId, incarnation: node.incarnation, address });
    }
    serving.mesh.follow(peers);
  }

  // --- the end ---

  /** Refuses new clients, tells the connected to go elsewhere, releases their sessions and the lease. */
  async stop(): Promise<void> {
    this.#tcp.stop();
    this.#ws?.stop();
    const { serving } = this;
    if (serving !== null) {
      serving.isDraining = true;
      await serving.disconnectAll(REASON.serverShuttingDown);
      this.flusher.flush();
      for (
        let waitedMs = 0;
        serving.store.pending > 0 && waitedMs < RELEASE_WAIT_MS;
        waitedMs += RELEASE_POLL_MS
      ) {
        await sleep(RELEASE_POLL_MS, undefined, this.#parts.timers);
      }
    }
    await this.#incarnations?.close();
    serving?.close();
    await this.#rpc.close(SERVER_CLOSE_MS);
    this.meta.close();
    this.#wheel.stop();
  }
}
