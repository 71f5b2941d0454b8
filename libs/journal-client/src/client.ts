// JournalClient: everything a gateway does with the log. One Exchange stream per journal-server; who leads a shard comes
// from the ShardDirectory; outcomes come back by callback, one per batch, never a promise per message.

import { BrokerError } from '@robustmq/errors';
import {
  fromFailure,
  type Credentials,
  type ExchangeResponse,
  type HelloResult,
  type ServiceKind,
  type TailFrame,
} from '@robustmq/rpc';
import { systemTimers, type Cancel, type Timers } from '@robustmq/runtime';
import { AppendQueue, type AppendQueueHost } from './append-queue.ts';
import { AppendSender } from './append-sender.ts';
import { LinkBacklogs } from './backlogs.ts';
import { LinkCredit } from './credit.ts';
import type { ShardDirectory } from './directory.ts';
import { Fetches } from './fetches.ts';
import { grpcDoor, JournalLink, type JournalDoor } from './link.ts';
import { LinkTail, type FilterAnswer } from './tail.ts';
import { TailPositions, type TailPosition } from './tail-positions.ts';
import type { SectionCredit } from './tail-section.ts';
import type {
  BacklogCallback,
  BacklogRequest,
  FetchCall,
  FetchCallback,
  FetchRequest,
  FilterChange,
  FilterRegistration,
  ProduceCallback,
  ProduceRequest,
  ShardId,
  TailBatches,
  TenantFilter,
} from './types.ts';

/** Settings of a {@link JournalClient}. */
export interface JournalClientOptions {
  readonly directory: ShardDirectory;
  /** This process, as meta registered it. */
  readonly identity: { readonly nodeId: string; readonly incarnation: number };
  readonly kind: ServiceKind;
  readonly credentials: Credentials;
  /** This incarnation's own producer ids. */
  readonly producerIds: { readonly base: number; readonly count: number };
  /** Committed records that match the registered filters, in offset order per shard. Must not throw. */
  readonly onTail?: (batches: TailBatches, nodeId: string) => void;
  /** The stream to a journal broke (tails resume by themselves) or came up. */
  readonly onLink?: (nodeId: string, up: boolean, error: BrokerError | undefined) => void;
  /** Shortest distance of two append frames to one journal while there is load; default 3 ms (rule L7). */
  readonly tickMs?: number;
  /** Bytes of tail, fetch and backlog data under way per journal; default 64 MiB. */
  readonly streamCreditBytes?: number;
  /** Bytes of tail data under way per shard; default 16 MiB. */
  readonly shardCreditBytes?: number;
  readonly now?: () => number;
  /** Default: the platform's. */
  readonly timers?: Timers;
  /** The way to a journal-server; default gRPC. */
  readonly door?: (address: string) => JournalDoor;
}

/** Settings of the appends of a gateway's own producer ids. */
export interface ShardAppenderOptions<T> {
  /**
   * One call per batch: the record of `tokens[i]` is at `baseOffset + i`, or all failed. A deadline_exceeded may still
   * be appended later. With any other error `batch` holds the records, to be appended elsewhere.
   */
  readonly onOutcome: (
    queue: AppendQueue<T>,
    tokens: readonly T[],
    error: BrokerError | undefined,
    baseOffset: number,
    batch: Buffer | undefined,
  ) => void;
  readonly onUnblocked: (queue: AppendQueue<T>) => void;
  /** Default 1 MiB. */
  readonly maxBatchBytes?: number;
  /** Default 30 s. */
  readonly deliveryTimeoutMs?: number;
}

/** What a queue is made with. */
export interface QueueOptions {
  /** `mqtt.durability=memory` (rule R8). */
  readonly acknowledgeInMemory?: boolean;
  /** Whose stream it is. */
  readonly tenant?: string;
}

/** Appends under the gateway's own producer ids, one queue per shard. */
export interface ShardAppender<T> {
  /** The queue of a shard, made at first use; the options count only then. */
  queue(streamId: number, shard: number, options?: QueueOptions): AppendQueue<T>;
  /** Drops the queue of a deleted stream's shard; its tokens hear `not_found`. */
  drop(streamId: number, shard: number): void;
}

interface Peer {
  readonly link: JournalLink;
  readonly sender: AppendSender;
  readonly tail: LinkTail;
  readonly backlogs: LinkBacklogs;
  readonly credit: LinkCredit;
  /** Of the present instance of the stream. */
  sectionCredit: SectionCredit;
}

const NO_CREDIT: SectionCredit = { taken: () => undefined };

interface AnyQueue extends ShardId {
  wake(): void;
  expire(nowMs: number): void;
  close(error: BrokerError): void;
}

const DEFAULT_TICK_MS = 3;
const DEFAULT_STREAM_CREDIT_BYTES = 64 * 1024 * 1024;
const DEFAULT_SHARD_CREDIT_BYTES = 16 * 1024 * 1024;
const DEFAULT_MAX_BATCH_BYTES = 1024 * 1024;
const DEFAULT_DELIVERY_TIMEOUT_MS = 30_000;
/** Deadlines of batches are this coarse. */
const EXPIRE_SWEEP_MS = 250;
/** Shards of a stream are far fewer; makes one number of a shard's name. */
const MAX_SHARDS = 65_536;

/** A gateway's client of all journal-servers. */
export class JournalClient {
  readonly #options: JournalClientOptions;
  readonly #directory: ShardDirectory;
  readonly #now: () => number;
  readonly #peers = new Map<string, Peer>();
  readonly #filters = new Map<number, FilterRegistration>();
  readonly #positions = new TailPositions();
  readonly #queues = new Map<number, AnyQueue>();
  readonly #fetches: Fetches;
  readonly #stopWatching: () => void;
  readonly #timers: Timers;
  readonly #stopSweep: Cancel;
  #nextProducer = 0;
  #closed = false;

  constructor(options: JournalClientOptions) {
    this.#options = options;
    this.#directory = options.directory;
    this.#now = options.now ?? (() => performance.now());
    this.#timers = options.timers ?? systemTimers;
    this.#fetches = new Fetches(
      (streamId, shard) => this.#readyPeer(streamId, shard)?.link,
      () => this.#directory.revision(),
      this.#timers,
    );
    this.#stopWatching = this.#directory.onChange(() => this.#follow());
    this.#stopSweep = this.#timers.every(EXPIRE_SWEEP_MS, () => this.#expire());
    this.#follow();
  }

  /** Whether the stream to at least one journal is up. */
  get connected(): boolean {
    for (const peer of this.#peers.values()) if (peer.link.ready) return true;
    return false;
  }

  /** Append frames sent so far: what a tick costs is counted in these. */
  get framesSent(): number {
    let frames = 0;
    for (const peer of this.#peers.values()) frames += peer.sender.framesSent;
    return frames;
  }

  /** Sends one batch as it is; no repeat, order of calls kept per shard (rule K1). */
  produce(request: ProduceRequest, callback: ProduceCallback): void {
    const peer = this.#readyPeer(request.streamId, request.shard);
    if (peer === undefined) {
      this.#timers.soon(() =>
        callback(new BrokerError('not_leader', 'the shard has no reachable leader'), undefined),
      );
      return;
    }
    // The journal answers acks=0 like acks=1, so that credit bounds it too; the caller is told when it has left.
    const unanswered = request.acks === 0;
    peer.sender.enqueue({
      streamId: request.streamId,
      shard: request.shard,
      leaderEpoch: request.leaderEpoch ?? -1,
      batch: request.batch,
      acks: unanswered ? 1 : request.acks,
      acknowledgeInMemory: false,
      timeoutMs: request.timeoutMs,
      minRevision: this.#directory.revision(),
      traceparent: request.traceparent ?? '',
      elidable: false,
      onSent() {
        if (unanswered) callback(undefined, undefined);
      },
      onOutcome(outcome) {
        if (unanswered) return true;
        const error = fromFailure(outcome.failure);
        callback(error, {
          baseOffset: Number(outcome.baseOffset),
          logAppendTimeMs: Number(outcome.logAppendTimeMs),
          logStartOffset: Number(outcome.logStartOffset),
          leaderEpoch: outcome.leaderEpoch,
        });
        return true;
      },
      onBroken(error, sent) {
        if (!unanswered || !sent) callback(error, undefined);
      },
    });
  }

  /** Starts a long-polling read. */
  fetch(request: FetchRequest, callback: FetchCallback): FetchCall {
    return this.#fetches.start(request, callback);
  }

  /** Reads what a session missed. */
  readBacklog(request: BacklogRequest, callback: BacklogCallback): void {
    const peer = this.#readyPeer(request.streamId, request.shard);
    if (peer !== undefined) peer.backlogs.start(request, callback);
    else
      this.#timers.soon(() =>
        callback(new BrokerError('not_leader', 'the shard has no reachable leader'), undefined),
      );
  }

  /** The appends of this gateway under its own producer ids. */
  appender<T>(options: ShardAppenderOptions<T>): ShardAppender<T> {
    const host = (acknowledgeInMemory: boolean): AppendQueueHost<T> => ({
      maxBatchBytes: options.maxBatchBytes ?? DEFAULT_MAX_BATCH_BYTES,
      deliveryTimeoutMs: options.deliveryTimeoutMs ?? DEFAULT_DELIVERY_TIMEOUT_MS,
      acknowledgeInMemory,
      timers: this.#timers,
      now: this.#now,
      revision: () => this.#directory.revision(),
      senderOf: (queue) => this.#readyPeer(queue.streamId, queue.shard)?.sender,
      streamExists: (streamId) => this.#directory.hasStream(streamId),
      nextProducerId: (current) => this.#producerIdAfter(current),
      onOutcome: options.onOutcome,
      onUnblocked: options.onUnblocked,
    });
    const durable = host(false);
    const memory = host(true);
    return {
      queue: (streamId, shard, queueOptions) => {
        const key = streamId * MAX_SHARDS + shard;
        let queue = this.#queues.get(key) as AppendQueue<T> | undefined;
        if (queue === undefined) {
          const chosen = queueOptions?.acknowledgeInMemory === true ? memory : durable;
          queue = new AppendQueue<T>(
            chosen,
            { streamId, shard },
            this.#options.producerIds.base,
            queueOptions?.tenant,
          );
          this.#queues.set(key, queue);
        }
        return queue;
      },
      drop: (streamId, shard) => this.#dropQueue(streamId * MAX_SHARDS + shard),
    };
  }

  /**
   * Changes the filters of this gateway on every journal. The callback hears once all connected journals answered, with
   * the offset per shard from which the tail matches them (rule X5); journals that connect later start with them.
   */
  changeFilters(
    change: FilterChange,
    callback: (error: BrokerError | undefined, answer: FilterAnswer) => void,
  ): void {
    for (const filterId of change.remove ?? []) this.#filters.delete(filterId);
    for (const entry of change.add ?? []) this.#filters.set(entry.filterId, entry);
    this.#askAll((peer, answered) => peer.tail.change(change, answered), callback);
  }

  /** Current marks of every shard that can hold the filters (rule X3: HW at SUBSCRIBE). */
  marksFor(
    filters: readonly TenantFilter[],
    callback: (error: BrokerError | undefined, answer: FilterAnswer) => void,
  ): void {
    this.#askAll((peer, answered) => peer.tail.marksFor(filters, answered), callback);
  }

  /** Whether the leader of the shard is known and connected. */
  reaches(streamId: number, shard: number): boolean {
    return this.#readyPeer(streamId, shard) !== undefined;
  }

  /** The unary calls of the journal that leads the shard (ListOffsets and the like); undefined while none is known. */
  callsOf(streamId: number, shard: number): JournalLink['calls'] | undefined {
    return this.#peerOf(streamId, shard)?.link.calls;
  }

  /** Ends all streams; whatever is unanswered hears `cancelled`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWatching();
    this.#stopSweep();
    const error = new BrokerError('cancelled', 'the journal client was closed');
    for (const peer of this.#peers.values()) peer.link.close(error);
    this.#peers.clear();
    for (const key of [...this.#queues.keys()]) this.#dropQueue(key, error);
  }

  #askAll(
    ask: (peer: Peer, answered: (error: BrokerError | undefined, answer: FilterAnswer) => void) => void,
    callback: (error: BrokerError | undefined, answer: FilterAnswer) => void,
  ): void {
    const ready = [...this.#peers.values()].filter((peer) => peer.link.ready);
    const whole: FilterAnswer & { activeFrom: unknown[]; marks: unknown[] } = { activeFrom: [], marks: [] };
    let missing = ready.length;
    let failure: BrokerError | undefined;
    if (missing === 0) {
      this.#timers.soon(() => callback(new BrokerError('unavailable', 'no journal is connected'), whole));
      return;
    }
    for (const peer of ready) {
      ask(peer, (error, answer) => {
        failure ??= error;
        whole.activeFrom.push(...answer.activeFrom);
        whole.marks.push(...answer.marks);
        if (--missing === 0) callback(failure, whole);
      });
    }
  }

  #peerOf(streamId: number, shard: number): Peer | undefined {
    const leader = this.#directory.leaderOf(streamId, shard);
    return leader === undefined ? undefined : this.#peers.get(leader.nodeId);
  }

  #readyPeer(streamId: number, shard: number): Peer | undefined {
    const peer = this.#peerOf(streamId, shard);
    return peer?.link.ready === true ? peer : undefined;
  }

  #producerIdAfter(current: number): number | undefined {
    const { base, count } = this.#options.producerIds;
    // Fresh for every shard that asks: it was used by none.
    this.#nextProducer = Math.max(this.#nextProducer, current - base) + 1;
    return this.#nextProducer < count ? base + this.#nextProducer : undefined;
  }

  #dropQueue(key: number, error = new BrokerError('not_found', 'the stream was deleted')): void {
    const queue = this.#queues.get(key);
    this.#queues.delete(key);
    queue?.close(error);
  }

  #expire(): void {
    const nowMs = this.#now();
    for (const queue of this.#queues.values()) queue.expire(nowMs);
  }

  /** Brings links in line with the view. */
  #follow(): void {
    const live = new Map(this.#directory.journals().map((node) => [node.nodeId, node]));
    for (const [nodeId, peer] of this.#peers) {
      if (live.get(nodeId)?.address === peer.link.address) continue;
      this.#peers.delete(nodeId);
      peer.link.close(new BrokerError('unavailable', 'the journal is gone'));
    }
    for (const node of live.values()) {
      if (!this.#peers.has(node.nodeId)) this.#peers.set(node.nodeId, this.#connect(node));
    }
    this.#positions.keepOnly((streamId) => this.#directory.hasStream(streamId));
    for (const [key, queue] of this.#queues) {
      if (!this.#directory.hasStream(queue.streamId)) this.#dropQueue(key);
      else queue.wake();
    }
    this.#followLeaders();
  }

  /** A tail goes on at the new leader where the old one stopped. */
  #followLeaders(): void {
    const moved = new Map<Peer, TailPosition[]>();
    for (const position of this.#positions.select(() => true)) {
      const peer = this.#readyPeer(position.streamId, position.shard);
      if (peer === undefined || peer.link.nodeId === position.nodeId) continue;
      const positions = moved.get(peer) ?? [];
      positions.push(position);
      moved.set(peer, positions);
    }
    for (const [peer, positions] of moved) peer.tail.resume(positions);
  }

  #connect(node: { readonly nodeId: string; readonly address: string }): Peer {
    const { identity, kind, producerIds } = this.#options;
    const streamCredit = this.#options.streamCreditBytes ?? DEFAULT_STREAM_CREDIT_BYTES;
    const shardCredit = this.#options.shardCreditBytes ?? DEFAULT_SHARD_CREDIT_BYTES;
    const link = new JournalLink({
      nodeId: node.nodeId,
      address: node.address,
      door: this.#options.door?.(node.address) ?? grpcDoor(node.address, this.#options.credentials),
      timers: this.#timers,
      hello: {
        gateway: { nodeId: identity.nodeId, incarnation: BigInt(identity.incarnation) },
        kind,
        producerIdBase: BigInt(producerIds.base),
        producerIdCount: producerIds.count,
        initialCreditBytes: BigInt(streamCredit),
        shardCreditBytes: BigInt(shardCredit),
      },
      listener: {
        onOpen: (_link, hello) => this.#opened(peer, hello),
        onBroken: (_link, error) => this.#broken(peer, error),
        onFrame: (_link, frame) => this.#frame(peer, frame),
      },
    });
    const sender = new AppendSender(link, this.#options.tickMs ?? DEFAULT_TICK_MS, this.#now, this.#timers);
    const peer: Peer = {
      link,
      sender,
      tail: new LinkTail(link, sender, this.#positions, () => this.#directory.revision()),
      backlogs: new LinkBacklogs(link, this.#timers),
      credit: new LinkCredit(link, Math.min(streamCredit, shardCredit) / 4),
      sectionCredit: NO_CREDIT,
    };
    return peer;
  }

  #opened(peer: Peer, hello: HelloResult): void {
    peer.sender.creditBytes = Number(hello.appendCreditBytes);
    peer.credit.reset();
    // What was sent on an instance that is gone is not given back to this one.
    const { instance } = peer.link;
    peer.sectionCredit = {
      taken: (shard, sizeBytes) => {
        if (peer.link.instance === instance) peer.credit.consumedOf(shard, sizeBytes);
      },
    };
    if (this.#options.onTail !== undefined) {
      const { nodeId } = peer.link;
      // Of a shard without a leader too: a journal that comes back is here before the view says what it leads, and would
      // begin where the log ends by then.
      const resume = this.#positions.select(({ streamId, shard }) => {
        const leader = this.#directory.leaderOf(streamId, shard);
        return leader === undefined || leader.nodeId === nodeId;
      });
      for (const position of resume) position.nodeId = nodeId;
      peer.tail.open(this.#filters.values(), resume);
    }
    this.#options.onLink?.(peer.link.nodeId, true, undefined);
    for (const queue of this.#queues.values()) queue.wake();
  }

  #broken(peer: Peer, error: BrokerError): void {
    // Why a stream ended answers nothing that was asked on it: a fenced gateway, say, is no fenced producer.
    const away = this.#closed
      ? error
      : new BrokerError('unavailable', 'the journal is away', { cause: error });
    peer.sender.broken(away);
    peer.tail.broken(away);
    peer.backlogs.broken(away);
    this.#fetches.broken(peer.link, away);
    this.#options.onLink?.(peer.link.nodeId, false, error);
    // The shards of this journal may have moved already: what was lost here goes to the new leader.
    for (const queue of this.#queues.values()) queue.wake();
  }

  #frame(peer: Peer, frame: ExchangeResponse['frame']): void {
    switch (frame.case) {
      case 'append':
        peer.sender.handle(frame.value.outcomes);
        return;
      case 'tail':
        this.#tailFrame(peer, frame.value);
        return;
      case 'fetch':
        this.#fetches.receive(frame.value);
        peer.credit.consumed(frame.value.batches.length);
        return;
      case 'filters':
        peer.tail.answered(frame.value);
        return;
      case 'backlog':
        peer.backlogs.receive(frame.value);
        peer.credit.consumed(frame.value.batches.length);
        return;
      default:
        // `go_away` needs nothing yet: the journal ends the stream when it is done, and the link comes back.
        return;
    }
  }

  #tailFrame(peer: Peer, frame: TailFrame): void {
    peer.sender.handle(frame.outcomes);
    const { onTail } = this.#options;
    if (onTail === undefined) return;
    try {
      peer.tail.receive(frame, peer.sectionCredit, (batches) => onTail(batches, peer.link.nodeId));
    } catch (error) {
      peer.link.restart(BrokerError.from(error));
    }
  }
}
