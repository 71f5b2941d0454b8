// What the session's last connection had sent and the client had not acknowledged, until it is sent again (rule S3). Per
// shard there is a point below which everything was sent: what lies there and is not in flight is settled, whatever its
// QoS, and does not come again.

import type { SendWindow } from '@robustmq/mqtt-session';
import type { ShardTail } from '../delivery/shard-tail.ts';

/** A message in flight, or with identifier 0 the offset below which everything of its shard was sent. */
export interface HandedOver {
  readonly packetId: number;
  readonly tail: ShardTail;
  readonly offset: number;
}

/** Identifier of the row that says up to where a shard was sent; no message has it [MQTT-2.2.1-3]. */
export const SENT_BELOW = 0;

interface ShardHandover {
  readonly tail: ShardTail;
  sentBelow: number;
  /** Packet Identifier by offset. */
  readonly inFlight: Map<number, number>;
}

/** What is still to be sent again. */
export class Handover {
  readonly #window: SendWindow<ShardTail>;
  readonly #shards = new Map<number, ShardHandover>();

  constructor(window: SendWindow<ShardTail>, messages: readonly HandedOver[]) {
    this.#window = window;
    for (const { packetId, tail, offset } of messages) {
      let shard = this.#shards.get(tail.key);
      if (shard === undefined) {
        shard = { tail, sentBelow: 0, inFlight: new Map() };
        this.#shards.set(tail.key, shard);
      }
      shard.sentBelow = Math.max(shard.sentBelow, packetId === SENT_BELOW ? offset : offset + 1);
      if (packetId === SENT_BELOW) continue;
      window.restore(packetId, tail, offset);
      shard.inFlight.set(offset, packetId);
    }
  }

  /** Whether everything of it was sent again, or is known not to come. */
  get isOver(): boolean {
    return this.#shards.size === 0;
  }

  /** Whether a shard has messages that go by their own room in the window. */
  concerns(tail: ShardTail): boolean {
    return this.#shards.has(tail.key);
  }

  /** Whether the message at this place was sent by the last connection and needs nothing more. */
  isSettled(tail: ShardTail, offset: number): boolean {
    const shard = this.#shards.get(tail.key);
    if (shard === undefined) return false;
    if (offset >= shard.sentBelow) {
      this.#finish(shard);
      return false;
    }
    const packetId = shard.inFlight.get(offset);
    return packetId === undefined || !this.#window.holds(packetId);
  }

  /** The identifier of a message in flight, which is sent again with it; 0 when this is none, or the window is full. */
  resend(tail: ShardTail, offset: number): number {
    const shard = this.#shards.get(tail.key);
    const packetId = shard?.inFlight.get(offset);
    if (shard === undefined || packetId === undefined || !this.#window.resend(packetId)) return 0;
    shard.inFlight.delete(offset);
    return packetId;
  }

  /** Whether this place holds a message in flight. */
  holds(tail: ShardTail, offset: number): boolean {
    return this.#shards.get(tail.key)?.inFlight.has(offset) ?? false;
  }

  /** The shard is read up to `offset`: what did not come until there has expired or matches nothing any more. */
  readTo(tail: ShardTail, offset: number): void {
    const shard = this.#shards.get(tail.key);
    if (shard !== undefined && offset >= shard.sentBelow) this.#finish(shard);
  }

  /** Where each shard that is not finished was sent to, for the next owner. */
  *sentBelow(): Generator<{ readonly tail: ShardTail; readonly offset: number }> {
    for (const { tail, sentBelow } of this.#shards.values()) yield { tail, offset: sentBelow };
  }

  #finish(shard: ShardHandover): void {
    for (const packetId of shard.inFlight.values()) this.#window.acknowledge(packetId);
    this.#shards.delete(shard.tail.key);
  }
}
