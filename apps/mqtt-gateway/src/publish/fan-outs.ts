// QoS 0 publishes of this gateway's clients to many receivers at once: in turns (N8). Their publisher is read no further until
// the last copy is made, so that nothing of it overtakes (I3). What waits so is bounded in bytes (I8).

import { TurnBudget, type Turns } from '@robustmq/runtime';
import type { Deliverer } from '../delivery/deliverer.ts';
import { Message } from '../delivery/message.ts';
import { MessageDelivery } from '../delivery/message-delivery.ts';
import type { TopicRoute } from '../delivery/topic-route.ts';
import { HOLD_FAN_OUT, type Held } from '../session/read-holds.ts';

/** Copies that are made at once: they take about a millisecond. */
export const AT_ONCE = 1_024;
/** Messages that may wait; what comes on top of that is delivered at once, as long as it may take. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;

interface FanOut {
  readonly delivery: MessageDelivery;
  readonly publisher: Held;
  readonly sizeBytes: number;
}

/** See the file head. */
export class FanOuts {
  readonly #deliverer: Deliverer;
  readonly #clock: Turns['clock'] & { nowMs(): number };
  readonly #timers: Turns['timers'];
  readonly #maxWaitingBytes: number;
  readonly #budget: TurnBudget;
  readonly #line: FanOut[] = [];
  #waitingBytes = 0;
  #isRunning = false;

  constructor(
    deliverer: Deliverer,
    { clock, timers }: Turns & { readonly clock: { nowMs(): number } },
    maxWaitingBytes = MAX_WAITING_BYTES,
  ) {
    this.#deliverer = deliverer;
    this.#clock = clock;
    this.#timers = timers;
    this.#maxWaitingBytes = maxWaitingBytes;
    this.#budget = new TurnBudget(clock, timers);
  }

  /** Messages on their way. */
  get size(): number {
    return this.#line.length;
  }

  /** Delivers to all receivers of the route; if they are many, a copy of the message and in other turns. */
  deliver(route: TopicRoute, message: Message, nowMs: number, publisher: Held): void {
    const { length } = route.receivers;
    if (length === 0) return;
    if (length <= AT_ONCE || this.#waitingBytes >= this.#maxWaitingBytes) {
      if (this.#deliverer.begin(message, nowMs)) this.#deliverer.deliver(route, null, 0);
      return;
    }
    const copy = copyOf(message);
    const sizeBytes = copy.payload.length + copy.forwardedProperties.length;
    const delivery = new MessageDelivery(this.#deliverer).start(route, copy);
    publisher.hold(HOLD_FAN_OUT);
    this.#line.push({ delivery, publisher, sizeBytes });
    this.#waitingBytes += sizeBytes;
    if (!this.#isRunning) this.#runLater();
  }

  #runLater(): void {
    this.#isRunning = true;
    this.#timers.soon(() => this.#run());
  }

  #run(): void {
    this.#isRunning = false;
    this.#budget.restart();
    const nowMs = this.#clock.nowMs();
    try {
      while (this.#line.length > 0 && this.#deliverFirst(nowMs) && !this.#budget.isSpent);
    } finally {
      if (this.#line.length > 0) this.#runLater();
    }
  }

  /** False when the slice is over first. What throws has had its turn: those behind it have theirs (N9). */
  #deliverFirst(nowMs: number): boolean {
    const { delivery, publisher, sizeBytes } = this.#line[0]!;
    let isOver = true;
    try {
      isOver = delivery.run(this.#budget, nowMs);
      return isOver;
    } finally {
      if (isOver) {
        this.#line.shift();
        this.#waitingBytes -= sizeBytes;
        this.#timers.soon(() => publisher.release(HOLD_FAN_OUT));
      }
    }
  }
}

/** In memory of its own: what the client sent is overwritten by what comes next. */
function copyOf(message: Message): Message {
  const { payload, payloadStart, payloadEnd } = message;
  return Object.assign(new Message(), message, {
    payload: Buffer.from(payload.subarray(payloadStart, payloadEnd)),
    payloadStart: 0,
    payloadEnd: payloadEnd - payloadStart,
  });
}
