// One instance of an Exchange stream, of a gateway or of a journal-server that follows: turns frames into calls and answers
// into frames. It owns nothing that outlives the stream.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { gatewayProducerIds, MAX_BATCH_BYTES } from '@robustmq/record-batch';
import {
  AppendOutcomeSchema,
  BacklogResultFrameSchema,
  ExchangeResponseSchema,
  HelloResultSchema,
  ServiceKind,
  toFailure,
  withPieces,
  type AppendFrame,
  type BacklogRead,
  type ExchangeRequest,
  type ExchangeResponse,
  type Hello,
  type Link,
  type NodeIdentity,
} from '@robustmq/rpc';
import type { Timers } from '@robustmq/runtime';
import { FilterFrames } from './filter-frames.ts';
import { FrameOut } from './frame-out.ts';
import { GatewayFilters } from './gateway-filters.ts';
import { PeerReports } from './peer-reports.ts';
import type { AppendAnswer, AppendOrigin, AppendRequest, PendingBatch } from '../shard/pending.ts';
import type { AnswerBudget, AnswerShare } from '../read/answer-budget.ts';
import { readBacklog, type BacklogAnswer, type BacklogIndex } from '../read/backlog.ts';
import { StreamFetches } from '../read/stream-fetches.ts';
import type { FetchWaiter } from '../read/fetch-waiters.ts';
import type { ReadTurns } from '../shard/read-turns.ts';
import { claimOf } from '../read/sparse-batches.ts';
import type { Shard } from '../shard/shard.ts';
import { GatewayTail } from './gateway-tail.ts';

/** What a stream needs of the server. */
export interface ExchangeHost {
  readonly identity: { readonly nodeId: string; readonly incarnation: number; readonly directoryId: string };
  monotonicMs(): number;
  submit(request: AppendRequest): void;
  shardOf(streamId: number, shard: number): Shard | BrokerError;
  hasEnded(nodeId: string, incarnation: number): boolean;
  /** Whether the cluster places a copy of the shard in that node's directory. */
  holdsCopy(
    streamId: number,
    shard: number,
    node: { readonly nodeId: string; readonly directoryId: string },
  ): boolean;
  /** Shards led here that MQTT can see. */
  visibleShards(): Iterable<Shard>;
  whenRevision(revision: number, callback: () => void): void;
  waiters(shard: Shard): Set<FetchWaiter>;
  readFailed(shard: Shard, error: BrokerError): void;
  readonly index: BacklogIndex | undefined;
  readonly answers: AnswerBudget;
  readonly turns: ReadTurns;
  readonly timers: Timers;
}

/** Bytes of appends that a gateway may have unanswered. */
const APPEND_CREDIT_BYTES = 32 * 1024 * 1024;
/** Backlog reads of one stream that wait. */
const MAX_QUEUED_READS = 65_536;
/** Backlog reads of one stream that run at a time. */
const MAX_RUNNING_READS = 4;

/** One stream instance. */
export class Exchange implements AppendOrigin {
  readonly #host: ExchangeHost;
  readonly #link: Link<ExchangeResponse, ExchangeRequest>;
  readonly #out = new FrameOut((frame, bytes) => this.#sendOut(frame, bytes));
  readonly #filters = new GatewayFilters();
  readonly #fetches: StreamFetches;
  readonly #answers: AnswerShare;
  readonly #reads: BacklogRead[] = [];
  readonly #filterFrames: FilterFrames;
  #runningReads = 0;
  #tail: GatewayTail | undefined;
  #hello: Hello | undefined;
  #peer: PeerReports | undefined;
  #streamCredit = 0;
  #closed = false;
  readonly #onClosed: () => void;

  constructor(link: Link<ExchangeResponse, ExchangeRequest>, host: ExchangeHost, onClosed: () => void) {
    this.#link = link;
    this.#host = host;
    this.#onClosed = onClosed;
    this.#answers = host.answers.share();
    this.#fetches = new StreamFetches({
      shardOf: (streamId, shard) => host.shardOf(streamId, shard),
      whenRevision: (revision, callback) => host.whenRevision(revision, callback),
      waiters: (shard) => host.waiters(shard),
      send: (frame, taken) => this.#send(frame, taken),
      answers: this.#answers,
      turns: host.turns,
      timers: host.timers,
      streamCredit: () => this.#streamCredit,
      spend: (bytes) => this.#spend(bytes),
      readFailed: (shard, error) => host.readFailed(shard, error),
    });
    this.#filterFrames = new FilterFrames({
      filters: this.#filters,
      turns: host.turns,
      tail: () => (this.#tail ??= this.#openTail()),
      shardOf: (streamId, shard) => host.shardOf(streamId, shard),
      visibleShards: () => host.visibleShards(),
      whenRevision: (revision, callback) => host.whenRevision(revision, callback),
      flush: () => this.#out.flush(),
      send: (frame) => this.#send(frame),
      failed: (error) => this.#fail(error),
    });
    link.listen({ onFrame: (request) => this.#receive(request), onOver: () => this.close() });
  }

  ownsProducer(producerId: number): boolean {
    if (this.#hello === undefined || !gatewayProducerIds.include(producerId)) return false;
    const base = Number(this.#hello.producerIdBase);
    return producerId >= base && producerId < base + this.#hello.producerIdCount;
  }

  answer(request: AppendRequest, answer: AppendAnswer, inMemory: boolean): void {
    this.#out.outcome(
      create(AppendOutcomeSchema, {
        correlation: BigInt(request.correlation),
        baseOffset: BigInt(answer.baseOffset),
        logAppendTimeMs: BigInt(answer.logAppendTimeMs),
        logStartOffset: BigInt(answer.logStartOffset),
        leaderEpoch: answer.leaderEpoch,
        inMemory,
      }),
    );
  }

  refuse(request: AppendRequest, error: BrokerError): void {
    this.#out.outcome(
      create(AppendOutcomeSchema, {
        correlation: BigInt(request.correlation),
        failure: toFailure(error),
        baseOffset: -1n,
        logAppendTimeMs: -1n,
        logStartOffset: -1n,
        leaderEpoch: -1,
      }),
    );
  }

  /** Ends the stream if the lease of its caller has ended: nothing of that incarnation is taken any more (rule F1). */
  fence(): void {
    const caller = this.#hello?.peer ?? this.#hello?.gateway;
    if (caller === undefined || !this.#host.hasEnded(caller.nodeId, Number(caller.incarnation))) return;
    this.#fail(new BrokerError('fenced', 'the lease of the caller has ended'));
  }

  /** Batches that are in the log, and may not be durable anywhere. */
  appended(shard: Shard): void {
    this.#peer?.moved(shard);
  }

  /** Batches that HW has passed; their answers are in the frame already. */
  committed(shard: Shard, batches: readonly PendingBatch[]): void {
    this.#peer?.moved(shard);
    if (shard.mqttVisible) this.#tail?.committed(shard, batches);
  }

  /** The shard is not led here any more. */
  dropShard(shard: Shard): void {
    this.#tail?.drop(shard);
    this.#peer?.drop(shard);
  }

  reportSkipped(): void {
    this.#tail?.reportSkipped();
    this.flush();
  }

  flush(): void {
    if (this.#closed) return;
    this.#out.flush();
    this.#peer?.flush();
  }

  /** Tells the gateway that this server drains, and ends the stream. */
  goAway(reason: string): void {
    this.#send({ case: 'goAway', value: { $typeName: 'robustmq.journal.v1.GoAwayFrame', reason } });
    this.close();
    this.#link.end();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#tail?.close();
    this.#filterFrames.close();
    this.#fetches.close();
    this.#reads.length = 0;
    this.#answers.close();
    this.#onClosed();
  }

  /** @param taken called when the frame has left this process, or the stream has broken. */
  #send(frame: ExchangeResponse['frame'], taken?: () => void): void {
    if (!this.#closed) this.#link.send(create(ExchangeResponseSchema, { frame }), taken);
  }

  /** Results and tail wait for nothing; what they hold counts, so that reads wait instead. */
  #sendOut(frame: ExchangeResponse['frame'], bytes: number): void {
    if (this.#closed) return;
    this.#answers.claimMore(bytes);
    this.#send(frame, bytes === 0 ? undefined : () => this.#answers.release(bytes));
  }

  #fail(error: BrokerError): void {
    this.close();
    this.#link.cancel(error);
  }

  #spend(bytes: number): void {
    this.#streamCredit -= bytes;
  }

  #receive(request: ExchangeRequest): void {
    if (this.#closed) return;
    const { frame } = request;
    try {
      if (this.#hello === undefined && frame.case !== 'hello') {
        throw new BrokerError('malformed', 'the first frame of a stream is hello');
      }
      if (frame.case === 'hello') this.#greet(frame.value);
      else if (this.#peer === undefined) this.#ofGateway(frame);
      else this.#ofPeer(this.#peer, frame);
    } catch (error) {
      this.#fail(BrokerError.from(error));
    }
  }

  #ofGateway(frame: ExchangeRequest['frame']): void {
    switch (frame.case) {
      case 'append':
        return this.#append(frame.value);
      case 'fetch':
        return this.#fetches.start(frame.value);
      case 'cancelFetch':
        return this.#fetches.cancel(Number(frame.value.requestId));
      case 'filters':
        return this.#filterFrames.receive(frame.value);
      case 'backlog':
        return this.#queueReads(frame.value.reads);
      case 'credit':
        return this.#credit(frame.value);
      default:
        throw new BrokerError('unsupported', `gateways send no frame '${frame.case ?? 'unknown'}'`);
    }
  }

  #ofPeer(peer: PeerReports, frame: ExchangeRequest['frame']): void {
    if (frame.case === 'report') peer.report(frame.value);
    else if (frame.case === 'fetch') {
      throw new BrokerError('unsupported', 'followers are not fed yet: this version keeps one replica');
    } else throw new BrokerError('unsupported', `journal-servers send no frame '${frame.case ?? 'unknown'}'`);
  }

  #greet(hello: Hello): void {
    if (this.#hello !== undefined) throw new BrokerError('malformed', 'a second hello');
    this.#hello = hello;
    this.fence();
    if (this.#closed) return;
    if (hello.peer !== undefined) this.#greetPeer(hello, hello.peer);
    this.#streamCredit = Number(hello.initialCreditBytes);
    const { nodeId, incarnation, directoryId } = this.#host.identity;
    this.#send({
      case: 'hello',
      value: create(HelloResultSchema, {
        journal: { nodeId, incarnation: BigInt(incarnation), directoryId },
        appendCreditBytes: BigInt(APPEND_CREDIT_BYTES),
        maxBatchBytes: MAX_BATCH_BYTES,
      }),
    });
  }

  #greetPeer({ kind, gateway }: Hello, { nodeId, incarnation, directoryId }: NodeIdentity): void {
    if (gateway !== undefined || kind !== ServiceKind.JOURNAL) {
      throw new BrokerError('malformed', 'a caller is a gateway or a journal-server that follows');
    }
    const host = this.#host;
    this.#peer = new PeerReports({
      member: { nodeId, incarnation: Number(incarnation) },
      monotonicMs: () => host.monotonicMs(),
      shardOf: (streamId, shard) => host.shardOf(streamId, shard),
      holdsCopy: (streamId, shard) => host.holdsCopy(streamId, shard, { nodeId, directoryId }),
      send: (frame) => this.#send(frame),
    });
  }

  #append(frame: AppendFrame): void {
    const { batches } = frame;
    const nowMs = this.#host.monotonicMs();
    let position = 0;
    for (const section of frame.sections) {
      const end = position + section.sizeBytes;
      if (end > batches.length) throw new BrokerError('malformed', 'sections exceed the frame');
      this.#host.submit({
        origin: this,
        correlation: Number(section.correlation),
        streamId: section.streamId,
        shard: section.shard,
        leaderEpoch: section.leaderEpoch,
        acks: section.acks,
        acknowledgeInMemory: section.acknowledgeInMemory,
        minRevision: Number(section.minRevision),
        traceparent: section.traceparent,
        deadlineMs: section.timeoutMs > 0 ? nowMs + section.timeoutMs : Infinity,
        bytes: Buffer.from(batches.buffer, batches.byteOffset + position, section.sizeBytes),
      });
      position = end;
    }
  }

  #credit(frame: {
    readonly streamBytes: bigint;
    readonly shards: readonly { streamId: number; shard: number; bytes: bigint }[];
  }): void {
    const limit = Number(this.#hello?.initialCreditBytes ?? 0n);
    this.#streamCredit = Math.min(limit, this.#streamCredit + Number(frame.streamBytes));
    for (const { streamId, shard, bytes } of frame.shards)
      this.#tail?.creditOf(streamId, shard, Number(bytes));
    this.#tail?.creditReturned();
    this.#fetches.creditReturned();
    this.#runReads();
  }

  #openTail(): GatewayTail {
    return new GatewayTail({
      origin: this,
      filters: this.#filters,
      out: this.#out,
      turns: this.#host.turns,
      shardCreditBytes: Number(this.#hello?.shardCreditBytes ?? 0n),
      streamCredit: () => this.#streamCredit,
      spend: (bytes) => this.#spend(bytes),
      takes: () => this.#answers.hasRoom,
      readFailed: (shard, error) => this.#host.readFailed(shard, error),
    });
  }

  #queueReads(reads: readonly BacklogRead[]): void {
    if (this.#reads.length + reads.length > MAX_QUEUED_READS) {
      throw new BrokerError('quota_exceeded', 'too many backlog reads');
    }
    this.#reads.push(...reads);
    this.#runReads();
  }

  #runReads(): void {
    while (this.#runningReads < MAX_RUNNING_READS && this.#reads.length > 0 && this.#streamCredit > 0) {
      const read = this.#reads.shift()!;
      this.#runningReads++;
      const claimBytes = claimOf(read.maxBytes);
      this.#answers.whenClaimed(claimBytes, () => void this.#runRead(read, claimBytes));
    }
  }

  async #runRead(read: BacklogRead, claimBytes: number): Promise<void> {
    const shard = this.#host.shardOf(read.streamId, read.shard);
    const answer = await readBacklog(shard, read, this.#host);
    this.#answers.claimMore(answer.sizeBytes - claimBytes);
    this.#answers.release(claimBytes - answer.sizeBytes);
    this.#runningReads--;
    this.#answerRead(answer);
    this.#runReads();
  }

  #answerRead({ outcome, pieces, sizeBytes }: BacklogAnswer): void {
    this.#spend(sizeBytes);
    const frame = create(BacklogResultFrameSchema, { outcomes: [outcome] });
    this.#send({ case: 'backlog', value: withPieces(frame, pieces) }, () => this.#answers.release(sizeBytes));
  }
}
