// Cuts the answer to one fetch into frames that every channel can carry: neither many small sections nor one large one
// makes a frame larger than its limits, the last frame included.

import { create } from '@bufbuild/protobuf';
import {
  FetchResultFrameSchema,
  withPieces,
  type ExchangeResponse,
  type FetchOutcome,
  type FetchResultFrame,
} from '@robustmq/rpc';

/** Data in one frame: far below the largest message of a channel, and small enough that results pass between two. */
export const MAX_FETCH_FRAME_BYTES = 512 * 1024;
/** Outcomes in one frame. Each costs some 60 bytes, a failure a few hundred. */
export const MAX_FETCH_FRAME_OUTCOMES = 4_096;

/** What was read of one section. */
export interface FetchedSection {
  readonly bytes: Buffer;
  /** The section's outcome for a piece of that size. */
  outcome(sizeBytes: number): FetchOutcome;
}

/** A frame and the data bytes that it costs of the stream's credit. */
export interface FetchAnswerFrame {
  readonly frame: ExchangeResponse['frame'];
  readonly bytes: number;
}

/** Every section in one frame or more, in order; batches may be cut anywhere, the reader lays the pieces end to end. */
export function cutIntoFrames(requestId: bigint, sections: readonly FetchedSection[]): FetchAnswerFrame[] {
  const cut = new FrameCutter(requestId);
  for (const section of sections) {
    let at = 0;
    do {
      const piece = section.bytes.subarray(at, at + cut.room);
      cut.add(section.outcome(piece.length), piece);
      at += piece.length;
    } while (at < section.bytes.length);
  }
  return cut.finish();
}

class FrameCutter {
  readonly #requestId: bigint;
  readonly #frames: FetchAnswerFrame[] = [];
  #outcomes: FetchOutcome[] = [];
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(requestId: bigint) {
    this.#requestId = requestId;
  }

  /** Bytes that the open frame still takes; never 0. */
  get room(): number {
    return MAX_FETCH_FRAME_BYTES - this.#bytes;
  }

  add(outcome: FetchOutcome, piece: Buffer): void {
    this.#outcomes.push(outcome);
    if (piece.length > 0) this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.room === 0 || this.#outcomes.length >= MAX_FETCH_FRAME_OUTCOMES) this.#close(false);
  }

  /** Ends with the frame that completes the answer, empty if everything fitted exactly. */
  finish(): FetchAnswerFrame[] {
    this.#close(true);
    return this.#frames;
  }

  #close(complete: boolean): void {
    const value: FetchResultFrame = withPieces(
      create(FetchResultFrameSchema, { requestId: this.#requestId, outcomes: this.#outcomes, complete }),
      this.#pieces,
    );
    this.#frames.push({ frame: { case: 'fetch', value }, bytes: this.#bytes });
    this.#outcomes = [];
    this.#pieces = [];
    this.#bytes = 0;
  }
}
