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
import type { Cancel, Timers } from '@robustmq/runtime';

/** The stream to one peer. */
export interface RouteStream {
  write(response: MeshResponse): unknown;
}

interface RoutePeer {
  acknowledged: number;
}

interface Waiter {
  readonly sequence: number;
  readonly peers: Set<RouteStream>;
  readonly callback: () => void;
  readonly stopTimer: Cancel;
}

/** SUBACK waits at most this long for the peers (rule S6). */
const MAX_WAIT_MS = 100;

/** Filters with their number of users, and the peers that know them. */
export class MeshRoutes {
  readonly #users = new Map<string, { readonly route: Route; users: number }>();
  readonly #peers = new Map<RouteStream, RoutePeer>();
  readonly #waiters = new Set<Waiter>();
  readonly #timers: Timers;
  #sequence = 0;
  #added: Route[] = [];
  #removed: Route[] = [];
  #scheduled = false;

  constructor(timers: Timers) {
    this.#timers = timers;
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
    this.#change(this.#added, this.#removed, route);
  }

  remove(tenant: string, filter: string): void {
    const name = `${tenant}\0${filter}`;
    const known = this.#users.get(name);
    if (known === undefined || --known.users > 0) return;
    this.#users.delete(name);
    this.#change(this.#removed, this.#added, known.route);
  }

  #change(list: Route[], opposite: Route[], route: Route): void {
    if (this.#peers.size === 0) return;
    const undone = opposite.findIndex(
      (other) => other.tenant === route.tenant && other.filter === route.filter,
    );
    if (undone >= 0) opposite.splice(undone, 1);
    else list.push(route);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#timers.soon(() => this.#send());
  }

  #send(): void {
    this.#scheduled = false;
    if (this.#added.length === 0 && this.#removed.length === 0) return;
    const frame = this.#frame({
      sequence: ++this.#sequence,
      snapshot: false,
      add: this.#added,
      remove: this.#removed,
    });
    this.#added = [];
    this.#removed = [];
    for (const stream of this.#peers.keys()) stream.write(frame);
  }

  #frame(fields: { sequence: number; snapshot: boolean; add: Route[]; remove: Route[] }): MeshResponse {
    return create(MeshResponseSchema, {
      frame: {
        case: 'routes',
        value: create(RouteFrameSchema, { ...fields, sequence: BigInt(fields.sequence) }),
      },
    });
  }

  /** A peer connected: it gets everything. */
  join(stream: RouteStream): void {
    this.#send();
    this.#peers.set(stream, { acknowledged: 0 });
    const add = [...this.#users.values()].map(({ route }) => route);
    stream.write(this.#frame({ sequence: ++this.#sequence, snapshot: true, add, remove: [] }));
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
      if (waiter.sequence > sequence) continue;
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
    const sequence = this.#scheduled ? this.#sequence + 1 : this.#sequence;
    const peers = new Set<RouteStream>();
    for (const [stream, peer] of this.#peers) if (peer.acknowledged < sequence) peers.add(stream);
    if (peers.size === 0) {
      callback();
      return;
    }
    const waiter: Waiter = {
      sequence,
      peers,
      callback,
      stopTimer: this.#timers.after(MAX_WAIT_MS, () => this.#finish(waiter)),
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
