// Fetch sessions (KIP-227): a client names its partitions once, then only changes; answers hold only what is new. The
// cache is local to this gateway (rule K1) and bounded; a client whose session is gone starts over with a full fetch.
import type { KafkaErrorName } from '@robustmq/kafka-codec';

/** One partition of a session, with what the client was told last. */
export interface SessionPartition {
  /** As the client named it: one of the two is empty, by version. */
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  currentLeaderEpoch: number;
  fetchOffset: number;
  lastFetchedEpoch: number;
  maxBytes: number;
  sentHighWatermark: number;
  sentLogStartOffset: number;
}

/** A client's session. */
export interface FetchSession {
  readonly id: number;
  readonly usesTopicIds: boolean;
  /** In the order in which partitions are served; see {@link rotate}. */
  readonly partitions: Map<string, SessionPartition>;
  epoch: number;
  usedAtMs: number;
}

/** What a Fetch turns out to be. */
export type SessionUse =
  | { readonly kind: 'error'; readonly error: KafkaErrorName }
  | { readonly kind: 'sessionless'; readonly partitions: readonly SessionPartition[] }
  | { readonly kind: 'full' | 'incremental'; readonly session: FetchSession };

/** The part of a Fetch request that concerns its session. */
export interface SessionRequest {
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly usesTopicIds: boolean;
  readonly partitions: readonly SessionPartition[];
  readonly forgotten: readonly {
    readonly topic: string;
    readonly topicId: string;
    readonly partition: number;
  }[];
}

/** Sessions not used for this long may be replaced by new ones. */
const EVICTABLE_AFTER_MS = 120_000;
/** Partitions of one session: no more than a request without one can name, for each Fetch goes through all of them (N8). */
const MAX_SESSION_PARTITIONS = 50_000;
const FULL_EPOCH = 0;
const FINAL_EPOCH = -1;
const MAX_EPOCH = 2 ** 31 - 1;

/** Names a partition within a session. */
export function partitionKey(entry: {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}): string {
  return `${entry.partition}/${entry.topic}/${entry.topicId}`;
}

/** See the file head. Ids are drawn from the injected source of randomness, so that they cannot be guessed. */
export class FetchSessionCache {
  readonly #sessions = new Map<number, FetchSession>();
  readonly #maxSessions: number;
  readonly #maxPartitions: number;
  readonly #nextId: () => number;
  #partitionCount = 0;

  constructor(options: {
    readonly maxSessions: number;
    readonly maxPartitions: number;
    readonly nextId: () => number;
  }) {
    this.#maxSessions = options.maxSessions;
    this.#maxPartitions = options.maxPartitions;
    this.#nextId = options.nextId;
  }

  /** Sessions held. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Applies the request to the cache. */
  use(request: SessionRequest, nowMs: number): SessionUse {
    const { sessionId, sessionEpoch } = request;
    if (sessionEpoch === FINAL_EPOCH || sessionEpoch === FULL_EPOCH) {
      // Both end a session that the client names.
      if (sessionId !== 0) this.#remove(sessionId);
      return sessionEpoch === FULL_EPOCH ? this.#create(request, nowMs) : sessionless(request);
    }
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return { kind: 'error', error: 'FETCH_SESSION_ID_NOT_FOUND' };
    if (session.epoch !== sessionEpoch) return { kind: 'error', error: 'INVALID_FETCH_SESSION_EPOCH' };
    // A client that moves from names to ids or back has to start over (KIP-516).
    if (session.usesTopicIds !== request.usesTopicIds)
      return { kind: 'error', error: 'FETCH_SESSION_TOPIC_ID_ERROR' };
    this.#update(session, request, nowMs);
    if (this.#partitionCount <= this.#maxPartitions && session.partitions.size <= MAX_SESSION_PARTITIONS)
      return { kind: 'incremental', session };
    // There is no room for what it came to: the client starts over, and is served without a session if there is none then.
    this.#remove(sessionId);
    return { kind: 'error', error: 'FETCH_SESSION_ID_NOT_FOUND' };
  }

  #create(request: SessionRequest, nowMs: number): SessionUse {
    if (request.partitions.length === 0 || !this.#makeRoom(request.partitions.length, nowMs))
      return sessionless(request);
    let id = this.#nextId();
    while (id === 0 || this.#sessions.has(id)) id = this.#nextId();
    const partitions = new Map(request.partitions.map((entry) => [partitionKey(entry), entry]));
    const session = { id, usesTopicIds: request.usesTopicIds, partitions, epoch: 1, usedAtMs: nowMs };
    this.#sessions.set(id, session);
    this.#partitionCount += partitions.size;
    return { kind: 'full', session };
  }

  /** Oldest use first: the map is kept in that order. */
  #makeRoom(partitions: number, nowMs: number): boolean {
    const full = (): boolean =>
      this.#sessions.size >= this.#maxSessions || this.#partitionCount + partitions > this.#maxPartitions;
    for (const session of this.#sessions.values()) {
      if (!full()) return true;
      if (nowMs - session.usedAtMs < EVICTABLE_AFTER_MS) return false;
      this.#remove(session.id);
    }
    return !full();
  }

  #update(session: FetchSession, request: SessionRequest, nowMs: number): void {
    this.#partitionCount -= session.partitions.size;
    for (const entry of request.forgotten) session.partitions.delete(partitionKey(entry));
    for (const entry of request.partitions) this.#merge(session, entry);
    this.#partitionCount += session.partitions.size;
    session.epoch = session.epoch === MAX_EPOCH ? 1 : session.epoch + 1;
    session.usedAtMs = nowMs;
    this.#sessions.delete(session.id);
    this.#sessions.set(session.id, session);
  }

  #merge(session: FetchSession, entry: SessionPartition): void {
    const known = session.partitions.get(partitionKey(entry));
    if (known === undefined) {
      session.partitions.set(partitionKey(entry), entry);
      return;
    }
    known.currentLeaderEpoch = entry.currentLeaderEpoch;
    known.fetchOffset = entry.fetchOffset;
    known.lastFetchedEpoch = entry.lastFetchedEpoch;
    known.maxBytes = entry.maxBytes;
  }

  #remove(id: number): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    this.#partitionCount -= session.partitions.size;
  }
}

function sessionless(request: SessionRequest): SessionUse {
  return { kind: 'sessionless', partitions: request.partitions };
}

/** Puts partitions that were just served behind the others, so that none starves when answers are full. */
export function rotate(session: FetchSession, served: readonly SessionPartition[]): void {
  for (const entry of served) {
    const key = partitionKey(entry);
    if (session.partitions.delete(key)) session.partitions.set(key, entry);
  }
}
