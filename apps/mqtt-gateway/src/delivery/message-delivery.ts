// One message that is in no log on its way to the receivers of its topic. It stops when the slice is used up and goes on where it
// was (N8); who unsubscribed in between gets it no more [MQTT-3.10.4-2].

import type { TurnBudget } from '@robustmq/runtime';
import type { Deliverer } from './deliverer.ts';
import type { Message } from './message.ts';
import type { Receiver } from './subscription.ts';
import type { TopicRoute } from './topic-route.ts';

/** Copies between two looks at the clock. */
const STEPS = 128;
const NOBODY: readonly Receiver[] = [];

/** Delivers one message after the other. */
export class MessageDelivery {
  readonly #deliverer: Deliverer;
  #route: TopicRoute | null = null;
  #message: Message | null = null;
  #receivers: readonly Receiver[] = NOBODY;
  #done = 0;

  constructor(deliverer: Deliverer) {
    this.#deliverer = deliverer;
  }

  /** The next one: it has to stay as it is until {@link run} is done with it. */
  start(route: TopicRoute, message: Message): this {
    this.#route = route;
    this.#message = message;
    this.#receivers = route.receivers;
    this.#done = 0;
    return this;
  }

  /** Delivers at least some copies; true when all are made, or the message has expired. */
  run(budget: Pick<TurnBudget, 'isSpent'>, nowMs: number): boolean {
    const { length } = this.#receivers;
    // Others have used the deliverer since the last slice.
    if (this.#done < length && !this.#deliverer.begin(this.#message!, nowMs)) return this.#end();
    while (this.#done < length) {
      const end = Math.min(length, this.#done + STEPS);
      this.#deliverTo(end);
      this.#done = end;
      if (end < length && budget.isSpent) return false;
    }
    return this.#end();
  }

  #end(): true {
    this.#route = null;
    this.#message = null;
    this.#receivers = NOBODY;
    return true;
  }

  #deliverTo(end: number): void {
    const route = this.#route!;
    const receivers = this.#receivers;
    if (route.receivers === receivers) {
      this.#deliverer.deliverRange(receivers, this.#done, end, null, 0);
      return;
    }
    for (let index = this.#done; index < end; index++) {
      const receiver = route.receiverOf(receivers[index]!.session);
      if (receiver !== undefined) this.#deliverer.deliverRange([receiver], 0, 1, null, 0);
    }
  }
}
