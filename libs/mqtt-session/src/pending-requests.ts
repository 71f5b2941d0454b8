// SUBSCRIBE and UNSUBSCRIBE of one connection that are not answered yet: how many there may be (I8), and their answers.

import { BrokerError } from '@robustmq/errors';
import { REASON, type Packet, type SubscribePacket, type UnsubscribePacket } from '@robustmq/mqtt-codec';
import type { SessionPolicy } from './connect/policy.ts';
import type { ConnectTerms } from './connect/request.ts';
import {
  subackOf,
  subscribeRequestOf,
  unsubackOf,
  unsubscribeRequestOf,
  type SubscribeRequest,
  type UnsubscribeRequest,
} from './subscribe-request.ts';

/** The requests of one connection. */
export class PendingRequests {
  readonly #policy: SessionPolicy;
  readonly #terms: ConnectTerms;
  #count = 0;

  constructor(policy: SessionPolicy, terms: ConnectTerms) {
    this.#policy = policy;
    this.#terms = terms;
  }

  /** Requests that have no answer. */
  get size(): number {
    return this.#count;
  }

  /** Whether there is one too many. */
  get isOver(): boolean {
    return this.#count > this.#policy.maximumPendingRequests;
  }

  /**
   * SUBSCRIBE of a session that holds `held`. One too many has an answer for every entry already.
   * @throws BrokerError malformed.
   */
  subscribe(packet: SubscribePacket, held: ReadonlyMap<string, unknown>): SubscribeRequest {
    const request = subscribeRequestOf(packet, this.#terms, held, this.#policy);
    this.#count++;
    if (this.isOver) for (const entry of request.entries) entry.reasonCode = REASON.quotaExceeded;
    return request;
  }

  /**
   * UNSUBSCRIBE. UNSUBACK has no code for one too many and 3.x none at all, so a client that asks without end is cut off.
   * @throws BrokerError malformed, quota_exceeded.
   */
  unsubscribe(packet: UnsubscribePacket): UnsubscribeRequest {
    const request = unsubscribeRequestOf(packet);
    this.#count++;
    if (this.isOver) throw new BrokerError('quota_exceeded', 'too many requests wait for an answer');
    return request;
  }

  /** SUBACK: every entry has its answer [MQTT-3.8.4-1]. */
  subscribed(request: SubscribeRequest): Packet {
    this.#count--;
    return subackOf(request, this.#terms.version);
  }

  /** UNSUBACK: every entry has its answer [MQTT-3.10.4-4]. */
  unsubscribed(request: UnsubscribeRequest): Packet {
    this.#count--;
    return unsubackOf(request, this.#terms.version);
  }
}
