// gzip and zstd through node:zlib, in one call for what is small and as a stream for the rest. Both formats allow several
// members or frames, one behind the other, and Apache Kafka reads them all.

import {
  constants,
  createGunzip,
  createZstdDecompress,
  gzipSync,
  zstdCompressSync,
  type Gunzip,
  type ZstdDecompress,
  type ZstdOptions,
} from 'node:zlib';
import { BrokerError } from '@robustmq/errors';
import * as minizlib from 'minizlib';
import { KeptEngine } from './kept-engine.ts';
import { damaged, tooLarge, type SectionCodec, type Turn } from './section-codec.ts';
import { isFrameAt, skippedTo } from './zstd-frames.ts';

/** Of one part of the inflated bytes: what the library fills in one go. */
const PART_BYTES = 256 * 1024;
/** Above any honest batch, which has one frame; bounds the calls that a hostile one costs. */
const MAX_FRAMES = 1_024;
/** Each costs tens of microseconds, however small: more are inflated in turns only (N8). */
const FRAMES_AT_ONCE = 8;
/** Of the largest window that is inflated at once: 8 MiB. */
const KEPT_WINDOW_LOG = 23;
const WINDOW_TOO_LARGE = 'ZSTD_error_frameParameter_windowTooLarge';

const gunzip = new KeptEngine(
  (room) => new minizlib.Gunzip({ ...room, flush: constants.Z_FINISH }),
  // Whatever follows the last member is skipped until then.
  (engine) => void engine.reset(),
);

/**
 * The memory for a frame's window is kept too, so it has a bound: RFC 8878 asks of every decoder for 8 MiB. It stands at a
 * frame's end whenever it has not failed, and begins the next by itself.
 */
const unzstd = new KeptEngine((room) => {
  // The library hands them on; its own type knows only of zlib's.
  const options: minizlib.ZlibOptions & ZstdOptions = {
    ...room,
    flush: constants.ZSTD_e_end,
    params: { [constants.ZSTD_d_windowLogMax]: KEPT_WINDOW_LOG },
  };
  return new minizlib.ZstdDecompress(options);
});

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

function explain(format: string, maxInflatedBytes: number, error: unknown): BrokerError {
  if (error instanceof BrokerError) return error;
  return codeOf(error) === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(maxInflatedBytes) : damaged(format, error);
}

/** Inflates from the start of the input, as a stream: the bytes are made on the thread pool, part by part. */
async function streamed(
  engine: Gunzip | ZstdDecompress,
  input: Buffer,
  parts: Buffer[],
  roomBytes: number,
  turn: Turn,
): Promise<{ readonly takenBytes: number; readonly inflatedBytes: number }> {
  let inflatedBytes = 0;
  engine.end(input);
  for await (const part of engine as AsyncIterable<Buffer>) {
    inflatedBytes += part.length;
    if (inflatedBytes > roomBytes) throw tooLarge(roomBytes);
    parts.push(part);
    if (turn.isSpent) await turn.yield();
  }
  return { takenBytes: engine.bytesWritten, inflatedBytes };
}

/** Fast rather than small: the broker compresses only to convert, clients choose their own level. */
const gzipOptions = { level: constants.Z_BEST_SPEED };

/** RFC 1952, as `java.util.zip.GZIPOutputStream` writes it. */
export const gzipCodec: SectionCodec = {
  inflate(section, maxInflatedBytes) {
    try {
      const { inflated, takenBytes } = gunzip.inflate(section, maxInflatedBytes);
      // The library ends in silence behind the last member; what follows some clients would read and others refuse.
      if (takenBytes !== section.length) throw damaged('gzip');
      return inflated;
    } catch (error) {
      throw explain('gzip', maxInflatedBytes, error);
    }
  },
  async inflateInTurns(section, maxInflatedBytes, turn) {
    const parts: Buffer[] = [];
    try {
      const engine = createGunzip({ chunkSize: PART_BYTES });
      const { takenBytes } = await streamed(engine, section, parts, maxInflatedBytes, turn);
      if (takenBytes !== section.length) throw damaged('gzip');
      return parts;
    } catch (error) {
      throw explain('gzip', maxInflatedBytes, error);
    }
  },
  deflate: (section) => gzipSync(section, gzipOptions),
};

/** RFC 8878 frames, skippable ones among them. */
export const zstdCodec: SectionCodec = {
  inflate(section, maxInflatedBytes) {
    const parts: Buffer[] = [];
    let leftBytes = maxInflatedBytes;
    try {
      for (const at of framesOf(section, FRAMES_AT_ONCE)) {
        const { inflated, takenBytes } = unzstd.inflate(section.subarray(at.position), maxInflatedBytes);
        parts.push(inflated);
        leftBytes -= inflated.length;
        at.position += takenBytes;
        if (leftBytes < 0) throw tooLarge(maxInflatedBytes);
      }
    } catch (error) {
      // Too large for the kept memory only: in turns it may be sound.
      if (codeOf(error) === WINDOW_TOO_LARGE) throw tooLarge(maxInflatedBytes);
      throw explain('zstd', maxInflatedBytes, error);
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  },
  async inflateInTurns(section, maxInflatedBytes, turn) {
    const parts: Buffer[] = [];
    let leftBytes = maxInflatedBytes;
    try {
      for (const at of framesOf(section, MAX_FRAMES)) {
        if (turn.isSpent) await turn.yield();
        const engine = createZstdDecompress({ chunkSize: PART_BYTES });
        const frame = await streamed(engine, section.subarray(at.position), parts, leftBytes, turn);
        leftBytes -= frame.inflatedBytes;
        at.position += frame.takenBytes;
      }
    } catch (error) {
      throw explain('zstd', maxInflatedBytes, error);
    }
    return parts;
  },
  deflate: (section) => zstdCompressSync(section),
};

/** The start of each frame with content; whoever inflates it moves the position behind it. */
function* framesOf(section: Buffer, maxFrames: number): Generator<{ position: number }, void, undefined> {
  const at = { position: 0 };
  for (let count = 0; at.position < section.length; count += 1) {
    if (count === maxFrames) throw new BrokerError('too_large', `more than ${maxFrames} zstd frames`);
    const end = skippedTo(section, at.position);
    if (end > at.position) at.position = end;
    else if (isFrameAt(section, at.position)) yield at;
    else throw damaged('zstd');
  }
}
