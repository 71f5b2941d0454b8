// QoS 2 publishes of a client between PUBLISH and PUBCOMP (rule S2): under which sequence, and in which shard, each was
// appended. A repeat of one goes to the same shard under the same sequence, whoever owns its topic by then, so that the
// leader recognises it (rule R7). The rows behind it are written by others: before PUBREC, and before PUBCOMP.
//
// Sequences are counted over all owners of a session state: the highest one that was stored comes with its head. One that was
// given and not stored was never appended either, for the row comes first, so that the next owner may give it.

import { assert, BrokerError } from '@robustmq/errors';

/** A shard of a stream. */
export interface LedgerShard {
  readonly streamId: number;
  readonly shard: number;
}

/** One publish that is not complete. */
export interface InboundEntry extends LedgerShard {
  readonly packetId: number;
  /** Part of its dedupe key: from 1 on, of each session state ascending, and never appended for another publish. */
  readonly sequence: number;
}

/** The incomplete publishes of one session; empty, it costs no more than its name. */
export class InboundLedger {
  #entries: Map<number, InboundEntry> | null = null;
  /** 0: not begun. */
  #nextSequence = 0;

  /** Publishes that are not complete: they count against Receive Maximum. */
  get size(): number {
    return this.#entries?.size ?? 0;
  }

  /** Begins with what the head and the rows of the session say: `lastSequence` is the highest one that was ever stored. */
  begin(lastSequence: number, entries: readonly InboundEntry[]): void {
    this.#nextSequence = lastSequence + 1;
    if (entries.length === 0) return;
    this.#entries = new Map(entries.map((entry) => [entry.packetId, entry]));
  }

  /**
   * A PUBLISH: what an earlier copy of it got, else a sequence of its own in the shard that owns its topic now.
   * @throws BrokerError `out_of_range` behind 2^53 - 1 publishes
   */
  take(packetId: number, { streamId, shard }: LedgerShard): InboundEntry {
    const known = this.#entries?.get(packetId);
    if (known !== undefined) return known;
    assert(this.#nextSequence > 0, 'sequences go on from those of the session');
    if (this.#nextSequence > Number.MAX_SAFE_INTEGER)
      throw new BrokerError('out_of_range', 'the session has no sequences left');
    const entry = { packetId, sequence: this.#nextSequence++, streamId, shard };
    (this.#entries ??= new Map()).set(packetId, entry);
    return entry;
  }

  /** PUBREL, or a PUBLISH that failed: it is complete. False: nothing is known of it. */
  release(packetId: number): boolean {
    return this.#entries?.delete(packetId) ?? false;
  }

  /** No publish below will be repeated: what leaders may forget of the session (rule R7). */
  get lowestUnreleased(): number {
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
