// Credit for what the journal sends (design section 4, frames): consumed bytes are given back in a few large grants.

import { create } from '@bufbuild/protobuf';
import { CreditFrameSchema, ShardCreditSchema, type ShardCredit } from '@robustmq/rpc';
import type { JournalLink } from './link.ts';
import type { ShardId } from './types.ts';

/** Gives back what callers have consumed of one link's data. */
export class LinkCredit {
  readonly #link: JournalLink;
  readonly #grantBytes: number;
  readonly #shards = new Map<string, { readonly streamId: number; readonly shard: number; bytes: number }>();
  #streamBytes = 0;

  /** @param grantBytes a frame leaves once so much was consumed. */
  constructor(link: JournalLink, grantBytes: number) {
    this.#link = link;
    this.#grantBytes = grantBytes;
  }

  /** Bytes of a frame that no shard is charged for (fetches, backlog). */
  consumed(bytes: number): void {
    this.#streamBytes += bytes;
    if (this.#streamBytes >= this.#grantBytes) this.#grant();
  }

  /** Tail bytes of one shard: charged to the stream and to the shard. */
  consumedOf(id: ShardId, bytes: number): void {
    if (bytes === 0) return;
    const key = `${id.streamId}/${id.shard}`;
    const shard = this.#shards.get(key);
    if (shard === undefined) this.#shards.set(key, { streamId: id.streamId, shard: id.shard, bytes });
    else shard.bytes += bytes;
    this.consumed(bytes);
  }

  /** A new instance starts with the credit of its hello. */
  reset(): void {
    this.#shards.clear();
    this.#streamBytes = 0;
  }

  #grant(): void {
    const shards: ShardCredit[] = [];
    for (const { streamId, shard, bytes } of this.#shards.values()) {
      shards.push(create(ShardCreditSchema, { streamId, shard, bytes: BigInt(bytes) }));
    }
    this.#link.send({
      case: 'credit',
      value: create(CreditFrameSchema, { streamBytes: BigInt(this.#streamBytes), shards }),
    });
    this.reset();
  }
}
