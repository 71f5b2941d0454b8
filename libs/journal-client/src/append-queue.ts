// The appends of one shard under a gateway's own producer id (rule R6): one open batch that grows until it may leave,
// at most five unacknowledged, and after an error or a new stream all of them again, in order, before anything new.

import { BrokerError } from '@robustmq/errors';
import type { Cancel, Timers } from '@robustmq/runtime';
import {
  batchHeader,
  RecordBatchBuilder,
  type MqttFacts,
  type RecordHeader,
  type UserProperty,
} from '@robustmq/record-batch';
import { fromFailure, type AppendOutcome } from '@robustmq/rpc';
import type { AppendSender, AppendSource } from './append-sender.ts';
import type { ShardId } from './types.ts';

/** Five batches are what a leader remembers of a producer (KIP-98). */
export const MAX_IN_FLIGHT = 5;
const SEQUENCE_MODULUS = 2 ** 31;
const BACKOFF_MIN_MS = 5;
const BACKOFF_MAX_MS = 500;

/** What the queue needs of the client around it. */
export interface AppendQueueHost<T> {
  readonly maxBatchBytes: number;
  /** Time after which the tokens of a batch hear `deadline_exceeded`; the batch itself is still sent. */
  readonly deliveryTimeoutMs: number;
  readonly timers: Timers;
  now(): number;
  revision(): number;
  /** The sender of the shard's leader; undefined while there is none or it is not connected. */
  senderOf(queue: AppendQueue<T>): AppendSender | undefined;
  streamExists(streamId: number): boolean;
  /** A producer id of this incarnation that the shard has never seen; undefined when the range is used up. */
  nextProducerId(current: number): number | undefined;
  /**
   * One call per batch: offsets are baseOffset, baseOffset + 1, … in the order of the tokens. With an error `batch` holds
   * their records, so that they can be appended elsewhere.
   */
  onOutcome(
    queue: AppendQueue<T>,
    tokens: readonly T[],
    error: BrokerError | undefined,
    baseOffset: number,
    batch: Buffer | undefined,
  ): void;
  /** The queue takes records again after an append answered false. */
  onUnblocked(queue: AppendQueue<T>): void;
}

interface UnackedBatch<T> {
  readonly buffer: Buffer;
  readonly recordCount: number;
  tokens: readonly T[];
  readonly bornMs: number;
  readonly traceparent: string;
  sequence: number;
  sent: boolean;
  error: BrokerError | undefined;
}

/** Appends to one shard. Not for concurrent leaders: batches go to one sender at a time. */
export class AppendQueue<T> implements AppendSource, ShardId {
  readonly streamId: number;
  readonly shard: number;
  /** Whose records they are: what its creator said. */
  readonly tenant: string;
  /** An append answered false and `onUnblocked` has not been called since. */
  blocked = false;
  /** `mqtt.durability=memory` (rule R8), of what is sent from now on. */
  acknowledgeInMemory = false;
  /** The shard is gone: nothing more is appended here. */
  isClosed = false;
  readonly #host: AppendQueueHost<T>;
  readonly #open: RecordBatchBuilder;
  #openTokens: T[] = [];
  #openBornMs = 0;
  #openTraceparent = '';
  readonly #unacked: UnackedBatch<T>[] = [];
  #outstanding = 0;
  /** An error came: nothing is sent until all that is outstanding is answered and the backoff is over. */
  #held = false;
  #retry: Cancel | undefined;
  #failures = 0;
  #producerId: number;
  #nextSequence = 0;
  #sentTo: AppendSender | undefined;

  constructor(host: AppendQueueHost<T>, shard: ShardId, producerId: number, tenant = '') {
    this.#host = host;
    this.streamId = shard.streamId;
    this.shard = shard.shard;
    this.tenant = tenant;
    this.#producerId = producerId;
    this.#open = new RecordBatchBuilder({ maxBatchBytes: host.maxBatchBytes });
  }

  /** What the stream takes, if less than the host gathers, of what is added from now on. */
  set maxBatchBytes(bytes: number) {
    this.#open.maxBatchBytes = Math.min(bytes, this.#host.maxBatchBytes);
  }

  /** Memory that gathers records, whatever is in it. */
  get gatheringBytes(): number {
    return this.#open.heldBytes;
  }

  /** Records that no final answer came for. */
  get unacknowledgedRecords(): number {
    let records = this.#open.recordCount;
    for (const batch of this.#unacked) records += batch.recordCount;
    return records;
  }

  /**
   * Adds the record of an MQTT publish; see RecordBatchBuilder.appendMqtt. False: not taken, wait for `onUnblocked`.
   * @throws BrokerError too_large if the record alone exceeds the batch limit.
   */
  appendMqtt(
    timestampMs: number,
    topic: string | Uint8Array,
    payload: Uint8Array,
    payloadStart: number,
    payloadEnd: number,
    facts: MqttFacts,
    userProperties: readonly UserProperty[] | null,
    token: T,
  ): boolean {
    for (;;) {
      if (this.blocked || this.isClosed) return false;
      try {
        this.#open.appendMqtt(timestampMs, topic, payload, payloadStart, payloadEnd, facts, userProperties);
      } catch (error) {
        if (!this.#makeRoom(error)) return false;
        continue;
      }
      this.#added(token);
      return true;
    }
  }

  /** Adds any record; as {@link appendMqtt}. */
  append(
    timestampMs: number,
    key: Uint8Array | string | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[],
    token: T,
  ): boolean {
    for (;;) {
      if (this.blocked || this.isClosed) return false;
      try {
        this.#open.append(timestampMs, key, value, headers);
      } catch (error) {
        if (!this.#makeRoom(error)) return false;
        continue;
      }
      this.#added(token);
      return true;
    }
  }

  /** The record added last is sampled: its batch is traced under this context, unless one before it was. */
  sampled(traceparent: string): void {
    if (this.#openTraceparent === '') this.#openTraceparent = traceparent;
  }

  #added(token: T): void {
    if (this.#openTokens.length === 0) this.#openBornMs = this.#host.now();
    this.#openTokens.push(token);
    if (this.#openTokens.length === 1) this.#wake();
  }

  /** The open batch is full: closes it if one more may wait, else blocks. Rethrows what is no lack of room. */
  #makeRoom(error: unknown): boolean {
    const full = error instanceof BrokerError && error.code === 'too_large' && !this.#open.isEmpty;
    if (!full) throw error;
    if (this.#unacked.length >= MAX_IN_FLIGHT) {
      this.blocked = true;
      return false;
    }
    this.#closeBatch();
    return true;
  }

  #closeBatch(): void {
    const recordCount = this.#open.recordCount;
    const buffer = this.#open.finishCopy({
      producerId: this.#producerId,
      producerEpoch: 0,
      baseSequence: this.#nextSequence,
    });
    this.#unacked.push({
      buffer,
      recordCount,
      tokens: this.#openTokens,
      bornMs: this.#openBornMs,
      traceparent: this.#openTraceparent,
      sequence: this.#nextSequence,
      sent: false,
      error: undefined,
    });
    this.#nextSequence = (this.#nextSequence + recordCount) % SEQUENCE_MODULUS;
    this.#open.reset();
    this.#openTokens = [];
    this.#openTraceparent = '';
  }

  /** Asks for a place in the next frame if there is anything to send. */
  #wake(): void {
    if (this.#held) return;
    this.#host.senderOf(this)?.want(this);
  }

  /** The leader, its connection or the view changed. */
  wake(): void {
    if (this.#unacked.some((batch) => !batch.sent) || !this.#open.isEmpty) this.#wake();
  }

  /** Called by the sender when a frame leaves. */
  fill(sender: AppendSender): void {
    if (this.#held || this.#host.senderOf(this) !== sender) return;
    // A new leader may not see what an old one still holds: wait for its answers (or for its stream to break).
    if (this.#outstanding > 0 && this.#sentTo !== sender) return;
    this.#sentTo = sender;
    for (const batch of this.#unacked) if (!batch.sent) this.#send(sender, batch);
    if (this.#open.isEmpty || this.#unacked.length >= MAX_IN_FLIGHT) return;
    // None of this queue may be under way: then no answer of its own would wake it.
    if (!sender.hasCredit) return sender.awaitCredit(this);
    this.#closeBatch();
    this.#send(sender, this.#unacked[this.#unacked.length - 1]!);
  }

  #send(sender: AppendSender, batch: UnackedBatch<T>): void {
    batch.sent = true;
    batch.error = undefined;
    this.#outstanding++;
    sender.add({
      streamId: this.streamId,
      shard: this.shard,
      leaderEpoch: -1,
      batch: batch.buffer,
      acks: -1,
      acknowledgeInMemory: this.acknowledgeInMemory,
      timeoutMs: this.#host.deliveryTimeoutMs,
      minRevision: this.#host.revision(),
      traceparent: batch.traceparent,
      elidable: true,
      onOutcome: (outcome) => this.#answered(batch, outcome),
      onBroken: () => this.#lost(batch),
    });
  }

  #answered(batch: UnackedBatch<T>, outcome: AppendOutcome): boolean {
    const error = fromFailure(outcome.failure);
    const baseOffset = Number(outcome.baseOffset);
    this.#deliver(batch, error === undefined || error.code === 'duplicate', undefined, baseOffset);
    // The batch is kept, and repeated if need be, until HW has passed it (rule R8).
    if (outcome.inMemory) return false;
    this.#outstanding--;
    if (error === undefined || error.code === 'duplicate') {
      this.#unacked.splice(this.#unacked.indexOf(batch), 1);
      this.#failures = 0;
      this.#progress();
      return true;
    }
    batch.sent = false;
    batch.error = error;
    this.#held = true;
    if (this.#outstanding === 0) this.#recover();
    return true;
  }

  #deliver(batch: UnackedBatch<T>, now: boolean, error: BrokerError | undefined, baseOffset: number): void {
    if (!now || batch.tokens.length === 0) return;
    const { tokens } = batch;
    batch.tokens = [];
    this.#host.onOutcome(this, tokens, error, baseOffset, error === undefined ? undefined : batch.buffer);
  }

  #lost(batch: UnackedBatch<T>): void {
    this.#outstanding--;
    batch.sent = false;
    if (this.#held && this.#outstanding === 0) this.#recover();
  }

  /** A place became free: takes records again, sends what waited. */
  #progress(): void {
    if (this.#held && this.#outstanding === 0) this.#recover();
    if (this.blocked && this.#unacked.length < MAX_IN_FLIGHT) {
      this.blocked = false;
      this.#closeBatch();
      this.#wake();
      this.#host.onUnblocked(this);
      return;
    }
    this.wake();
  }

  /** Everything outstanding is answered and at least one batch failed: repairs the sequence, then repeats. */
  #recover(): void {
    const at = this.#unacked.findIndex((batch) => batch.error !== undefined);
    const head = this.#unacked[at];
    if (head?.error !== undefined) {
      const { error } = head;
      if (error.code === 'fenced' || !this.#host.streamExists(this.streamId)) {
        this.fail(error);
        return;
      }
      if (error.code === 'out_of_order') {
        const producerId = this.#host.nextProducerId(this.#producerId);
        if (producerId === undefined) {
          this.fail(error);
          return;
        }
        this.#producerId = producerId;
        this.#resequence(0);
      } else if (isFinal(error)) {
        this.#failFinal(at);
      }
    }
    const delayMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures++;
    this.#retry ??= this.#host.timers.after(delayMs, () => this.#resume());
  }

  /** Batches that a repeat can't mend, from index `from` on, fail at once; nothing behind the first was appended. */
  #failFinal(from: number): void {
    const { sequence } = this.#unacked[from]!;
    const behind = this.#unacked.splice(from);
    const failed = behind.filter(({ error }) => error !== undefined && isFinal(error));
    this.#unacked.push(...behind.filter((batch) => !failed.includes(batch)));
    this.#resequence(sequence, from);
    for (const batch of failed) this.#deliver(batch, true, batch.error, -1);
  }

  #resume(): void {
    this.#retry = undefined;
    this.#held = false;
    for (const batch of this.#unacked) batch.error = undefined;
    this.wake();
    if (this.blocked) this.#progress();
  }

  /** Numbers the batches from index `from` on anew: none of them was appended. */
  #resequence(sequence: number, from = 0): void {
    let next = sequence;
    for (let index = from; index < this.#unacked.length; index++) {
      const batch = this.#unacked[index]!;
      batch.sequence = next;
      batchHeader.stampProducer(batch.buffer, 0, this.#producerId, 0, next);
      next = (next + batch.recordCount) % SEQUENCE_MODULUS;
    }
    this.#nextSequence = next;
  }

  /**
   * Tells tokens whose delivery timeout is over; their batches stay, so that no sequence is used twice. To be called now and then:
   * memory that has not been used since is given back (I8).
   */
  expire(nowMs: number): void {
    this.#open.trim();
    const bound = nowMs - this.#host.deliveryTimeoutMs;
    for (const batch of this.#unacked) {
      if (batch.bornMs > bound) continue;
      this.#deliver(batch, true, deadlineExceeded(), -1);
    }
    if (this.#openTokens.length > 0 && this.#openBornMs <= bound) {
      const tokens = this.#openTokens;
      this.#openTokens = [];
      this.#closeAbandoned();
      this.#host.onOutcome(this, tokens, deadlineExceeded(), -1, undefined);
    }
  }

  /** The open batch was never sent and nobody waits for it any more. */
  #closeAbandoned(): void {
    this.#open.reset();
    if (!this.blocked) return;
    this.blocked = false;
    this.#host.onUnblocked(this);
  }

  /** The shard is gone: every token hears the error, and whoever waits for room is told to look elsewhere (N7). */
  close(error: BrokerError): void {
    this.isClosed = true;
    this.fail(error);
  }

  /**
   * Numbers from 0 under another producer id. Without one the numbers go on: used twice under one id, they would make a leader
   * take new records for a repeat (I1, R6).
   */
  #beginAnew(): void {
    const producerId = this.#host.nextProducerId(this.#producerId);
    if (producerId === undefined) return;
    this.#producerId = producerId;
    this.#nextSequence = 0;
  }

  /** Gives up what waits: every token hears the error. The queue takes records again, under another producer id. */
  fail(error: BrokerError): void {
    this.#retry?.();
    this.#retry = undefined;
    this.#held = true;
    if (!this.#open.isEmpty) this.#closeBatch();
    const batches = this.#unacked.splice(0);
    for (const batch of batches) this.#deliver(batch, true, error, -1);
    this.#held = false;
    // A closed queue appends nothing more: the few ids of an incarnation are for those that do.
    if (!this.isClosed) this.#beginAnew();
    if (!this.blocked) return;
    this.blocked = false;
    this.#host.onUnblocked(this);
  }
}

/** Errors that a repeat cannot mend: of the batch itself, or of a disk that is full for longer than anybody waits. */
function isFinal(error: BrokerError): boolean {
  switch (error.code) {
    case 'corrupt':
    case 'malformed':
    case 'invalid_argument':
    case 'too_large':
    case 'unsupported':
    case 'permission_denied':
    case 'storage_full':
      return true;
    default:
      return false;
  }
}

function deadlineExceeded(): BrokerError {
  return new BrokerError('deadline_exceeded', 'the shard did not commit in time');
}
