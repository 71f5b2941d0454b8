// What a WebSocket message that is not complete takes: the library that reads the frames does not say. Their headers are followed
// beside it (RFC 6455, section 5.2); whether they are right is its business.

/** What a piece of memory costs on top of its bytes: a drip of single bytes is kept byte by byte. */
const PIECE_BYTES = 256;

const FIN = 0x80;
const CONTROL = 0x08;
const MASKED = 0x80;
const MASK_BYTES = 4;
const LENGTH_BITS = 0x7f;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
/** Opcode and length are in these; longer lengths and the mask follow. */
const FIRST_BYTES = 2;

/** Follows the frames of one connection. */
export class MessageMeter {
  /** Bytes that the unfinished message takes; 0: there is none. */
  bytes = 0;
  /** Messages that are complete. */
  messages = 0;
  /** Something of the present chunk belongs to the unfinished message. */
  #isKept = false;
  #isFinal = false;
  #isControl = false;
  /** Bytes of the header that were read, and what it has: its length ends before the mask. */
  #headerAt = 0;
  #lengthEnd = FIRST_BYTES;
  #headerBytes = FIRST_BYTES;
  /** Payload length as far as it was read. */
  #size = 0;
  /** Payload of the frame that has still to come. */
  #left = 0;

  /** Of the frame that has begun: what of its payload has still to come. */
  get leftBytes(): number {
    return this.#left;
  }

  /** Bytes have arrived. */
  read(chunk: Uint8Array): void {
    let at = 0;
    this.#isKept = false;
    while (at < chunk.length)
      at = this.#left > 0 ? this.#readPayload(chunk, at) : this.#readHeader(chunk, at);
    // A part of it keeps all of it, however much of the rest is control frames.
    if (this.#isKept) this.bytes += PIECE_BYTES + chunk.length;
  }

  #readPayload(chunk: Uint8Array, at: number): number {
    const count = Math.min(this.#left, chunk.length - at);
    this.#left -= count;
    if (!this.#isControl) this.#isKept = true;
    if (this.#left === 0) this.#frameEnded();
    return at + count;
  }

  #readHeader(chunk: Uint8Array, start: number): number {
    let at = start;
    let size = this.#size;
    while (at < chunk.length) {
      const byte = chunk[at++]!;
      if (this.#headerAt === 0) this.#begin(byte);
      else if (this.#headerAt === 1) size = this.#sizeOf(byte);
      else if (this.#headerAt < this.#lengthEnd) size = size * 256 + byte;
      if (++this.#headerAt < this.#headerBytes) continue;
      this.#headerAt = 0;
      this.#headerBytes = FIRST_BYTES;
      this.#left = size;
      if (!this.#isControl) this.#fragmentBegan();
      if (size === 0) this.#frameEnded();
      break;
    }
    this.#size = size;
    return at;
  }

  #begin(byte: number): void {
    this.#isFinal = (byte & FIN) !== 0;
    this.#isControl = (byte & CONTROL) !== 0;
  }

  #sizeOf(byte: number): number {
    const bits = byte & LENGTH_BITS;
    const moreBytes = bits === LENGTH_16 ? 2 : bits === LENGTH_64 ? 8 : 0;
    this.#lengthEnd = FIRST_BYTES + moreBytes;
    this.#headerBytes = this.#lengthEnd + ((byte & MASKED) === 0 ? 0 : MASK_BYTES);
    return moreBytes === 0 ? bits : 0;
  }

  #fragmentBegan(): void {
    this.bytes += PIECE_BYTES;
    this.#isKept = true;
  }

  #frameEnded(): void {
    if (this.#isControl || !this.#isFinal) return;
    this.bytes = 0;
    this.#isKept = false;
    this.messages++;
  }
}
