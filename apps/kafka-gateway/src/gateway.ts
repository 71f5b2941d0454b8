// KafkaGateway: puts the parts together over its ports. The process around it (main.ts) brings the production ports.
import { randomInt } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { GroupStorePort } from '@robustmq/meta-client';
import type { GroupConfig } from '@robustmq/kafka-group';
import { systemClock, systemTimers, TimerWheel, TurnShare, type Log } from '@robustmq/runtime';
import { AnswerMemory } from './answer-memory.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import type { GatewayCounters, GatewayParts, GatewaySettings } from './context.ts';
import { FetchSessionCache } from './fetch-session-cache.ts';
import { GroupCoordinator } from './groups/group-coordinator.ts';
import { KafkaListener, type ListenerOptions } from './listener.ts';
import { MemoryBudget } from './memory-budget.ts';
import { RateLimitedLog, type DebugSwitch } from '@robustmq/telemetry';
import type { ClusterViewPort, JournalPort, TopicCommandsPort } from './ports.ts';
import { CheckShare } from './produce/check-share.ts';
import { ProducerIdAllocator } from './producer-id-allocator.ts';

/** Everything that a gateway is made of. */
export interface KafkaGatewayOptions {
  readonly nodeId: string;
  readonly settings: GatewaySettings;
  readonly limits: ConnectionLimits;
  readonly listener: ListenerOptions;
  readonly groups: GroupConfig;
  readonly maxGroups: number;
  readonly maxFetchSessions: number;
  /** Partitions that all fetch sessions hold together. */
  readonly maxFetchSessionPartitions: number;
  /** Bytes of requests that all connections hold together. */
  readonly requestMemoryBytes: number;
  /** Bytes of answers that clients have not taken and that reads under way may bring, all connections together. */
  readonly answerMemoryBytes: number;
  readonly cluster: ClusterViewPort;
  readonly topics: TopicCommandsPort;
  readonly journal: JournalPort;
  readonly groupStore: GroupStorePort;
  readonly log: Log;
  readonly debug: DebugSwitch;
}

const MAX_SESSION_ID = 2 ** 31;

/**
 * Of a turn, for the requests of all connections. Less than a slice may take (N8): a turn holds other work too, on cores that
 * others need, and under attack the loop came twice as late with 5 ms as with 2.
 */
const REQUEST_TURN_MS = 2;

/** See the file head. */
export class KafkaGateway {
  readonly counters: GatewayCounters = {
    connections: 0,
    requests: 0,
    unsupportedVersions: 0,
    malformedFrames: 0,
    producedBatches: 0,
    producedBytes: 0,
    fetchedBytes: 0,
  };
  readonly groups: GroupCoordinator;
  readonly #wheel = new TimerWheel();
  readonly #budget: MemoryBudget;
  readonly #answers: AnswerMemory;
  readonly #listener: KafkaListener;
  readonly #fetchSessions: FetchSessionCache;

  constructor(options: KafkaGatewayOptions) {
    const { settings, cluster, topics, journal, groupStore, log } = options;
    const strangers = new RateLimitedLog(log);
    this.groups = new GroupCoordinator({
      store: groupStore,
      selfNodeId: options.nodeId,
      config: options.groups,
      maxGroups: options.maxGroups,
      log: strangers,
      timers: systemTimers,
      nowMs: () => performance.now(),
    });
    this.#fetchSessions = new FetchSessionCache({
      maxSessions: options.maxFetchSessions,
      maxPartitions: options.maxFetchSessionPartitions,
      nextId: () => randomInt(1, MAX_SESSION_ID),
    });
    this.#budget = new MemoryBudget(options.requestMemoryBytes);
    this.#answers = new AnswerMemory(options.answerMemoryBytes, systemTimers);
    const turns = new TurnShare(systemClock, systemTimers, REQUEST_TURN_MS);
    const parts: GatewayParts = {
      settings,
      cluster,
      topics,
      journal,
      groupStore,
      groups: this.groups,
      fetchSessions: this.#fetchSessions,
      answers: this.#answers,
      turns,
      checks: new CheckShare(turns, this.#budget),
      producerIds: new ProducerIdAllocator(topics),
      counters: this.counters,
      log,
      strangers,
      debug: options.debug,
      nowMs: () => Date.now(),
    };
    this.#listener = new KafkaListener(
      { parts, limits: options.limits, wheel: this.#wheel, timers: systemTimers, budget: this.#budget },
      options.listener,
    );
  }

  /** Bytes of requests held now. */
  get requestBytes(): number {
    return this.#budget.usedBytes;
  }

  /** Bytes of answers that clients have not taken. */
  get answerBytes(): number {
    return this.#answers.heldBytes;
  }

  /** Bytes that reads under way may bring. */
  get claimedAnswerBytes(): number {
    return this.#answers.claimedBytes;
  }

  /** Fetches that wait for memory. */
  get waitingFetches(): number {
    return this.#answers.waitingCount;
  }

  /** Fetch sessions held now. */
  get fetchSessionCount(): number {
    return this.#fetchSessions.size;
  }

  /** Binds the port; answers where. Nothing is served before {@link open}. @throws BrokerError when it is taken */
  bind(): Promise<AddressInfo> {
    return this.#listener.listen();
  }

  /** Starts to serve. */
  open(): void {
    this.#wheel.start();
    this.groups.start();
    this.#listener.open();
  }

  /**
   * Sends the members of groups elsewhere and takes no new requests; resolves when those under way were answered. The
   * lease may end then, so that other gateways coordinate the groups, however slowly clients read or leave.
   */
  async drain(deadline: AbortSignal): Promise<void> {
    this.groups.stop();
    await this.#listener.drain(deadline);
  }

  /** Drains, and ends all connections until the signal aborts. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.groups.stop();
    await this.#listener.close(deadline);
    this.#wheel.stop();
  }
}
