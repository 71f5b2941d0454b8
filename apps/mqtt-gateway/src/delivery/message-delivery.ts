// One message that is in no log on its way to the receivers of its topic. It stops when the slice is used up and goes on where it
// was (N8); who unsubscribed in between gets it no more [MQTT-3.10.4-2].

import type { TurnBudget } from '@robustmq/runtime';
import type { Deliverer } from './deliverer.ts';
import type { Message } from './message.ts';
import { type Receiver, Subscription } from './subscription.ts';
import type { TopicRoute } from './topic-route.ts';

/** Copies between two looks at the clock. */
const STEPS = 128;
const NOBODY: readonly Receiver[] = [];

/** Delivers one message after the other. */
export class MessageDelivery {
  readonly #deliverer: Deliverer;
  #message: Message | null = null;
  #receivers: readonly Receiver[] = NOBODY;
  #done = 0;

  constructor(deliverer: Deliverer) {
    this.#deliverer = deliverer;
  }

  /** The next one: it has to stay as it is until {@link run} is done with it. */
  start(route: TopicRoute, message: Message): this {
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
    this.#message = null;
    this.#receivers = NOBODY;
    return true;
  }

  /**
   * The route is not asked for its receivers again: who has subscribed since gets nothing of it, and with every change of a filter
   * all of them would be matched anew, in every slice.
   */
  #deliverTo(end: number): void {
    const receivers = this.#receivers;
    for (let from = this.#done; from < end;) {
      let to = from;
      while (to < end && isRouted(receivers[to]!)) to++;
      if (from < to) this.#deliverer.deliverRange(receivers, from, to, null, 0);
      from = to + 1;
    }
  }
}

/** Of one with several subscriptions the deliverer looks at each. */
function isRouted(receiver: Receiver): boolean {
  return !(receiver instanceof Subscription) || receiver.isRouted;
}
