// QoS 0 publishes of this gateway's clients to many receivers at once: in turns (N8). Their publisher is read no further until
// the last copy is made, so that nothing of it overtakes (I3), and as many messages wait as there are connections (I8).

import { TurnBudget, type Turns } from '@robustmq/runtime';
import type { Deliverer } from '../delivery/deliverer.ts';
import { Message } from '../delivery/message.ts';
import { MessageDelivery } from '../delivery/message-delivery.ts';
import type { TopicRoute } from '../delivery/topic-route.ts';
import { HOLD_FAN_OUT, type Held } from '../session/read-holds.ts';

/** Copies that are made at once: they take about a millisecond. */
export const AT_ONCE = 1_024;

interface FanOut {
  readonly delivery: MessageDelivery;
  readonly publisher: Held;
}

/** See the file head. */
export class FanOuts {
  readonly #deliverer: Deliverer;
  readonly #clock: Turns['clock'] & { nowMs(): number };
  readonly #timers: Turns['timers'];
  readonly #budget: TurnBudget;
  readonly #line: FanOut[] = [];
  #isRunning = false;

  constructor(deliverer: Deliverer, { clock, timers }: Turns & { readonly clock: { nowMs(): number } }) {
    this.#deliverer = deliverer;
    this.#clock = clock;
    this.#timers = timers;
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
    if (length <= AT_ONCE) {
      if (this.#deliverer.begin(message, nowMs)) this.#deliverer.deliver(route, null, 0);
      return;
    }
    publisher.hold(HOLD_FAN_OUT);
    const delivery = new MessageDelivery(this.#deliverer).start(route, copyOf(message));
    this.#line.push({ delivery, publisher });
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
    let done = 0;
    for (const { delivery, publisher } of this.#line) {
      if (!delivery.run(this.#budget, nowMs)) break;
      done++;
      this.#timers.soon(() => publisher.release(HOLD_FAN_OUT));
      if (this.#budget.isSpent) break;
    }
    this.#line.splice(0, done);
    if (this.#line.length > 0) this.#runLater();
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
