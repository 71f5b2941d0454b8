// JournalClient: everything a gateway does with the log. One Exchange stream per journal-server; who leads a shard comes
// from the ShardDirectory; outcomes come back by callback, one per batch, never a promise per message.

import { BrokerError } from '@robustmq/errors';
import type { Connect, Credentials, ServiceKind } from '@robustmq/rpc';
import { systemTimers, type Cancel, type Timers } from '@robustmq/runtime';
import type { ShardDirectory } from './directory.ts';
import { Fetches } from './fetches.ts';
import { askAll, type FilterQuestion } from './filter-questions.ts';
import { JournalPeer, type PeerHost } from './journal-peer.ts';
import { grpcDoor, type JournalDoor, type JournalLink } from './link.ts';
import { producedBatch } from './produced-batch.ts';
import { ShardQueues, type ShardAppender, type ShardAppenderOptions } from './shard-queues.ts';
import { TailPositions, type TailPosition } from './tail-positions.ts';
import type { AnswerCallback } from './link-tail.ts';
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
  /** How a journal-server is called; default gRPC. */
  readonly connect?: Connect;
  /** The way to a journal-server; by default made of `connect`. */
  readonly door?: (address: string) => JournalDoor;
}

const DEFAULT_TICK_MS = 3;
const DEFAULT_STREAM_CREDIT_BYTES = 64 * 1024 * 1024;
const DEFAULT_SHARD_CREDIT_BYTES = 16 * 1024 * 1024;
/** Deadlines of batches are this coarse. */
const EXPIRE_SWEEP_MS = 250;

/** A gateway's client of all journal-servers. */
export class JournalClient {
  readonly #options: JournalClientOptions;
  readonly #directory: ShardDirectory;
  readonly #now: () => number;
  readonly #peers = new Map<string, JournalPeer>();
  readonly #filters = new Map<number, FilterRegistration>();
  readonly #positions = new TailPositions();
  readonly #queues: ShardQueues;
  readonly #fetches: Fetches;
  readonly #peerHost: PeerHost;
  readonly #stopWatching: () => void;
  readonly #timers: Timers;
  readonly #stopSweep: Cancel;
  #closed = false;

  constructor(options: JournalClientOptions) {
    this.#options = options;
    this.#directory = options.directory;
    this.#now = options.now ?? (() => performance.now());
    this.#timers = options.timers ?? systemTimers;
    this.#fetches = new Fetches(
      (streamId, shard) => this.#readyPeer(streamId, shard)?.link,
      () => this.#directory.revision(),
      { timers: this.#timers, clock: { monotonicMs: this.#now } },
    );
    this.#queues = new ShardQueues({
      directory: this.#directory,
      producerIds: options.producerIds,
      timers: this.#timers,
      now: this.#now,
      senderOf: (streamId, shard) => this.#readyPeer(streamId, shard)?.sender,
    });
    this.#peerHost = {
      timers: this.#timers,
      now: this.#now,
      positions: this.#positions,
      fetches: this.#fetches,
      revision: () => this.#directory.revision(),
      tickMs: options.tickMs ?? DEFAULT_TICK_MS,
      streamCreditBytes: options.streamCreditBytes ?? DEFAULT_STREAM_CREDIT_BYTES,
      shardCreditBytes: options.shardCreditBytes ?? DEFAULT_SHARD_CREDIT_BYTES,
      onTail: options.onTail,
      opened: (peer) => this.#opened(peer),
      // Why a stream ended answers nothing that was asked on it: a fenced gateway, say, is no fenced producer.
      away: (error) =>
        this.#closed ? error : new BrokerError('unavailable', 'the journal is away', { cause: error }),
      broken: (peer, error) => this.#broken(peer, error),
    };
    this.#stopWatching = this.#directory.onChange(() => this.#follow());
    this.#stopSweep = this.#timers.every(EXPIRE_SWEEP_MS, () => this.#queues.expire());
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
    peer.sender.enqueue(producedBatch(request, this.#directory.revision(), callback));
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
    return this.#queues.appender(options);
  }

  /**
   * Changes the filters of this gateway on every journal. The callback hears once all connected journals answered, with
   * the offset per shard from which the tail matches them (rule X5); journals that connect later start with them.
   */
  changeFilters(change: FilterChange, callback: AnswerCallback): void {
    for (const filterId of change.remove ?? []) this.#filters.delete(filterId);
    for (const entry of change.add ?? []) this.#filters.set(entry.filterId, entry);
    this.#askAll((peer, answered) => peer.tail.change(change, answered), callback);
  }

  /** Current marks of every shard that can hold the filters (rule X3: HW at SUBSCRIBE). */
  marksFor(filters: readonly TenantFilter[], callback: AnswerCallback): void {
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
    this.#queues.close(error);
  }

  #askAll(ask: FilterQuestion, callback: AnswerCallback): void {
    const ready = [...this.#peers.values()].filter((peer) => peer.link.ready);
    askAll(ready, this.#timers, ask, callback);
  }

  #peerOf(streamId: number, shard: number): JournalPeer | undefined {
    const leader = this.#directory.leaderOf(streamId, shard);
    return leader === undefined ? undefined : this.#peers.get(leader.nodeId);
  }

  #readyPeer(streamId: number, shard: number): JournalPeer | undefined {
    const peer = this.#peerOf(streamId, shard);
    return peer?.link.ready === true ? peer : undefined;
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
    this.#queues.followStreams();
    this.#followLeaders();
  }

  /** A tail goes on at the new leader where the old one stopped. */
  #followLeaders(): void {
    const moved = new Map<JournalPeer, TailPosition[]>();
    for (const position of this.#positions.select(() => true)) {
      const peer = this.#readyPeer(position.streamId, position.shard);
      if (peer === undefined || peer.link.nodeId === position.nodeId) continue;
      const positions = moved.get(peer) ?? [];
      positions.push(position);
      moved.set(peer, positions);
    }
    for (const [peer, positions] of moved) peer.tail.resume(positions);
  }

  #connect(node: { readonly nodeId: string; readonly address: string }): JournalPeer {
    const { identity, kind, producerIds, door, credentials, connect } = this.#options;
    return new JournalPeer(this.#peerHost, {
      nodeId: node.nodeId,
      address: node.address,
      door: door?.(node.address) ?? grpcDoor(node.address, credentials, connect),
      hello: {
        gateway: { nodeId: identity.nodeId, incarnation: BigInt(identity.incarnation) },
        kind,
        producerIdBase: BigInt(producerIds.base),
        producerIdCount: producerIds.count,
        initialCreditBytes: BigInt(this.#peerHost.streamCreditBytes),
        shardCreditBytes: BigInt(this.#peerHost.shardCreditBytes),
      },
    });
  }

  #opened(peer: JournalPeer): void {
    const { nodeId } = peer.link;
    if (this.#options.onTail !== undefined) {
      // Of a shard without a leader too: a journal that comes back is here before the view says what it leads, and would
      // begin where the log ends by then.
      const resume = this.#positions.select(({ streamId, shard }) => {
        const leader = this.#directory.leaderOf(streamId, shard);
        return leader === undefined || leader.nodeId === nodeId;
      });
      for (const position of resume) position.nodeId = nodeId;
      peer.tail.open(this.#filters.values(), resume);
    }
    this.#options.onLink?.(nodeId, true, undefined);
    this.#queues.wake();
  }

  #broken(peer: JournalPeer, error: BrokerError): void {
    this.#options.onLink?.(peer.link.nodeId, false, error);
    // The shards of this journal may have moved already: what was lost here goes to the new leader.
    this.#queues.wake();
  }
}
