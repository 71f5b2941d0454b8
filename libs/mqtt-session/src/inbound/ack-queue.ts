// What the server owes a client for what it sent, in the order in which that was received [MQTT-4.6.0-2] [MQTT-4.6.0-3]
// (rule S5): PUBACK, PUBREC and PUBCOMP stand in one line, and one whose outcome comes early waits for those before it.

import { PACKET_TYPE } from '@robustmq/mqtt-codec';

/** An acknowledgement towards the client of what it publishes. */
export type InboundAckType =
  typeof PACKET_TYPE.puback | typeof PACKET_TYPE.pubrec | typeof PACKET_TYPE.pubcomp;

/** One packet that waits for its outcome: of a PUBLISH, the token that goes with its record. */
export class PendingAck {
  readonly queue: AckQueue;
  readonly type: InboundAckType;
  readonly packetId: number;
  /** Reason Code of the outcome, or -1 while there is none. */
  reasonCode = -1;

  constructor(queue: AckQueue, type: InboundAckType, packetId: number) {
    this.queue = queue;
    this.type = type;
    this.packetId = packetId;
  }

  /** The outcome: `reasonCode` below 0x80 once the append is committed, a failure otherwise. Later ones are ignored. */
  settle(reasonCode: number): void {
    if (this.reasonCode >= 0) return;
    this.reasonCode = reasonCode;
    this.queue.release();
  }
}

/** Writes one acknowledgement; it may close the queue. */
export type WriteAck = (type: InboundAckType, packetId: number, reasonCode: number) => void;

const FIRST_SLOTS = 16;

/** The packets of one connection without an acknowledgement: a ring that grows with use. */
export class AckQueue {
  readonly #write: WriteAck;
  #slots: (PendingAck | undefined)[] | null = null;
  #head = 0;
  #size = 0;
  #unacknowledged = 0;
  #isOpen = true;

  constructor(write: WriteAck) {
    this.#write = write;
  }

  /** Packets without an acknowledgement. */
  get size(): number {
    return this.#size;
  }

  /** QoS 1 publishes among them: what counts against Receive Maximum. */
  get unacknowledged(): number {
    return this.#unacknowledged;
  }

  /** The next packet received, and what it is answered with. */
  add(type: InboundAckType, packetId: number): PendingAck {
    const slots = this.#slots;
    if (slots === null || this.#size === slots.length) this.#grow();
    const ring = this.#slots!;
    const pending = new PendingAck(this, type, packetId);
    ring[(this.#head + this.#size) & (ring.length - 1)] = pending;
    this.#size++;
    if (type === PACKET_TYPE.puback) this.#unacknowledged++;
    return pending;
  }

  /** Writes every acknowledgement that nothing before it holds up. */
  release(): void {
    const ring = this.#slots;
    while (this.#isOpen && this.#size > 0) {
      const first = ring![this.#head]!;
      if (first.reasonCode < 0) return;
      ring![this.#head] = undefined;
      this.#head = (this.#head + 1) & (ring!.length - 1);
      this.#size--;
      if (first.type === PACKET_TYPE.puback) this.#unacknowledged--;
      this.#write(first.type, first.packetId, first.reasonCode);
    }
  }

  /** The connection is gone: outcomes that come later are of no interest. */
  close(): void {
    this.#isOpen = false;
    this.#slots = null;
    this.#size = this.#unacknowledged = 0;
  }

  #grow(): void {
    const old = this.#slots;
    const capacity = old === null ? FIRST_SLOTS : old.length * 2;
    const slots = new Array<PendingAck | undefined>(capacity).fill(undefined);
    for (let index = 0; index < this.#size; index++) {
      slots[index] = old![(this.#head + index) & (old!.length - 1)];
    }
    this.#slots = slots;
    this.#head = 0;
  }
}
