// KafkaConnection: one client's socket. Cuts frames, starts requests, sends answers in order, and is bounded in every
// direction: frame size, requests in flight, bytes not taken by the client, time without a complete request.
import type { Socket } from 'node:net';
import { anonymousPrincipal, type Principal } from '@robustmq/access-control';
import { BrokerError } from '@robustmq/errors';
import {
  encodeResponse,
  KafkaFramer,
  readRequestEnvelope,
  responseHeaderVersion,
  type RequestEnvelope,
} from '@robustmq/kafka-codec';
import { WheelTimer, type Timers, type TimerWheel } from '@robustmq/runtime';
import { NO_RESPONSE, type ApiRow, type Overlap, type WriteBody } from './api.ts';
import { API_TABLE } from './api-table.ts';
import type { ConnectionInfo, GatewayParts } from './context.ts';
import { FetchWindow } from './fetch-window.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { BatchLine } from './produce/batch-line.ts';
import { RequestQueue, type QueuedRequest } from './request-queue.ts';

/** Bounds of a connection. */
export interface ConnectionLimits {
  readonly maxProduceFrameBytes: number;
  /** No other request needs more. */
  readonly maxControlFrameBytes: number;
  readonly maxRequestsInFlight: number;
  /** Bytes that the client has not taken, beyond which no further request starts. */
  readonly maxUnsentBytes: number;
  readonly firstRequestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** For the rest of a frame that has begun, and for a client that reads nothing. */
  readonly stallTimeoutMs: number;
  /** While the memory for answers is used up, who has not read much for this long is let go. */
  readonly pressureTimeoutMs: number;
}

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
/** Above the stream's own high-water mark, so that a `drain` follows. */
const SMALL_ANSWER_BYTES = 64 * 1024;
const EMPTY: readonly Buffer[] = [];

/** See the file head. */
export class KafkaConnection implements ConnectionInfo {
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
  readonly #timer: WheelTimer;
  readonly #resume = (): void => this.#pump();
  #heldBytes = 0;
  #abort: AbortController | undefined;
  #seenRequest = false;
  #draining = false;
  #pumping = false;

  constructor(id: number, socket: Socket, shared: ConnectionShared) {
    this.id = id;
    this.#socket = socket;
    this.#shared = shared;
    this.principal = anonymousPrincipal(shared.parts.settings.tenant);
    this.clientHost = plainHost(socket.remoteAddress);
    this.localHost = plainHost(socket.localAddress);
    this.localPort = socket.localPort ?? 0;
    const { maxProduceFrameBytes, maxControlFrameBytes } = shared.limits;
    this.#framer = new KafkaFramer({
      maxFrameBytes: Math.max(maxProduceFrameBytes, maxControlFrameBytes),
      maxFrameBytesOf: (apiKey) => (apiKey === PRODUCE ? maxProduceFrameBytes : maxControlFrameBytes),
    });
    this.#timer = new WheelTimer(() => this.#timedOut());
    shared.wheel.arm(this.#timer, shared.limits.firstRequestTimeoutMs);
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
    const movedBytes = this.#movedBytes();
    const stalls = movedBytes - this.#movedAtCheck < SMALL_ANSWER_BYTES;
    const wasChecked = this.#movedAtCheck >= 0;
    this.#movedAtCheck = this.#countedBytes > 0 ? movedBytes : -1;
    if (!wasChecked || !stalls || this.#countedBytes === 0) return;
    this.#shared.parts.strangers.info(
      'unread',
      { connection: this.id, client: this.clientHost, unreadBytes: this.#countedBytes },
      'connection closed: it reads nothing and memory is short',
    );
    this.#socket.destroy();
  }

  #movedAtCheck = -1;

  /** Takes no further requests and waits for nothing new; ends, and calls back, once what is under way was answered. */
  drain(answered: () => void): void {
    this.#draining = true;
    this.#onAnswered = answered;
    this.#socket.pause();
    this.#waitsNoLonger();
    this.#endIfDrained();
  }

  #onAnswered: (() => void) | undefined;

  /** Ends at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  #received(chunk: Buffer): void {
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
        if (this.#unsentBytes() < this.#shared.limits.maxUnsentBytes) this.#queue.startReady();
        // What was sent makes room for more.
      } while (this.#send());
      this.#flow(this.#mayRead());
    } catch (error) {
      this.#refuse(error);
    } finally {
      this.#pumping = false;
    }
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

  /** Without memory to spare a connection may still send something small, so that nobody is shut out. */
  #mayRead(): boolean {
    return this.#mayTake() && (!this.#shared.budget.exhausted || this.#heldBytes < SMALL_REQUEST_BYTES);
  }

  #unsentBytes(): number {
    return this.#socket.writableLength + this.#answeredBytes;
  }

  /** Tells the budgets what this connection holds now. */
  #account(): void {
    const { budget, parts } = this.#shared;
    const heldBytes = this.#framer.bufferedBytes + this.#inFlightBytes;
    budget.add(heldBytes - this.#heldBytes);
    this.#heldBytes = heldBytes;
    // Nothing tells when the last small answer is taken, so that only large ones are counted.
    const unsentBytes = this.#unsentBytes();
    const countedBytes = unsentBytes < SMALL_ANSWER_BYTES ? 0 : unsentBytes;
    if (countedBytes !== this.#countedBytes) parts.answers.hold(countedBytes - this.#countedBytes);
    this.#countedBytes = countedBytes;
  }

  #inFlightBytes = 0;
  /** Of answers that wait for an earlier one. */
  #answeredBytes = 0;
  /** Unsent bytes that the budget knows of. */
  #countedBytes = 0;

  #flow(mayRead: boolean): void {
    const { budget, limits, wheel } = this.#shared;
    const busy = this.#queue.length > 0;
    if (mayRead) this.#socket.resume();
    else this.#socket.pause();
    if (budget.exhausted) budget.onRoom(this.#resume);
    // Whoever reads nothing, or sends half a frame and stops, is let go.
    const stalls = this.#unsentBytes() > 0 || (!busy && this.#framer.bufferedBytes > 0);
    if (stalls) {
      if (this.#timerKind !== 'stall') this.#arm('stall', limits.stallTimeoutMs);
    } else if (busy) {
      wheel.cancel(this.#timer);
      this.#timerKind = 'none';
    } else if (this.#seenRequest) {
      this.#arm('idle', limits.idleTimeoutMs);
    }
  }

  #timerKind: 'first' | 'idle' | 'stall' | 'none' = 'first';

  #arm(kind: 'idle' | 'stall', delayMs: number): void {
    this.#timerKind = kind;
    this.#bytesMoved = this.#movedBytes();
    this.#shared.wheel.arm(this.#timer, delayMs);
  }

  /** Bytes that went either way: tells a slow client from a stalled one. */
  #movedBytes(): number {
    return this.#socket.bytesRead + this.#socket.bytesWritten - this.#socket.writableLength;
  }

  #bytesMoved = 0;

  #timedOut(): void {
    if (this.#timerKind === 'stall' && this.#movedBytes() !== this.#bytesMoved) {
      this.#arm('stall', this.#shared.limits.stallTimeoutMs);
      return;
    }
    const { log } = this.#shared.parts;
    log.debug(
      { connection: this.id, client: this.clientHost, reason: this.#timerKind },
      'connection timed out',
    );
    this.#socket.destroy();
  }

  #enqueue(frame: Buffer): void {
    const { parts } = this.#shared;
    parts.counters.requests += 1;
    this.#seenRequest = true;
    const envelope = readRequestEnvelope(frame);
    const row = API_TABLE.get(envelope.apiKey);
    const start =
      row === undefined || envelope.body === undefined
        ? () => this.#answerUnserved(request, envelope, row)
        : () => this.#run(request, envelope, row);
    const overlap: Overlap = envelope.body === undefined ? 'exclusive' : (row?.overlap ?? 'exclusive');
    const request: QueuedRequest = {
      overlap,
      sizeBytes: frame.length,
      start,
      started: false,
      answer: undefined,
    };
    this.#inFlightBytes += frame.length;
    this.#queue.push(request);
  }

  #run(request: QueuedRequest, envelope: RequestEnvelope, row: ApiRow): void {
    const { apiVersion, clientId, correlationId, body } = envelope;
    if (body === undefined) return;
    const { parts } = this.#shared;
    const context = { gateway: parts, connection: this, apiVersion, clientId: clientId ?? '' };
    if (parts.debug.isOn) {
      const { tenant } = parts.settings;
      const fields = { client_id: context.clientId, tenant, api: row.name, api_version: apiVersion };
      parts.log.debug({ ...fields, connection: this.id, client: this.clientHost }, 'request');
    }
    let running: Promise<WriteBody | typeof NO_RESPONSE>;
    try {
      running = row.run(body, context);
    } catch (error) {
      this.#refuse(error, row.name);
      return;
    }
    running
      .then((write) => {
        if (write === NO_RESPONSE) this.#answered(request, EMPTY);
        else
          this.#answered(
            request,
            encodeResponse(correlationId, responseHeaderVersion(row.apiKey, apiVersion), write),
          );
      })
      .catch((error: unknown) => this.#refuse(error, row.name));
  }

  /** An answer in another version would be read as an empty success, so the connection ends, as in Kafka (N12). */
  #answerUnserved(request: QueuedRequest, envelope: RequestEnvelope, row: ApiRow | undefined): void {
    const { apiKey, apiVersion, correlationId, clientId } = envelope;
    const { counters, strangers } = this.#shared.parts;
    counters.unsupportedVersions += 1;
    const client = { client_id: clientId, client: this.clientHost, software: this.clientSoftware };
    const fields = { api_key: apiKey, api: row?.name, api_version: apiVersion, ...client };
    if (row?.fallback !== undefined) {
      strangers.debug('fallback', fields, 'client asks for a newer version and will fall back');
      this.#answered(request, encodeResponse(correlationId, 0, row.fallback));
      return;
    }
    strangers.warn(
      `version ${apiKey} ${apiVersion} ${this.clientSoftware}`,
      fields,
      'connection closed: the client uses an API version that is not served',
    );
    this.#send();
    this.#isRefused = true;
    // Once what was sent before is taken.
    this.#socket.destroySoon();
  }

  #isRefused = false;

  #answered(request: QueuedRequest, chunks: readonly Buffer[]): void {
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

  /** Bad input and failed acks=0 end this connection and nothing else. */
  #refuse(error: unknown, api?: string): void {
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
    this.#shared.wheel.cancel(this.#timer);
    this.#shared.budget.forget(this.#resume);
    this.#queue.clear();
    this.#shared.budget.add(-this.#heldBytes);
    this.#heldBytes = 0;
    this.#shared.parts.answers.hold(-this.#countedBytes);
    this.#countedBytes = 0;
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
