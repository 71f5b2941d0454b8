// The routes of this gateway, as it tells them to the others: a snapshot when a peer connects, deltas afterwards, and who
// has acknowledged which sequence (rule S6).

import { create } from '@bufbuild/protobuf';
import {
  MeshResponseSchema,
  RouteFrameSchema,
  RouteSchema,
  type MeshResponse,
  type Route,
} from '@robustmq/rpc';
import { eachInTurns, type Cancel, type Turns } from '@robustmq/runtime';

/** The stream to one peer. */
export interface RouteStream {
  write(response: MeshResponse): unknown;
}

interface RoutePeer {
  /** Sequence of what it was told last: what another one gets when it connects is none of it. */
  told: number;
  acknowledged: number;
}

interface Waiter {
  /** What each of them has to acknowledge. */
  readonly peers: Map<RouteStream, number>;
  readonly callback: () => void;
  readonly stopTimer: Cancel;
}

/** Sequence of what leaves at the end of the turn. */
const UNSENT = Infinity;
/** Of one frame: with a filter of 64 KiB on top it stays far below what one message may have. */
const MAX_PART_BYTES = 256 * 1024;
/** What a route costs beside its filter. */
const ROUTE_BYTES = 64;
/** SUBACK waits at most this long for the peers (rule S6). */
const MAX_WAIT_MS = 100;

/** Filters with their number of users, and the peers that know them. */
export class MeshRoutes {
  readonly #users = new Map<string, { readonly route: Route; users: number }>();
  readonly #peers = new Map<RouteStream, RoutePeer>();
  readonly #waiters = new Set<Waiter>();
  readonly #turns: Turns;
  #sequence = 0;
  readonly #added = new Map<string, Route>();
  readonly #removed = new Map<string, Route>();
  #scheduled = false;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  get peerCount(): number {
    return this.#peers.size;
  }

  add(tenant: string, filter: string): void {
    const name = `${tenant}\0${filter}`;
    const known = this.#users.get(name);
    if (known !== undefined) {
      known.users++;
      return;
    }
    const route = create(RouteSchema, { tenant, filter });
    this.#users.set(name, { route, users: 1 });
    this.#change(this.#added, this.#removed, name, route);
  }

  remove(tenant: string, filter: string): void {
    const name = `${tenant}\0${filter}`;
    const known = this.#users.get(name);
    if (known === undefined || --known.users > 0) return;
    this.#users.delete(name);
    this.#change(this.#removed, this.#added, name, known.route);
  }

  #change(list: Map<string, Route>, opposite: Map<string, Route>, name: string, route: Route): void {
    if (this.#peers.size === 0) return;
    if (!opposite.delete(name)) list.set(name, route);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#turns.timers.soon(() => this.#send());
  }

  #send(): void {
    this.#scheduled = false;
    for (const part of partsOf(this.#removed.values())) this.#tell([], part);
    for (const part of partsOf(this.#added.values())) this.#tell(part, []);
    this.#removed.clear();
    this.#added.clear();
    for (const waiter of this.#waiters) this.#sent(waiter);
  }

  #sent(waiter: Waiter): void {
    for (const [stream, sequence] of waiter.peers) {
      if (sequence !== UNSENT) continue;
      const peer = this.#peers.get(stream);
      if (peer === undefined || peer.acknowledged >= peer.told) waiter.peers.delete(stream);
      else waiter.peers.set(stream, peer.told);
    }
    if (waiter.peers.size === 0) this.#finish(waiter);
  }

  #tell(add: Route[], remove: Route[]): void {
    const frame = this.#frame({ sequence: ++this.#sequence, snapshot: false, add, remove });
    for (const [stream, peer] of this.#peers) {
      peer.told = this.#sequence;
      stream.write(frame);
    }
  }

  #frame(fields: { sequence: number; snapshot: boolean; add: Route[]; remove: Route[] }): MeshResponse {
    return create(MeshResponseSchema, {
      frame: {
        case: 'routes',
        value: create(RouteFrameSchema, { ...fields, sequence: BigInt(fields.sequence) }),
      },
    });
  }

  /** A peer connected: it gets everything, in parts that are bounded, a few per turn (N8, N13). */
  join(stream: RouteStream): void {
    this.#send();
    const peer: RoutePeer = { told: 0, acknowledged: 0 };
    this.#peers.set(stream, peer);
    let snapshot = true;
    const write = (add: Route[]): void => {
      if (!this.#peers.has(stream)) return;
      peer.told = ++this.#sequence;
      stream.write(this.#frame({ sequence: peer.told, snapshot, add, remove: [] }));
      snapshot = false;
    };
    eachInTurns(partsOf(routesOf(this.#users.values())), this.#turns, write, () => {
      if (snapshot) write([]);
    });
  }

  leave(stream: RouteStream): void {
    this.#peers.delete(stream);
    for (const waiter of this.#waiters) {
      waiter.peers.delete(stream);
      if (waiter.peers.size === 0) this.#finish(waiter);
    }
  }

  acknowledged(stream: RouteStream, sequence: number): void {
    const peer = this.#peers.get(stream);
    if (peer === undefined || sequence <= peer.acknowledged) return;
    peer.acknowledged = sequence;
    for (const waiter of this.#waiters) {
      if ((waiter.peers.get(stream) ?? UNSENT) > sequence) continue;
      waiter.peers.delete(stream);
      if (waiter.peers.size === 0) this.#finish(waiter);
    }
  }

  /** Calls back when all peers have what was added before, or the time is up. */
  whenKnown(callback: () => void): void {
    if (this.#peers.size === 0) {
      callback();
      return;
    }
    const peers = new Map<RouteStream, number>();
    for (const [stream, { told, acknowledged }] of this.#peers)
      if (this.#scheduled || acknowledged < told) peers.set(stream, this.#scheduled ? UNSENT : told);
    if (peers.size === 0) {
      callback();
      return;
    }
    const waiter: Waiter = {
      peers,
      callback,
      stopTimer: this.#turns.timers.after(MAX_WAIT_MS, () => this.#finish(waiter)),
    };
    this.#waiters.add(waiter);
  }

  #finish(waiter: Waiter): void {
    if (!this.#waiters.delete(waiter)) return;
    waiter.stopTimer();
    waiter.callback();
  }

  close(): void {
    for (const waiter of this.#waiters) waiter.stopTimer();
    this.#waiters.clear();
    this.#peers.clear();
  }
}

function* routesOf(users: Iterable<{ readonly route: Route }>): Generator<Route> {
  for (const { route } of users) yield route;
}

/** Parts that are bounded in bytes, whatever their filters are. */
function* partsOf(routes: Iterable<Route>): Generator<Route[]> {
  let part: Route[] = [];
  let bytes = 0;
  for (const route of routes) {
    part.push(route);
    bytes += ROUTE_BYTES + 3 * route.filter.length;
    if (bytes < MAX_PART_BYTES) continue;
    yield part;
    part = [];
    bytes = 0;
  }
  if (part.length > 0) yield part;
}
