// An engine of node:zlib that serves one section after the other. A new one for each would cost more than the inflating: what
// hangs on its native handle survives the young collections, with the memory for its output, until the whole heap is collected.

import { BrokerError } from '@robustmq/errors';
import type { Gunzip, ZlibError, ZstdDecompress } from 'minizlib';

/** Room beyond the bound: an engine whose output ends with its room would take new memory for nothing. */
const SPARE_BYTES = 64;
const MAX_ROOM_BYTES = 256 * 1024;

/** What an engine is made for. */
export interface EngineRoom {
  readonly chunkSize: number;
  readonly maxOutputLength: number;
}

/** What the start of an input inflates to: one zstd frame, or all members of a gzip file. */
export interface Piece {
  readonly inflated: Buffer;
  /** Of the input. */
  readonly takenBytes: number;
}

/** Inflates at once, with an engine that is made anew behind every failure: none begins in the middle of what another left. */
export class KeptEngine {
  readonly #make: (room: EngineRoom) => Gunzip | ZstdDecompress;
  readonly #beginAnew: (engine: Gunzip | ZstdDecompress) => void;
  #engine: Gunzip | ZstdDecompress | undefined;
  #maxInflatedBytes = 0;
  #parts: Buffer[] = [];
  #failure: ZlibError | undefined;

  /** @param beginAnew what a format needs before the next input. */
  constructor(
    make: (room: EngineRoom) => Gunzip | ZstdDecompress,
    beginAnew: (engine: Gunzip | ZstdDecompress) => void = () => undefined,
  ) {
    this.#make = make;
    this.#beginAnew = beginAnew;
  }

  /** @throws Error as node:zlib does: `ERR_BUFFER_TOO_LARGE` above `maxInflatedBytes`. */
  inflate(input: Buffer, maxInflatedBytes: number): Piece {
    const engine = this.#engineFor(maxInflatedBytes);
    try {
      this.#beginAnew(engine);
      engine.write(input);
      if (this.#failure !== undefined) throw this.#failure;
      const takenBytes = engine.handle?.bytesWritten;
      if (takenBytes === undefined) throw new BrokerError('internal', 'the engine is closed');
      return {
        inflated: this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts),
        takenBytes,
      };
    } catch (error) {
      this.#engine = undefined;
      engine.close();
      throw error;
    } finally {
      this.#parts = [];
      this.#failure = undefined;
    }
  }

  #engineFor(maxInflatedBytes: number): Gunzip | ZstdDecompress {
    if (this.#engine !== undefined && this.#maxInflatedBytes === maxInflatedBytes) return this.#engine;
    this.#engine?.close();
    const chunkSize = Math.min(MAX_ROOM_BYTES, maxInflatedBytes + SPARE_BYTES);
    const engine = this.#make({ chunkSize, maxOutputLength: maxInflatedBytes });
    engine.on('data', (part: Buffer) => void this.#parts.push(part));
    engine.on('error', (error) => void (this.#failure ??= error as ZlibError));
    this.#engine = engine;
    this.#maxInflatedBytes = maxInflatedBytes;
    return engine;
  }
}
