// Acknowledgements of a client's QoS 1 publishes, in the order in which they were received [MQTT-4.6.0-2] (rule S5): an
// outcome that comes early waits for those before it.

/** One publish that waits for its outcome: the token that goes with its record. */
export class PendingAck {
  readonly queue: AckQueue;
  readonly packetId: number;
  /** Reason Code of the outcome, or -1 while there is none. */
  reasonCode = -1;

  constructor(queue: AckQueue, packetId: number) {
    this.queue = queue;
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
export type WriteAck = (packetId: number, reasonCode: number) => void;

const FIRST_SLOTS = 16;

/** The publishes of one connection without an acknowledgement: a ring that grows with use. */
export class AckQueue {
  readonly #write: WriteAck;
  #slots: (PendingAck | undefined)[] | null = null;
  #head = 0;
  #size = 0;
  #isOpen = true;

  constructor(write: WriteAck) {
    this.#write = write;
  }

  /** Publishes without an acknowledgement. */
  get size(): number {
    return this.#size;
  }

  /** The next publish received. */
  add(packetId: number): PendingAck {
    const slots = this.#slots;
    if (slots === null || this.#size === slots.length) this.#grow();
    const ring = this.#slots!;
    const pending = new PendingAck(this, packetId);
    ring[(this.#head + this.#size) & (ring.length - 1)] = pending;
    this.#size++;
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
      this.#write(first.packetId, first.reasonCode);
    }
  }

  /** The connection is gone: outcomes that come later are of no interest. */
  close(): void {
    this.#isOpen = false;
    this.#slots = null;
    this.#size = 0;
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
