// KafkaConnection: one client's socket. Cuts frames, starts requests, sends answers in order, and is bounded in every
// direction: frame size, requests in flight, bytes not taken by the client, time without a complete request.
import type { Socket } from 'node:net';
import { Principal } from '@robustmq/access-control';
import { BrokerError } from '@robustmq/errors';
import { KafkaFramer } from '@robustmq/kafka-codec';
import type { Timers, TimerWheel } from '@robustmq/runtime';
import type { ConnectionLimits } from './connection-limits.ts';
import { ConnectionTimer, type TimerKind } from './connection-timer.ts';
import type { GatewayParts } from './context.ts';
import { FetchWindow } from './fetch-window.ts';
import { HeldBytes } from './held-bytes.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { BatchLine } from './produce/batch-line.ts';
import { RequestQueue, type QueuedRequest } from './request-queue.ts';
import { requestOf, type RequestHost } from './request-start.ts';

/** What a connection shares with the others. */
export interface ConnectionShared {
  readonly parts: GatewayParts;
  readonly limits: ConnectionLimits;
  readonly wheel: TimerWheel;
  readonly timers: Timers;
  readonly budget: MemoryBudget;
}

const PRODUCE = 0;
const SMALL_REQUEST_BYTES = 64 * 1024;
const EMPTY: readonly Buffer[] = [];

/** See the file head. */
export class KafkaConnection implements RequestHost {
  readonly id: number;
  readonly clientHost: string;
  readonly principal: Principal;
  readonly localHost: string;
  readonly localPort: number;
  clientSoftware = '';
  readonly #socket: Socket;
  readonly #shared: ConnectionShared;
  readonly #framer: KafkaFramer;
  readonly #queue = new RequestQueue();
  readonly #timer: ConnectionTimer;
  readonly #held: HeldBytes;
  readonly #resume = (): void => this.#pump();
  #abort: AbortController | undefined;
  #seenRequest = false;
  #draining = false;
  #pumping = false;

  constructor(id: number, socket: Socket, shared: ConnectionShared) {
    this.id = id;
    this.#socket = socket;
    this.#shared = shared;
    this.principal = Principal.anonymous(shared.parts.settings.tenant);
    this.clientHost = plainHost(socket.remoteAddress);
    this.localHost = plainHost(socket.localAddress);
    this.localPort = socket.localPort ?? 0;
    const { maxProduceFrameBytes, maxControlFrameBytes } = shared.limits;
    this.#framer = new KafkaFramer({
      maxFrameBytes: Math.max(maxProduceFrameBytes, maxControlFrameBytes),
      maxFrameBytesOf: (apiKey) => (apiKey === PRODUCE ? maxProduceFrameBytes : maxControlFrameBytes),
    });
    this.#held = new HeldBytes(shared.budget, shared.parts.answers);
    this.#timer = new ConnectionTimer(shared.wheel, shared.limits, {
      movedBytes: () => this.#movedBytes(),
      timedOut: (kind) => this.#timedOut(kind),
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('drain', () => this.#pump());
    socket.on('end', () => this.#finish());
    // The close event follows and cleans up.
    socket.on('error', (error) =>
      shared.parts.log.debug({ connection: id, err: error }, 'connection failed'),
    );
    socket.on('close', () => this.#closed());
  }

  /** Made on demand: an idle connection needs none. */
  get closed(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#socket.destroyed || this.#ended) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Made on demand, as well. */
  get batches(): BatchLine {
    this.#batches ??= new BatchLine(this.#shared.parts.checks);
    return this.#batches;
  }

  #batches: BatchLine | undefined;

  get fetchWindow(): FetchWindow {
    this.#fetchWindow ??= new FetchWindow();
    return this.#fetchWindow;
  }

  #fetchWindow: FetchWindow | undefined;

  /** Requests not answered yet. */
  get requestsInFlight(): number {
    return this.#queue.length;
  }

  /**
   * Ends a connection that holds unread answers and has taken next to nothing of them since the last call. Nothing is
   * lost by that: whoever was only slow connects and asks again.
   */
  dropIfStalled(): void {
    if (!this.#held.isStalled(this.#movedBytes())) return;
    this.#shared.parts.strangers.info(
      'unread',
      { connection: this.id, client: this.clientHost, unreadBytes: this.#held.unreadBytes },
      'connection closed: it reads nothing and memory is short',
    );
    this.#socket.destroy();
  }

  /**
   * Takes no further requests and waits for nothing new; ends, and calls back, once what is under way was answered. What still
   * comes is read and left aside: the client's end of the stream lies behind it.
   */
  drain(answered: () => void): void {
    this.#draining = true;
    this.#onAnswered = answered;
    this.#socket.resume();
    this.#waitsNoLonger();
    this.#endIfDrained();
  }

  #onAnswered: (() => void) | undefined;

  /** Ends at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Ends at once if all that was asked for was answered and sent. */
  destroyIfServed(): void {
    if (this.#queue.length === 0 && this.#unsentBytes() === 0) this.destroy();
  }

  #received(chunk: Buffer): void {
    if (this.#draining) return;
    this.#framer.push(chunk);
    this.#pump();
  }

  /** Takes frames and starts requests as far as the bounds allow, and sends what is done. */
  #pump(): void {
    if (this.#pumping || this.#isRefused || this.#socket.destroyed) return;
    this.#pumping = true;
    try {
      do {
        this.#takeFrames();
        this.#startReady();
        // What was sent makes room for more.
      } while (this.#send());
      this.#flow(this.#mayRead());
    } catch (error) {
      this.refuse(error);
    } finally {
      this.#pumping = false;
      if (!this.#isInLargeRequest) this.#shared.budget.passed(this.#resume);
    }
  }

  #startReady(): void {
    if (this.#unsentBytes() >= this.#shared.limits.maxUnsentBytes) return;
    const { turns } = this.#shared.parts;
    if (!this.#queue.startReady(turns)) turns.wait(this.#resume);
  }

  #takeFrames(): void {
    while (this.#mayTake()) {
      const frame = this.#framer.next();
      if (frame === undefined) break;
      this.#enqueue(frame);
    }
    this.#account();
  }

  /** Frames that have arrived take no more memory when they are worked on, so one at a time always may be. */
  #mayTake(): boolean {
    const { limits, budget } = this.#shared;
    if (this.#draining || this.#queue.length >= limits.maxRequestsInFlight) return false;
    if (this.#unsentBytes() >= limits.maxUnsentBytes) return false;
    return !budget.exhausted || this.#queue.length === 0;
  }

  /** Without memory to spare a connection may still send something small, and one at a time the rest of something large. */
  #mayRead(): boolean {
    const { budget } = this.#shared;
    return this.#mayTake() && (!budget.exhausted || !this.#isInLargeRequest || budget.mayPass(this.#resume));
  }

  get #isInLargeRequest(): boolean {
    return this.#queue.length === 0 && this.#held.requestBytes >= SMALL_REQUEST_BYTES;
  }

  #unsentBytes(): number {
    return this.#socket.writableLength + this.#answeredBytes;
  }

  #account(): void {
    this.#held.account(this.#framer.bufferedBytes + this.#inFlightBytes, this.#unsentBytes());
  }

  #inFlightBytes = 0;
  /** Of answers that wait for an earlier one. */
  #answeredBytes = 0;

  #flow(mayRead: boolean): void {
    const { budget } = this.#shared;
    const busy = this.#queue.length > 0;
    if (mayRead || this.#draining) this.#socket.resume();
    else this.#socket.pause();
    if (budget.exhausted) budget.onRoom(this.#resume);
    // The time for the first request is not prolonged by parts of it.
    if (!this.#seenRequest) return;
    // Whoever reads nothing, or sends half a frame and stops, is let go.
    const stalls = this.#unsentBytes() > 0 || (!busy && this.#framer.bufferedBytes > 0);
    if (stalls) this.#timer.stalling();
    else if (busy) this.#timer.busy();
    else this.#timer.idle();
  }

  #movedBytes(): number {
    return this.#socket.bytesRead + this.#socket.bytesWritten - this.#socket.writableLength;
  }

  #timedOut(reason: TimerKind): void {
    const fields = { connection: this.id, client: this.clientHost, reason };
    this.#shared.parts.log.debug(fields, 'connection timed out');
    this.#socket.destroy();
  }

  #enqueue(frame: Buffer): void {
    const { parts } = this.#shared;
    parts.counters.requests += 1;
    this.#seenRequest = true;
    this.#queue.push(requestOf(frame, this, parts));
    this.#inFlightBytes += frame.length;
  }

  endBehindAnswers(): void {
    this.#send();
    this.#isRefused = true;
    this.#socket.destroySoon();
  }

  #isRefused = false;

  answered(request: QueuedRequest, chunks: readonly Buffer[]): void {
    // What comes after the end of the connection is nobody's.
    if (this.#socket.destroyed || this.#isRefused) return;
    request.answer = chunks;
    this.#answeredBytes += totalBytes(chunks);
    this.#pump();
  }

  /** Sends the answers at the head of the queue with one system call; whether there were any. */
  #send(): boolean {
    const answered = this.#queue.takeAnswered();
    if (answered.length === 0) return false;
    this.#socket.cork();
    for (const { answer, sizeBytes } of answered) {
      this.#inFlightBytes -= sizeBytes;
      this.#answeredBytes -= totalBytes(answer ?? EMPTY);
      for (const chunk of answer ?? EMPTY) this.#socket.write(chunk);
    }
    this.#socket.uncork();
    this.#account();
    this.#endIfDrained();
    return true;
  }

  refuse(error: unknown, api?: string): void {
    const { counters, log, strangers } = this.#shared.parts;
    const where = { connection: this.id, client: this.clientHost, software: this.clientSoftware, api };
    if (error instanceof BrokerError && error.code !== 'internal') {
      if (error.code === 'malformed' || error.code === 'too_large') counters.malformedFrames += 1;
      const fields = { ...where, code: error.code, reason: error.message };
      strangers.info(`${error.code} ${api}`, fields, 'connection closed');
    } else {
      log.error({ ...where, err: error }, 'request failed unexpectedly');
    }
    this.#socket.destroy();
  }

  #ended = false;

  /** The client sends no more: what it asked for is still answered, but nothing is waited for on its behalf. */
  #finish(): void {
    this.#isEnding = true;
    this.#waitsNoLonger();
    this.#pump();
    this.#endIfDrained();
  }

  /** Long polls answer with what there is, those to come included. */
  #waitsNoLonger(): void {
    this.#ended = true;
    this.#abort?.abort();
  }

  /** Complete frames that arrived before the end of the stream are still served (N10). */
  #isEnding = false;

  #endIfDrained(): void {
    if (this.#queue.length > 0) return;
    if (!this.#draining && !(this.#isEnding && !this.#framer.hasFrame)) return;
    this.#socket.end();
    this.#onAnswered?.();
    this.#onAnswered = undefined;
  }

  #closed(): void {
    this.#timer.stop();
    this.#shared.budget.forget(this.#resume);
    this.#shared.parts.turns.forget(this.#resume);
    this.#queue.clear();
    this.#held.release();
    this.#abort?.abort();
    this.#onAnswered?.();
  }
}

function totalBytes(chunks: readonly Buffer[]): number {
  let sizeBytes = 0;
  for (const chunk of chunks) sizeBytes += chunk.length;
  return sizeBytes;
}

/** IPv4 addresses arrive mapped into IPv6 on dual-stack sockets. */
function plainHost(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:/, '');
}
