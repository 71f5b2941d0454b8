// What one pass sends to one gateway: outcomes and tail sections, in as few frames as fit. All outcomes leave with the last
// of them: a gateway keeps the batch of an elided section until it has heard its outcome and the pass is over.

import { create } from '@bufbuild/protobuf';
import {
  AppendResultFrameSchema,
  TailFrameSchema,
  TailSectionSchema,
  withPieces,
  type AppendOutcome,
  type ExchangeResponse,
  type TailKind,
  type TailSection,
} from '@robustmq/rpc';
import type { Shard } from '../shard/shard.ts';

/** A frame leaves when its data has reached this size. */
const MAX_FRAME_BYTES = 512 * 1024;
/** Sections and outcomes in one frame; each costs some 60 bytes, a refusal a few hundred. */
const MAX_FRAME_ENTRIES = 4_096;

/** Takes a frame and the record data in it. */
type SendFrame = (frame: ExchangeResponse['frame'], dataBytes: number) => void;

/** Collects the output of a pass for one stream. */
export class FrameOut {
  #outcomes: AppendOutcome[] = [];
  #sections: TailSection[] = [];
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  readonly #send: SendFrame;

  constructor(send: SendFrame) {
    this.#send = send;
  }

  outcome(outcome: AppendOutcome): void {
    this.#outcomes.push(outcome);
  }

  /**
   * Adds a tail section. Neighbouring sections of one kind and shard become one, except elided ones, which stand for
   * one batch each. `bytes` may be empty.
   */
  section(
    shard: Shard,
    kind: TailKind,
    range: { readonly from: number; readonly next: number; readonly correlation?: number },
    bytes: Buffer | undefined,
  ): void {
    const sizeBytes = bytes?.length ?? 0;
    const last = this.#sections[this.#sections.length - 1];
    const joins =
      range.correlation === undefined &&
      last !== undefined &&
      last.kind === kind &&
      last.streamId === shard.streamId &&
      last.shard === shard.shard &&
      Number(last.nextOffset) === range.from;
    if (joins) {
      last.nextOffset = BigInt(range.next);
      last.sizeBytes += sizeBytes;
    } else {
      this.#sections.push(
        create(TailSectionSchema, {
          streamId: shard.streamId,
          shard: shard.shard,
          leaderEpoch: shard.leaderEpoch,
          kind,
          fromOffset: BigInt(range.from),
          nextOffset: BigInt(range.next),
          sizeBytes,
          correlation: BigInt(range.correlation ?? 0),
          highWatermark: BigInt(shard.highWatermark),
          lastStableOffset: BigInt(shard.lastStableOffset),
          logStartOffset: BigInt(shard.log.logStartOffset),
        }),
      );
    }
    if (bytes !== undefined && sizeBytes > 0) {
      this.#pieces.push(bytes);
      this.#pieceBytes += sizeBytes;
    }
    if (this.#pieceBytes >= MAX_FRAME_BYTES || this.#sections.length >= MAX_FRAME_ENTRIES) {
      this.#sendSections([]);
    }
  }

  /** Sends what there is: the pass is over. */
  flush(): void {
    if (this.#outcomes.length > MAX_FRAME_ENTRIES) {
      if (this.#sections.length > 0) this.#sendSections([]);
      for (let at = 0; at < this.#outcomes.length; at += MAX_FRAME_ENTRIES)
        this.#sendOutcomes(this.#outcomes.slice(at, at + MAX_FRAME_ENTRIES));
    } else if (this.#sections.length > 0) this.#sendSections(this.#outcomes);
    else if (this.#outcomes.length > 0) this.#sendOutcomes(this.#outcomes);
    this.#outcomes = [];
  }

  #sendOutcomes(outcomes: AppendOutcome[]): void {
    this.#send({ case: 'append', value: create(AppendResultFrameSchema, { outcomes }) }, 0);
  }

  #sendSections(outcomes: AppendOutcome[]): void {
    const frame = create(TailFrameSchema, { sections: this.#sections, outcomes });
    this.#send({ case: 'tail', value: withPieces(frame, this.#pieces) }, this.#pieceBytes);
    this.#sections = [];
    this.#pieces = [];
    this.#pieceBytes = 0;
  }
}
