// Brings appends to the shard that they are for. One for a shard that is about to be led here waits, a second at most, and
// everything behind it: the batches of a producer stay in order.

import { BrokerError } from '@robustmq/errors';
import type { AppendRequest } from '../shard/pending.ts';
import type { RevisionWaits } from '../shard/revision-waits.ts';
import { shardKey, type Shard } from '../shard/shard.ts';

/** What routing needs of the server. */
export interface AppendRouterHost {
  readonly waits: Pick<RevisionWaits, 'reached' | 'wait'>;
  /** The shard as it is held here, whoever leads it. */
  heldShard(key: number): Shard | undefined;
  /** The shard for those who ask, or their error. */
  shardOf(streamId: number, shard: number): Shard | BrokerError;
  /** Nothing is served any more: who asks is told so at once. */
  isOver(): boolean;
  append(shard: Shard, request: AppendRequest): void;
}

/** Routes appends. */
export class AppendRouter {
  readonly #host: AppendRouterHost;
  readonly #parked = new Map<number, AppendRequest[]>();

  constructor(host: AppendRouterHost) {
    this.#host = host;
  }

  /** Takes an append. */
  submit(request: AppendRequest): void {
    const key = shardKey(request.streamId, request.shard);
    const parked = this.#parked.get(key);
    if (parked !== undefined) {
      parked.push(request);
      return;
    }
    if (this.#host.heldShard(key)?.leader !== undefined || this.#host.isOver()) this.#route(request);
    else {
      this.#parked.set(key, [request]);
      this.#host.waits.wait(
        () => this.#isSettled(key, request.minRevision),
        () => this.unpark(key),
      );
    }
  }

  /** The shard is led here now, or there is nothing left to wait for. */
  unpark(key: number): void {
    const parked = this.#parked.get(key);
    if (parked === undefined) return;
    this.#parked.delete(key);
    for (const request of parked) this.#route(request);
  }

  /** Whether waiting longer for the shard of a parked append would change nothing. */
  #isSettled(key: number, minRevision: number): boolean {
    const shard = this.#host.heldShard(key);
    if (shard !== undefined) return shard.leader !== undefined || shard.failure !== undefined;
    return minRevision > 0 && this.#host.waits.reached(minRevision);
  }

  #route(request: AppendRequest): void {
    const found = this.#host.shardOf(request.streamId, request.shard);
    if (found instanceof BrokerError) {
      if (request.acks !== 0) request.origin.refuse(request, found);
      request.origin.flush();
    } else this.#host.append(found, request);
  }
}
