// KafkaFramer: cuts a byte stream into size-prefixed frames (int32 size, then that many bytes).
import { BrokerError } from '@robustmq/errors';

const SIZE_BYTES = 4;
/** Api key, api version, correlation id: no request is shorter. */
const MIN_FRAME_BYTES = 8;
/** A chunk costs hundreds of bytes beside its content: small ones are joined, or a drip of bytes costs that much each (I8). */
const SMALL_CHUNK_BYTES = 1024;
/** Memory for joined chunks, which doubles from the least to the most as long as only small ones come. */
const LEAST_JOINED_BYTES = 2 * SMALL_CHUNK_BYTES;
const MOST_JOINED_BYTES = 64 * 1024;

/** Limits of a {@link KafkaFramer}. */
export interface KafkaFramerOptions {
  /** Largest frame of any API, in bytes. */
  readonly maxFrameBytes: number;
  /** Smallest frame; default: that of a request. Responses start with 4 bytes of correlation id. */
  readonly minFrameBytes?: number;
  /** Largest frame of one API; asked as soon as the api key has arrived, long before the frame is complete. */
  readonly maxFrameBytesOf?: (apiKey: number) => number;
}

/**
 * Holds only bytes that arrived (a hostile size allocates nothing), small pieces joined as they come, and joins the pieces
 * of a frame once, when the last one is there: cost and memory are linear in the input however it is chunked.
 */
export class KafkaFramer {
  readonly #options: KafkaFramerOptions;
  #chunks: Buffer[] = [];
  /** Bytes of the first chunk that earlier frames used up. */
  #offset = 0;
  #bufferedBytes = 0;
  #frameBytes = -1;
  #checkedApi = false;
  /** Memory that small chunks are joined in, and how much of it is filled: the last of the chunks is that view. */
  #joined: Buffer | undefined;
  #joinedBytes = 0;

  constructor(options: KafkaFramerOptions) {
    this.#options = options;
  }

  /** Bytes held, for the memory budget of the listener. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Whether {@link next} has something to say: a complete frame, or what is wrong with it. */
  get hasFrame(): boolean {
    if (this.#frameBytes >= 0) return this.#bufferedBytes >= this.#frameBytes;
    if (this.#bufferedBytes < SIZE_BYTES) return false;
    const sizeBytes = (this.#peek(0) << 24) | (this.#peek(1) << 16) | (this.#peek(2) << 8) | this.#peek(3);
    return this.#bufferedBytes - SIZE_BYTES >= sizeBytes;
  }

  /** Takes a chunk, which must not be changed afterwards. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    // What comes first is most often a whole frame, which stays a view.
    if (this.#bufferedBytes > 0 && chunk.length < SMALL_CHUNK_BYTES) this.#join(chunk);
    else {
      this.#joined = undefined;
      this.#chunks.push(chunk);
    }
    this.#bufferedBytes += chunk.length;
  }

  #join(chunk: Buffer): void {
    let joined = this.#joined;
    if (joined === undefined || this.#joinedBytes + chunk.length > joined.length) {
      const sizeBytes = joined === undefined ? LEAST_JOINED_BYTES : 2 * joined.length;
      joined = Buffer.allocUnsafeSlow(Math.min(sizeBytes, MOST_JOINED_BYTES));
      this.#joined = joined;
      this.#joinedBytes = 0;
    } else this.#chunks.pop();
    chunk.copy(joined, this.#joinedBytes);
    this.#joinedBytes += chunk.length;
    this.#chunks.push(joined.subarray(0, this.#joinedBytes));
  }

  /**
   * The next complete frame without its size, as a view where it arrived in one piece; undefined when there is none.
   * @throws BrokerError malformed or too_large; the stream cannot be used after that.
   */
  next(): Buffer | undefined {
    if (this.#frameBytes < 0) {
      if (this.#bufferedBytes < SIZE_BYTES) return undefined;
      this.#frameBytes = this.#checkSize(this.#take(SIZE_BYTES).readInt32BE(0));
      this.#checkedApi = false;
    }
    if (!this.#checkedApi && this.#bufferedBytes >= 2) this.#checkApi();
    if (this.#bufferedBytes < this.#frameBytes) return undefined;
    const frame = this.#take(this.#frameBytes);
    this.#frameBytes = -1;
    return frame;
  }

  #checkSize(sizeBytes: number): number {
    if (sizeBytes < (this.#options.minFrameBytes ?? MIN_FRAME_BYTES))
      throw new BrokerError('malformed', `frame of ${sizeBytes} bytes`);
    if (sizeBytes > this.#options.maxFrameBytes) this.#refuse(sizeBytes, this.#options.maxFrameBytes);
    return sizeBytes;
  }

  #checkApi(): void {
    this.#checkedApi = true;
    const { maxFrameBytesOf } = this.#options;
    if (maxFrameBytesOf === undefined) return;
    const limit = maxFrameBytesOf((this.#peek(0) << 8) | this.#peek(1));
    if (this.#frameBytes > limit) this.#refuse(this.#frameBytes, limit);
  }

  #refuse(sizeBytes: number, limitBytes: number): never {
    throw new BrokerError('too_large', `frame of ${sizeBytes} bytes, the limit is ${limitBytes}`, {
      details: { sizeBytes, limitBytes },
    });
  }

  #peek(index: number): number {
    let at = index + this.#offset;
    for (const chunk of this.#chunks) {
      if (at < chunk.length) return chunk[at] ?? 0;
      at -= chunk.length;
    }
    return 0;
  }

  /** Removes `sizeBytes` bytes, which must be there. */
  #take(sizeBytes: number): Buffer {
    this.#bufferedBytes -= sizeBytes;
    const first = this.#chunks[0];
    if (first !== undefined && first.length - this.#offset >= sizeBytes) {
      const view = first.subarray(this.#offset, this.#offset + sizeBytes);
      this.#offset += sizeBytes;
      if (this.#offset === first.length) this.#drop(1);
      return view;
    }
    const out = Buffer.allocUnsafe(sizeBytes);
    let filled = 0;
    let used = 0;
    for (const chunk of this.#chunks) {
      const copied = chunk.copy(out, filled, this.#offset);
      filled += copied;
      this.#offset += copied;
      if (this.#offset < chunk.length) break;
      used += 1;
      this.#offset = 0;
      if (filled === sizeBytes) break;
    }
    this.#chunks.splice(0, used);
    return out;
  }

  #drop(count: number): void {
    this.#chunks.splice(0, count);
    this.#offset = 0;
  }
}
