// One section of a tail frame as its reader sees it. Its credit returns when the reader is done with it (N7).

import { TailKind, type TailSection } from '@robustmq/rpc';
import type { ShardId, TailBatches, TailSectionKind } from './types.ts';

/** Takes back the credit of the sections of one stream instance. */
export interface SectionCredit {
  taken(shard: ShardId, sizeBytes: number): void;
}

/** A section with the batches that it names. */
export class ReceivedSection implements TailBatches {
  readonly streamId: number;
  readonly shard: number;
  readonly kind: TailSectionKind;
  readonly leaderEpoch: number;
  readonly fromOffset: number;
  readonly nextOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly batches: Buffer;
  readonly #credit: SectionCredit;
  readonly #sizeBytes: number;
  #isHeld = false;

  /** @param batches those of the section; of an elided one the gateway's own. */
  constructor(section: TailSection, batches: Buffer, credit: SectionCredit) {
    this.streamId = section.streamId;
    this.shard = section.shard;
    this.kind = kindOf(section);
    this.leaderEpoch = section.leaderEpoch;
    this.fromOffset = Number(section.fromOffset);
    this.nextOffset = Number(section.nextOffset);
    this.highWatermark = Number(section.highWatermark);
    this.lastStableOffset = Number(section.lastStableOffset);
    this.logStartOffset = Number(section.logStartOffset);
    this.batches = batches;
    this.#credit = credit;
    this.#sizeBytes = section.sizeBytes;
  }

  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#credit.taken(this, this.#sizeBytes);
  }

  /** The reader has returned: what it does not hold is taken. */
  returned(): void {
    if (!this.#isHeld) this.#credit.taken(this, this.#sizeBytes);
  }
}

function kindOf(section: TailSection): TailSectionKind {
  if (section.kind === TailKind.ELIDED) return 'elided';
  return section.kind === TailKind.BATCHES ? 'batches' : 'skipped';
}
