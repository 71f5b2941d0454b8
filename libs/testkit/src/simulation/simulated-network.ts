// A network between named processes: connections that deliver frames in order after a random time, and end when a process
// dies, a link is cut or chance says so. What was under way when one ends never arrives, and each end learns of it by
// itself, at a time of its own: as with TCP, a peer that is gone may stay unnoticed for a while.

import { BrokerError } from '@robustmq/errors';
import type { Random } from './random.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** How the network behaves; may be changed while it runs. */
export interface NetworkBehaviour {
  /** Longest time of a frame on its way; each takes a random time up to it. */
  delayMs: number;
  /** Longest time until an end learns that its connection is gone. */
  noticeMs: number;
  /** Probability that a frame breaks its connection instead of arriving. */
  breakRate: number;
}

/** What an end of a connection hears; the shape of `LinkListener` in libs/rpc. */
export interface EndListener<Received> {
  onFrame(frame: Received): void;
  onOver(error: BrokerError | undefined): void;
}

/** One end of a connection; the shape of `Link` in libs/rpc. */
export interface ConnectionEnd<Sent, Received> {
  listen(listener: EndListener<Received>): void;
  send(frame: Sent, taken?: () => void): void;
  end(): void;
  cancel(error?: BrokerError): void;
}

/** Serves one connection that came to an address. */
export type Acceptor = (end: ConnectionEnd<unknown, unknown>, from: string) => void;

/** All connections of a world. */
export class SimulatedNetwork {
  readonly behaviour: NetworkBehaviour = { delayMs: 5, noticeMs: 50, breakRate: 0 };
  readonly standstillMs: (process: string) => number;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #acceptors = new Map<string, Acceptor>();
  readonly #connections = new Set<Connection>();
  /** `from>to` pairs over which nothing passes: a cut may be one way. */
  readonly #cuts = new Set<string>();

  /** @param standstillMs how long a process does not run yet; what comes to it waits */
  constructor(clock: VirtualClock, random: Random, standstillMs: (process: string) => number = () => 0) {
    this.#clock = clock;
    this.#random = random;
    this.standstillMs = standstillMs;
  }

  /** A process serves connections under its name. */
  serve(process: string, acceptor: Acceptor): void {
    this.#acceptors.set(process, acceptor);
  }

  /** Connects two processes. Nobody there, or a cut between them: the connection ends before anything came. */
  connect<Sent, Received>(from: string, to: string): ConnectionEnd<Sent, Received> {
    const connection: Connection = new Connection(
      { network: this, from, to, clock: this.#clock, random: this.#random },
      () => this.#connections.delete(connection),
    );
    this.#connections.add(connection);
    const reached = (): void => {
      if (connection.isOver) return;
      const leftMs = this.standstillMs(to);
      if (leftMs > 0) {
        this.#clock.schedule(leftMs, reached);
        return;
      }
      const acceptor = this.#acceptors.get(to);
      if (acceptor === undefined || !this.passes(from, to)) connection.break();
      else connection.accept(() => acceptor(connection.called, from));
    };
    this.#clock.schedule(this.delayMs(), reached);
    return connection.caller;
  }

  /** A process is gone: it hears nothing any more, its peers learn of it. */
  crash(process: string): void {
    this.#acceptors.delete(process);
    for (const connection of [...this.#connections]) connection.processGone(process);
  }

  /** Nothing passes from one to the other until {@link heal}; connections stay, silent that way. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cuts.clear();
  }

  passes(from: string, to: string): boolean {
    return !this.#cuts.has(`${from}>${to}`);
  }

  /** Time that a frame takes. */
  delayMs(): number {
    return this.#random.fraction() * this.behaviour.delayMs;
  }

  /** Connections that at least one end believes in. */
  get open(): number {
    return this.#connections.size;
  }
}

interface ConnectionPlace {
  readonly network: SimulatedNetwork;
  readonly from: string;
  readonly to: string;
  readonly clock: VirtualClock;
  readonly random: Random;
}

/** Both ends of a connection and what is under way between them. */
class Connection {
  readonly caller: End;
  readonly called: End;
  readonly #place: ConnectionPlace;
  readonly #onOver: () => void;
  #accepted = false;

  constructor(place: ConnectionPlace, onOver: () => void) {
    this.#place = place;
    this.#onOver = onOver;
    this.caller = new End(place.from, place.to, this, place);
    this.called = new End(place.to, place.from, this, place);
  }

  get isOver(): boolean {
    return this.caller.isOver && this.called.isOver;
  }

  get accepted(): boolean {
    return this.#accepted;
  }

  accept(serve: () => void): void {
    this.#accepted = true;
    serve();
    this.caller.release();
  }

  peerOf(end: End): End {
    return end === this.caller ? this.called : this.caller;
  }

  /** The connection is gone for both, each of whom learns of it in its own time. */
  break(error = new BrokerError('unavailable', 'the connection broke')): void {
    for (const end of [this.caller, this.called]) {
      end.cutOff();
      const noticed = (): void => {
        const leftMs = this.#place.network.standstillMs(end.process);
        if (leftMs > 0) this.#place.clock.schedule(leftMs, noticed);
        else end.over(error);
      };
      this.#place.clock.schedule(
        this.#place.random.fraction() * this.#place.network.behaviour.noticeMs,
        noticed,
      );
    }
  }

  processGone(process: string): void {
    for (const end of [this.caller, this.called]) if (end.process === process) end.die();
    if (this.caller.process === process || this.called.process === process) this.break();
  }

  ended(): void {
    if (this.isOver) this.#onOver();
  }
}

class End implements ConnectionEnd<unknown, unknown> {
  readonly process: string;
  readonly #peerProcess: string;
  readonly #connection: Connection;
  readonly #place: ConnectionPlace;
  #listener: EndListener<unknown> | undefined;
  /** Frames sent before the peer was there. */
  #held: (() => void)[] = [];
  /** Frames of this end arrive not before this time: order is kept. */
  #lastArrivalMs = 0;
  /** On their way, in order: whichever pause of the peer they wait for, none overtakes another. */
  readonly #underWay: ((peer: End) => void)[] = [];
  #isCutOff = false;
  isOver = false;

  constructor(process: string, peerProcess: string, connection: Connection, place: ConnectionPlace) {
    this.process = process;
    this.#peerProcess = peerProcess;
    this.#connection = connection;
    this.#place = place;
  }

  listen(listener: EndListener<unknown>): void {
    this.#listener = listener;
  }

  send(frame: unknown, taken?: () => void): void {
    this.#deliver((peer) => peer.#listener?.onFrame(frame));
    taken?.();
  }

  end(): void {
    this.#deliver((peer) => peer.over(undefined));
    this.#leave();
  }

  cancel(error?: BrokerError): void {
    this.#deliver((peer) => peer.over(error ?? new BrokerError('cancelled', 'the peer gave up')));
    this.#leave();
  }

  /** What was sent before the peer was there leaves now. */
  release(): void {
    for (const deliver of this.#held.splice(0)) deliver();
  }

  /** Nothing passes any more in either direction. */
  cutOff(): void {
    this.#isCutOff = true;
  }

  /** The process of this end is gone. */
  die(): void {
    this.#listener = undefined;
    this.#leave();
  }

  over(error: BrokerError | undefined): void {
    if (this.isOver) return;
    const told = this.#listener;
    this.#leave();
    told?.onOver(error);
  }

  #leave(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#listener = undefined;
    this.#connection.ended();
  }

  #deliver(action: (peer: End) => void): void {
    if (this.isOver || this.#isCutOff) return;
    if (this === this.#connection.caller && !this.#connection.accepted) {
      this.#held.push(() => this.#carry(action));
      return;
    }
    this.#carry(action);
  }

  #carry(action: (peer: End) => void): void {
    const { clock, random, network } = this.#place;
    if (random.chance(network.behaviour.breakRate)) {
      this.#connection.break();
      return;
    }
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, clock.monotonicMs() + network.delayMs());
    this.#underWay.push(action);
    const peer = this.#connection.peerOf(this);
    const arrive = (): void => {
      if (this.#isCutOff || peer.isOver) return;
      const leftMs = network.standstillMs(peer.process);
      if (leftMs > 0) {
        clock.schedule(leftMs, arrive);
        return;
      }
      // TCP repeats what a cut swallows until it heals; nothing behind it overtakes.
      if (network.passes(this.process, this.#peerProcess)) this.#underWay.shift()?.(peer);
      else this.#connection.break();
    };
    clock.schedule(this.#lastArrivalMs - clock.monotonicMs(), arrive);
  }
}
