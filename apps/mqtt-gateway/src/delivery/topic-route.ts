// What the gateway knows of a topic: the stream and shard that own it and the sessions that receive it. Looked up once
// per message; computed when a topic is first seen and after a change that concerns it.

import { partitionForTopic } from '@robustmq/bytes';
import { FilterTrie, RecentMap, TopicCache, topicFilter } from '@robustmq/mqtt-topics';
import { OverlappingReceiver, type Receiver, type Subscription } from './subscription.ts';
import type { ReceivingSession } from './session-ports.ts';

/** A stream as far as routing needs it. */
export interface RoutedStream {
  readonly streamId: number;
  readonly name: string;
  readonly tenant: string;
  /** Topic filter that it owns. */
  readonly mqttFilter: string;
  readonly shardsAtCreation: number;
  /** The tenant's built-in stream `mqtt`: its QoS 0 publishes go through the mesh. */
  readonly isDefault: boolean;
  /** `mqtt.durability=memory` (rule R8). */
  readonly acknowledgeInMemory: boolean;
  /** Its `max.message.bytes`. */
  readonly maxBatchBytes: number;
}

/** A stream that MQTT may see, with the routes of its tenant. */
export interface VisibleStream {
  readonly stream: RoutedStream;
  readonly routes: TopicRoutes;
}

const NOBODY: readonly Receiver[] = [];
/** From this many receivers on, looking for one session uses a map. */
const SCAN_RECEIVERS = 8;
/** Matches that the routes of a tenant keep together, some 64 MB: beyond it every route is looked up anew (I8). */
const MAX_KEPT_MATCHES = 4_000_000;

/** A topic's owner and receivers. */
export class TopicRoute {
  readonly topic: string;
  readonly stream: RoutedStream | undefined;
  readonly shard: number;
  /** Set when the route is no longer in the table: it then looks itself up again. */
  isDetached = false;
  #table: TopicRoutes;
  #receivers: readonly Receiver[] = NOBODY;
  #bySession: Map<ReceivingSession, Receiver> | null = null;
  #version = -1;
  /** Matches that the table counts for it. */
  #keptMatches = 0;

  constructor(table: TopicRoutes, topic: string, stream: RoutedStream | undefined) {
    this.#table = table;
    this.topic = topic;
    this.stream = stream;
    this.shard = stream === undefined ? 0 : partitionForTopic(topic, stream.shardsAtCreation);
  }

  /** Sessions that receive the topic now, each once. */
  get receivers(): readonly Receiver[] {
    // A detached route hears of no change to exact filters: it counts them all.
    if (this.#version !== this.#currentVersion) this.#refresh();
    return this.#receivers;
  }

  /** The receiver of one session, for reading its backlog. */
  receiverOf(session: ReceivingSession): Receiver | undefined {
    const { receivers } = this;
    if (receivers.length <= SCAN_RECEIVERS) {
      for (const receiver of receivers) if (receiver.session === session) return receiver;
      return undefined;
    }
    this.#bySession ??= new Map(receivers.map((receiver) => [receiver.session, receiver]));
    return this.#bySession.get(session);
  }

  get #currentVersion(): number {
    return this.isDetached ? this.#table.changes : this.#table.version;
  }

  /** The subscriptions changed in a way that concerns this topic. */
  invalidate(): void {
    this.#version = -1;
  }

  /** It is no longer in the table: whoever still holds it hears of no change. */
  detach(): void {
    this.isDetached = true;
    this.#table.keeps(-this.#keptMatches);
    this.#keptMatches = 0;
    this.#receivers = NOBODY;
    this.#bySession = null;
    this.invalidate();
  }

  #refresh(): void {
    const receivers = this.#table.match(this.topic);
    if (!this.isDetached) {
      const matches = matchesOf(receivers);
      const added = matches - this.#keptMatches;
      this.#keptMatches = matches;
      // It may leave the table with that, as all others.
      this.#table.keeps(added);
    }
    this.#receivers = receivers;
    this.#bySession = null;
    this.#version = this.#currentVersion;
  }
}

/** Routes and subscriptions of one tenant. */
export class TopicRoutes {
  /** Grows when a filter with wildcards changes; a change of an exact filter concerns one topic only. */
  version = 0;
  /** Grows with every change of a filter. */
  changes = 0;
  readonly #trie = new FilterTrie<Subscription>();
  readonly #routes: RecentMap<string, TopicRoute>;
  readonly #maxKeptMatches: number;
  #keptMatches = 0;
  #ownerOf: (topic: string) => RoutedStream | undefined;

  /** @param capacity topics remembered; what was not used lately leaves first. */
  constructor(
    capacity: number,
    ownerOf: (topic: string) => RoutedStream | undefined,
    maxKeptMatches = MAX_KEPT_MATCHES,
  ) {
    this.#routes = new RecentMap(capacity, (route) => route.detach());
    this.#ownerOf = ownerOf;
    this.#maxKeptMatches = maxKeptMatches;
  }

  /** Matches that the routes in the table hold together. */
  get keptMatches(): number {
    return this.#keptMatches;
  }

  get subscriptionCount(): number {
    return this.#trie.size;
  }

  /** The route of a valid Topic Name. */
  get(topic: string): TopicRoute {
    return this.#routes.get(topic) ?? this.#create(topic);
  }

  #create(topic: string): TopicRoute {
    const route = new TopicRoute(this, topic, this.#ownerOf(topic));
    if (topic.length > TopicCache.maxTopicChars) route.detach();
    else this.#routes.set(topic, route);
    return route;
  }

  /** The owners of topics changed (rule O2). */
  changeOwners(ownerOf: (topic: string) => RoutedStream | undefined): void {
    this.#ownerOf = ownerOf;
    this.#forgetAll();
  }

  /** A route holds so many matches more than before: few topics with many receivers stay, many of them do not. */
  keeps(added: number): void {
    this.#keptMatches += added;
    if (added > 0 && this.#keptMatches > this.#maxKeptMatches) this.#forgetAll();
  }

  #forgetAll(): void {
    for (const route of this.#routes.values()) route.detach();
    this.#routes.clear();
  }

  add(subscription: Subscription): void {
    subscription.isRouted = true;
    if (this.#trie.add(subscription.filter, subscription)) this.#changed(subscription.filter);
  }

  remove(subscription: Subscription): void {
    subscription.isRouted = false;
    if (this.#trie.remove(subscription.filter, subscription)) this.#changed(subscription.filter);
  }

  #changed(filter: string): void {
    this.changes++;
    if (topicFilter.hasWildcard(filter)) this.version++;
    else this.#routes.get(filter)?.invalidate();
  }

  /** Receivers of a topic: subscriptions of one session are joined (rule S5). */
  match(topic: string): readonly Receiver[] {
    const bySession = new Map<ReceivingSession, Receiver>();
    this.#trie.match(topic, (subscription) => {
      const other = bySession.get(subscription.session);
      if (other === undefined) {
        bySession.set(subscription.session, subscription);
      } else if (other instanceof OverlappingReceiver) {
        other.parts.push(subscription);
      } else {
        const joined = new OverlappingReceiver(subscription.session);
        joined.parts.push(other as Subscription, subscription);
        bySession.set(subscription.session, joined);
      }
    });
    return bySession.size === 0 ? NOBODY : [...bySession.values()];
  }
}

function matchesOf(receivers: readonly Receiver[]): number {
  let matches = receivers.length;
  for (const { parts } of receivers) if (parts !== null) matches += parts.length;
  return matches;
}
