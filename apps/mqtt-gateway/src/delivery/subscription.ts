// One subscription of one session, and what a match of a topic yields: receivers, one per session [MQTT-3.3.5-1].

import { type StartOffset, startPositions, type StartVector } from '@robustmq/mqtt-session';
import type { ReceivingSession } from './session-ports.ts';

/** Subscription options as granted. */
export interface GrantedOptions {
  readonly qos: number;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: number;
  /** 0: none. */
  readonly subscriptionIdentifier: number;
}

/**
 * A session that gets a copy of a message, with the options that hold for it. A subscription is the receiver itself
 * when it is the only one of its session that matches.
 */
export interface Receiver {
  readonly session: ReceivingSession;
  qos: number;
  noLocal: boolean;
  retainAsPublished: boolean;
  subscriptionIdentifiers: readonly number[] | null;
  /** Whether an earlier owner of the session may have sent what it matches (S3). */
  isInherited: boolean;
  /** By shard key; null once every start lies behind. */
  starts: StartVector | null;
  /** The subscriptions that match, when they are more than one. */
  parts: readonly Subscription[] | null;
}

const NO_STARTS: readonly StartOffset[] = [];

/** A subscription of a session. */
export class Subscription implements Receiver {
  readonly session: ReceivingSession;
  readonly filter: string;
  qos = 0;
  noLocal = false;
  retainAsPublished = false;
  retainHandling = 0;
  subscriptionIdentifier = 0;
  subscriptionIdentifiers: readonly number[] | null = null;
  isInherited = false;
  starts: Map<number, StartOffset> | null = null;
  readonly parts = null;
  /** Start vector of one that this connection made and a row in meta holds. */
  vector: readonly StartOffset[] = NO_STARTS;
  /** Revision of the cluster at which it was made: shards of younger streams start at 0 (rule X4). */
  createdAtRevision = 0;

  /** Its hold on the filter in the journals' tails. */
  use: { release(): void } | null = null;
  /** Whether the tails match the filter, so that nothing published from now on is missed. */
  isActive = false;
  /** Whether the routes have it: what was matched before and is under way still goes to no other one [MQTT-3.10.4-2]. */
  isRouted = false;
  #waiting: (() => void)[] = [];

  constructor(session: ReceivingSession, filter: string) {
    this.session = session;
    this.filter = filter;
  }

  /** Calls back once the filter is active, or was given up; the answer ends the wait. */
  whenSettled(callback: () => void): () => void {
    if (this.isActive) callback();
    else this.#waiting.push(callback);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== callback);
    };
  }

  activated(): void {
    this.isActive = true;
    this.settled();
  }

  /** The filter is active, or will never be. */
  settled(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) callback();
  }

  /** Takes over options; a repeated SUBSCRIBE changes nothing else (rule X3). */
  setOptions(options: GrantedOptions): void {
    this.qos = options.qos;
    this.noLocal = options.noLocal;
    this.retainAsPublished = options.retainAsPublished;
    this.retainHandling = options.retainHandling;
    this.subscriptionIdentifier = options.subscriptionIdentifier;
    this.subscriptionIdentifiers =
      options.subscriptionIdentifier === 0 ? null : [options.subscriptionIdentifier];
  }
}

/** The receiver of a session with several matching subscriptions. */
export class OverlappingReceiver implements Receiver {
  readonly session: ReceivingSession;
  readonly parts: Subscription[] = [];
  qos = 0;
  noLocal = false;
  retainAsPublished = false;
  subscriptionIdentifiers: readonly number[] | null = null;
  isInherited = false;
  starts = null;

  constructor(session: ReceivingSession) {
    this.session = session;
  }

  /**
   * Sets the options that hold for one message: of the parts that want it, the highest QoS and all Subscription
   * Identifiers [MQTT-3.3.4-4] (rule S5). False when no part wants it.
   */
  select(originId: number | undefined, shardKey: number, offset: number): boolean {
    let qos = -1;
    let identifiers: number[] | null = null;
    this.retainAsPublished = false;
    this.isInherited = false;
    for (const part of this.parts) {
      if (!part.isRouted) continue;
      if (part.noLocal && originId === part.session.originId) continue;
      if (part.starts !== null && offset < startPositions.of(part.starts, shardKey)) continue;
      qos = Math.max(qos, part.qos);
      if (part.retainAsPublished) this.retainAsPublished = true;
      if (part.isInherited) this.isInherited = true;
      if (part.subscriptionIdentifier > 0) (identifiers ??= []).push(part.subscriptionIdentifier);
    }
    this.qos = qos;
    this.subscriptionIdentifiers = identifiers;
    return qos >= 0;
  }
}
