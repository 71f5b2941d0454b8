// The session of a connected client: its subscriptions, its window and, for each shard, how far it has read. It lives as
// long as the connection; what must outlive it goes to meta when it is released (rules S1, S3).

import type { CatchUp, LaggingSession } from '../delivery/catch-up.ts';
import type { ShardTail } from '../delivery/shard-tail.ts';
import { ALREADY_ACKNOWLEDGED, WINDOW_FULL, type ShardLag } from '../delivery/subscriber.ts';
import type { Subscription } from '../delivery/subscription.ts';
import type { SocketOutput } from '../transport/socket-output.ts';
import type { ConnectTerms, MqttSession } from '@robustmq/mqtt-session';

/** What names a session and its owner's right to it. */
export interface SessionIdentity {
  readonly tenant: string;
  readonly clientId: string;
  readonly generation: bigint;
  readonly epoch: bigint;
  /** Names the session in records, for No Local: the same on every gateway. */
  readonly originId: number;
}

/** What a session needs of its gateway. */
export interface SessionSurroundings {
  readonly catchUp: CatchUp;
  /** Bytes that may wait for the client before QoS 1 messages are left for later. */
  readonly slowOutputBytes: number;
}

/** A message that the previous owner had in flight (rule S3). */
export interface HandedOver {
  readonly packetId: number;
  readonly tail: ShardTail;
  readonly offset: number;
}

/** One session on this gateway. */
export class ClientSession implements LaggingSession {
  readonly identity: SessionIdentity;
  readonly originId: number;
  readonly isVersion5: boolean;
  readonly maximumPacketBytes: number;
  readonly subscriptions = new Map<string, Subscription>();
  readonly machine: MqttSession<ShardTail>;
  output: SocketOutput | null;
  lag: Map<number, ShardLag> | null = null;
  isRedelivery = false;
  readonly expiryIntervalS: number;
  /** Whether cursors moved since they were last stored. */
  isCursorDirty = false;
  /** False until the subscriptions of a resumed session are active: until then the stored cursors hold. */
  isReading = true;
  readonly #catchUp: CatchUp;
  readonly #slowOutputBytes: number;
  /** Handed-over messages that were not sent again yet, by shard key and offset. */
  #handedOver: Map<number, Map<number, number>> | null = null;
  expiredOffsets = 0;

  constructor(
    identity: SessionIdentity,
    terms: ConnectTerms,
    machine: MqttSession<ShardTail>,
    output: SocketOutput,
    surroundings: SessionSurroundings,
  ) {
    this.identity = identity;
    this.originId = identity.originId;
    this.isVersion5 = terms.version === 5;
    this.maximumPacketBytes = terms.maximumPacketBytes;
    this.expiryIntervalS = terms.sessionExpiryIntervalS;
    this.machine = machine;
    this.output = output;
    this.#catchUp = surroundings.catchUp;
    this.#slowOutputBytes = surroundings.slowOutputBytes;
  }

  /** Whether it outlives its connection. */
  get isDurable(): boolean {
    return this.expiryIntervalS > 0;
  }

  get room(): number {
    const { output } = this;
    if (output === null || output.waitingBytes > this.#slowOutputBytes) return 0;
    // What was handed over has its place in the window already.
    return this.#handedOver === null ? this.machine.window.room : Math.max(1, this.machine.window.room);
  }

  filters(): readonly string[] {
    return [...this.subscriptions.keys()];
  }

  admit(tail: ShardTail, offset: number): number {
    this.isRedelivery = false;
    if (this.output === null || this.output.waitingBytes > this.#slowOutputBytes) return WINDOW_FULL;
    if (this.#handedOver !== null) {
      const packetId = this.#takeHandedOver(tail, offset);
      if (packetId !== WINDOW_FULL) return packetId;
    }
    return this.machine.admit(tail, offset);
  }

  /** The original identifier with DUP; what else lies up to the last handed-over offset was acknowledged (rule S3). */
  #takeHandedOver(tail: ShardTail, offset: number): number {
    const offsets = this.#handedOver!.get(tail.key);
    if (offsets === undefined) return WINDOW_FULL;
    const packetId = offsets.get(offset);
    if (packetId === undefined) {
      const last = Math.max(...offsets.keys());
      if (offset < last) return ALREADY_ACKNOWLEDGED;
      // They are behind and did not come again: expired meanwhile.
      for (const expired of offsets.values()) this.machine.window.acknowledge(expired);
      offsets.clear();
    } else {
      offsets.delete(offset);
      this.isRedelivery = true;
    }
    if (offsets.size === 0) this.#handedOver!.delete(tail.key);
    if (this.#handedOver!.size === 0) this.#handedOver = null;
    return packetId ?? WINDOW_FULL;
  }

  /** Takes over what the previous owner had in flight; before the first message. */
  takeOver(messages: readonly HandedOver[]): void {
    for (const { packetId, tail, offset } of messages) {
      this.machine.window.restore(packetId, tail, offset);
      this.#handedOver ??= new Map();
      let offsets = this.#handedOver.get(tail.key);
      if (offsets === undefined) this.#handedOver.set(tail.key, (offsets = new Map<number, number>()));
      offsets.set(offset, packetId);
    }
  }

  /** The client acknowledged a message. */
  acknowledged(): void {
    this.isCursorDirty = true;
    if (this.lag !== null) this.#catchUp.want(this);
  }

  /** The socket has room again. */
  drained(): void {
    if (this.lag !== null) this.#catchUp.want(this);
  }

  fallBehind(tail: ShardTail, offset: number): void {
    this.lagFrom(tail, offset, 0);
  }

  /** Reads the shard from `offset` on; the ring serves from `ringFrom` on. */
  lagFrom(tail: ShardTail, offset: number, ringFrom: number): void {
    (this.lag ??= new Map()).set(tail.key, { nextOffset: offset, ringFrom });
    this.#catchUp.want(this);
  }

  caughtUp(tail: ShardTail): void {
    if (this.lag === null) return;
    this.lag.delete(tail.key);
    if (this.lag.size === 0) this.lag = null;
  }

  expired(_tail: ShardTail, offsets: number): void {
    this.expiredOffsets += offsets;
  }

  /** The lowest offset of a shard that the client has not acknowledged or not been sent. */
  cursorOf(tail: ShardTail): number {
    const unread = this.lag?.get(tail.key)?.nextOffset ?? tail.nextOffset;
    const unacknowledged = this.machine.window.lowestOffset(tail);
    return unacknowledged === undefined ? unread : Math.min(unread, unacknowledged);
  }

  /** The connection is gone: takes nothing any more. */
  close(): void {
    this.output = null;
    this.#catchUp.forget(this);
  }
}
