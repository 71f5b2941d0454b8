// QoS 2 publishes of a client between PUBLISH and PUBCOMP (rule S2): under which sequence, and in which shard, each was
// appended. A repeat of one goes to the same shard under the same sequence, whoever owns its topic by then, so that the
// leader recognises it (rule R7). The rows behind it are written by others: before PUBREC, and before PUBCOMP.

import { assert } from '@robustmq/errors';

/** A shard of a stream. */
export interface LedgerShard {
  readonly streamId: number;
  readonly shard: number;
}

/** One publish that is not complete. */
export interface InboundEntry extends LedgerShard {
  readonly packetId: number;
  /** Part of its dedupe key; of each session ascending, and never given twice. */
  readonly sequence: bigint;
}

/** A session epoch has the upper bits of its sequences: an owner can't repeat those of an earlier one. */
const EPOCH_BITS = 32n;

/** The incomplete publishes of one session; empty, it costs no more than its name. */
export class InboundLedger {
  #entries: Map<number, InboundEntry> | null = null;
  #nextSequence = 0n;

  /** Publishes that are not complete: they count against Receive Maximum. */
  get size(): number {
    return this.#entries?.size ?? 0;
  }

  /** Begins an epoch of the session with what its rows say. */
  begin(epoch: bigint, entries: readonly InboundEntry[]): void {
    this.#nextSequence = epoch << EPOCH_BITS;
    if (entries.length === 0) return;
    this.#entries = new Map(entries.map((entry) => [entry.packetId, entry]));
  }

  /** A PUBLISH: what an earlier copy of it got, else a sequence of its own in the shard that owns its topic now. */
  take(packetId: number, { streamId, shard }: LedgerShard): InboundEntry {
    const known = this.#entries?.get(packetId);
    if (known !== undefined) return known;
    assert(this.#nextSequence > 0n, 'sequences begin with the epoch of the session');
    const entry = { packetId, sequence: this.#nextSequence++, streamId, shard };
    (this.#entries ??= new Map()).set(packetId, entry);
    return entry;
  }

  /** PUBREL, or a PUBLISH that failed: it is complete. False: nothing is known of it. */
  release(packetId: number): boolean {
    return this.#entries?.delete(packetId) ?? false;
  }

  /** No publish below will be repeated: what leaders may forget of the session (rule R7). */
  get lowestUnreleased(): bigint {
    let lowest = this.#nextSequence;
    for (const { sequence } of this.entries()) if (sequence < lowest) lowest = sequence;
    return lowest;
  }

  /** What the rows of the session hold. */
  entries(): IterableIterator<InboundEntry> {
    return (this.#entries ?? NONE).values();
  }
}

const NONE: ReadonlyMap<number, InboundEntry> = new Map();
