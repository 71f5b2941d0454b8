// What the other gateways send, on its way to the sessions here: frame after frame, in slices of the loop's turn (N8). Frames that
// come faster than they are delivered wait, up to a bound; what is over it is lost, as everything may be on this way.

import type { PublishFrame } from '@robustmq/rpc';
import { TurnBudget, type Clock, type Timers } from '@robustmq/runtime';
import { BatchWalk, type WalkCounters } from '../delivery/batch-walk.ts';
import type { Deliverer } from '../delivery/deliverer.ts';
import { MessageDelivery } from '../delivery/message-delivery.ts';
import { RecordTopics } from '../delivery/record-topic.ts';
import type { TopicRoutes } from '../delivery/topic-route.ts';

/** Bytes of frames that may wait, beside the first. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** Records without receivers between two looks at the clock. */
const STEPS = 128;

/** What the intake needs around it. */
export interface IntakeHost {
  readonly clock: Clock;
  readonly timers: Timers;
  routesOf(tenant: string): TopicRoutes;
  /** Told of records that were received, and of those that will never be delivered. */
  readonly counters: { received: number; lost: number };
}

/** One per mesh. */
export class MeshIntake {
  readonly #host: IntakeHost;
  readonly #walk: BatchWalk;
  readonly #delivery: MessageDelivery;
  readonly #budget: TurnBudget;
  readonly #waiting: PublishFrame[] = [];
  #waitingBytes = 0;
  #frame: PublishFrame | null = null;
  /** Records of the frame that were received. */
  #received = 0;
  #isDelivering = false;
  #isInTurn = false;
  #isLater = false;
  #isClosed = false;

  constructor(host: IntakeHost, deliverer: Deliverer, walked: WalkCounters) {
    this.#host = host;
    this.#walk = new BatchWalk(new RecordTopics(), walked);
    this.#delivery = new MessageDelivery(deliverer);
    this.#budget = new TurnBudget(host.clock, host.timers);
  }

  /** Delivers what a peer sent, now or in later turns; what of it can't be read is lost, and counted. */
  receive(frame: PublishFrame): void {
    if (frame.count === 0 || this.#isClosed) return;
    if (this.#waitingBytes > 0 && this.#waitingBytes + frame.batch.length > MAX_WAITING_BYTES) {
      this.#host.counters.lost += frame.count;
      return;
    }
    this.#waiting.push(frame);
    this.#waitingBytes += frame.batch.length;
    this.#beginTurn();
    if (!this.#isLater) this.#advance();
  }

  /** Nothing more is delivered. */
  close(): void {
    this.#isClosed = true;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#frame = null;
  }

  /** All frames share one slice per turn of the loop. */
  #beginTurn(): void {
    if (this.#isInTurn) return;
    this.#isInTurn = true;
    this.#budget.restart();
    this.#host.timers.soon(() => {
      this.#isInTurn = false;
    });
  }

  #advance(): void {
    while (this.#frame !== null || this.#next()) {
      if (this.#budget.isSpent || !this.#deliver(this.#frame!)) {
        this.#isLater = true;
        this.#host.timers.soon(() => {
          this.#isLater = false;
          this.#beginTurn();
          this.#advance();
        });
        return;
      }
      this.#frame = null;
    }
  }

  /** Opens the next frame that can be read. */
  #next(): boolean {
    for (let frame = this.#waiting.shift(); frame !== undefined; frame = this.#waiting.shift()) {
      const { batch } = frame;
      this.#waitingBytes -= batch.length;
      this.#received = 0;
      const source = { stream: null, routes: this.#host.routesOf(frame.tenant) };
      try {
        const buffer = Buffer.from(batch.buffer, batch.byteOffset, batch.length);
        this.#walk.begin(buffer, 0, source, 0, true);
        this.#frame = frame;
        return true;
      } catch {
        this.#lost(frame);
      }
    }
    return false;
  }

  /** True when all of the frame is delivered. */
  #deliver(frame: PublishFrame): boolean {
    const nowMs = this.#host.clock.nowMs();
    let steps = 0;
    try {
      while (this.#isDelivering || this.#walk.next()) {
        if (!this.#isDelivering) this.#open();
        if (this.#isDelivering && !this.#delivery.run(this.#budget, nowMs)) return false;
        this.#isDelivering = false;
        if (++steps % STEPS === 0 && this.#budget.isSpent) return false;
      }
    } catch {
      this.#isDelivering = false;
      this.#lost(frame);
    }
    return true;
  }

  #open(): void {
    this.#received++;
    this.#host.counters.received++;
    const { route, message } = this.#walk;
    if (route === null || route.receivers.length === 0 || !this.#walk.read()) return;
    this.#delivery.start(route, message);
    this.#isDelivering = true;
  }

  /** A frame that contradicts itself: the peer counts it as sent, we count what did not arrive. */
  #lost(frame: PublishFrame): void {
    this.#host.counters.lost += Math.max(1, frame.count - this.#received);
  }
}
