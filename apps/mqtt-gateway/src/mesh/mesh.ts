// All peers of the mesh, following the cluster's view, and the gRPC service that they call.

import { create } from '@bufbuild/protobuf';
import type { MqttFacts, UserProperty } from '@robustmq/record-batch';
import {
  GatewayService,
  SessionHandoverSchema,
  type Connect,
  type Credentials,
  type EndSessionsRequest,
  type MeshRequest,
  type NodeIdentity,
  type PublishFrame,
  type ServiceHost,
  type TakeOverRequest,
} from '@robustmq/rpc';
import type { Clock, Timers } from '@robustmq/runtime';
import type { Boundary } from '../boundary.ts';
import type { Deliverer } from '../delivery/deliverer.ts';
import { newWalkCounters } from '../delivery/batch-walk.ts';
import type { Message } from '../delivery/message.ts';
import type { TopicRoutes } from '../delivery/topic-route.ts';
import type { MeshPort } from '../publish/mesh-port.ts';
import { placesMessage, rowCountOf } from '../store/session-rows.ts';
import type { OldSession, Stopped } from '../session/takeovers.ts';
import { MeshIntake } from './mesh-intake.ts';
import { MeshPeer, type MeshCounters, type MeshPeerAddress } from './mesh-peer.ts';
import { MeshRoutes } from './mesh-routes.ts';

/** What the mesh needs around it. */
export interface MeshHost {
  readonly identity: Pick<NodeIdentity, 'nodeId' | 'incarnation' | 'directoryId'>;
  readonly credentials: Credentials;
  /** How peers are called; default gRPC. */
  readonly connect?: Connect;
  routesOf(tenant: string): TopicRoutes;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly boundary: Pick<Boundary, 'run' | 'failed'>;
}

/** The mesh of this incarnation. */
export class Mesh implements MeshPort {
  readonly counters: MeshCounters = { sent: 0, received: 0, framesSent: 0, lost: 0 };
  readonly routes: MeshRoutes;
  readonly #host: MeshHost;
  readonly #peers = new Map<string, MeshPeer>();
  /** What the records received turned out to be. */
  readonly walked = newWalkCounters();
  readonly #intake: MeshIntake;

  constructor(host: MeshHost, deliverer: Deliverer) {
    this.#host = host;
    this.routes = new MeshRoutes(host);
    const { clock, timers } = host;
    const routesOf = (tenant: string): TopicRoutes => host.routesOf(tenant);
    this.#intake = new MeshIntake(
      { clock, timers, routesOf, counters: this.counters },
      deliverer,
      this.walked,
    );
  }

  get hasPeers(): boolean {
    return this.#peers.size > 0;
  }

  /** Brings the peers in line with the live gateways. */
  follow(live: readonly MeshPeerAddress[]): void {
    const wanted = new Map(live.map((peer) => [peer.nodeId, peer]));
    for (const [nodeId, peer] of this.#peers) {
      const other = wanted.get(nodeId);
      if (other?.incarnation === peer.incarnation && other.address === peer.address) continue;
      this.#peers.delete(nodeId);
      peer.close();
    }
    for (const peer of wanted.values()) {
      if (this.#peers.has(peer.nodeId)) continue;
      this.#peers.set(peer.nodeId, new MeshPeer(peer, this.#host, this.counters));
    }
  }

  /** The other gateways that live. */
  peers(): { readonly nodeId: string; readonly incarnation: bigint }[] {
    return Array.from(this.#peers.values(), ({ nodeId, incarnation }) => ({
      nodeId,
      incarnation: BigInt(incarnation),
    }));
  }

  /** Asks a gateway once to stop a session; null when there is no answer. */
  stopElsewhere(nodeId: string, session: OldSession): Promise<Stopped | null> {
    return this.#peers.get(nodeId)?.stops.ask(session) ?? Promise.resolve(null);
  }

  publish(
    tenant: string,
    message: Message,
    facts: MqttFacts,
    userProperties: readonly UserProperty[] | null,
    nowMs: number,
  ): void {
    for (const peer of this.#peers.values()) peer.publish(tenant, message, facts, userProperties, nowMs);
  }

  /** As {@link MeshIntake.receive}. */
  receive(frame: PublishFrame): void {
    this.#intake.receive(frame);
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
    this.routes.close();
    this.#intake.close();
  }
}

/** The part of a gateway that others call; it may change its incarnation under the server. */
export interface GatewayServiceHost {
  readonly boundary: Pick<Boundary, 'run'>;
  /** Null while this gateway serves nothing. */
  mesh(): Mesh | null;
  /** Stops serving a session; undefined while this gateway serves nothing. */
  stopSession(session: OldSession): Stopped | undefined;
  /** Ends the connection of a session that an operator dropped; false when there is none. */
  dropSession(session: OldSession): boolean;
}

/** What is known of sessions, in one answer: who is left out is asked for again (N8, N13). One session is never split. */
const MAX_ANSWER_ROWS = 1024;
const NOT_YET: Stopped = { hasStopped: false, places: undefined };

/** Stops sessions in order, as many as one answer has room for. */
function stopAll(
  sessions: readonly OldSession[],
  host: Pick<GatewayServiceHost, 'stopSession'>,
): (Stopped | undefined)[] {
  let rows = 0;
  return sessions.map((session) => {
    if (rows >= MAX_ANSWER_ROWS) return NOT_YET;
    const answer = host.stopSession(session);
    if (answer?.places !== undefined) rows += rowCountOf(answer.places);
    return answer;
  });
}

/** Adds GatewayService to the server. */
export function addGatewayService(server: ServiceHost, host: GatewayServiceHost): void {
  server.add(GatewayService, {
    mesh(stream) {
      let mesh: Mesh | null = null;
      const leave = (): void => mesh?.routes.leave(stream);
      const receive = ({ frame }: MeshRequest): void => {
        if (frame.case === 'hello') {
          mesh = host.mesh();
          if (mesh === null) stream.end();
          else mesh.routes.join(stream);
        } else if (frame.case === 'publish' && mesh !== null && mesh === host.mesh()) {
          mesh.routes.acknowledged(stream, Number(frame.value.acknowledgedSequence));
          mesh.receive(frame.value);
        }
      };
      stream.on('data', (request: MeshRequest) => host.boundary.run('mesh', () => receive(request)));
      stream.on('cancelled', leave);
      stream.on('error', leave);
      stream.on('end', () => {
        leave();
        stream.end();
      });
    },
    endSessions({ sessions }: EndSessionsRequest) {
      return { ended: sessions.map((session) => host.dropSession(session)) };
    },
    takeOver({ sessions }: TakeOverRequest) {
      const answers = stopAll(sessions, host);
      return {
        stopped: answers.map((answer) => answer?.hasStopped ?? true),
        handovers: answers.map((answer) =>
          create(SessionHandoverSchema, {
            ...(answer?.places && { places: placesMessage(answer.places) }),
          }),
        ),
      };
    },
  });
}
