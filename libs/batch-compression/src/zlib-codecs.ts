// gzip and zstd through node:zlib, which stops inflating at `maxOutputLength` by itself.

import { promisify } from 'node:util';
import {
  constants,
  gunzip,
  gunzipSync,
  gzip,
  gzipSync,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib';
import { BrokerError } from '@robustmq/errors';
import { damaged, tooLarge, type SectionCodec } from './section-codec.ts';

/** Asks the library to say how many bytes it took. */
interface InflateOptions {
  readonly maxOutputLength: number;
  readonly info: true;
}

/** What the library answers when asked so. Its own types know only of the buffer. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

interface ZlibFunctions {
  readonly inflate: (section: Buffer, options: InflateOptions) => unknown;
  readonly inflateAsync: (section: Buffer, options: InflateOptions) => Promise<unknown>;
  readonly deflate: (section: Buffer) => Buffer;
  readonly deflateAsync: (section: Buffer) => Promise<Buffer>;
}

function explain(format: string, maxInflatedBytes: number, error: unknown): BrokerError {
  if (error instanceof BrokerError) return error;
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(maxInflatedBytes) : damaged(format, error);
}

/** The library ends in silence behind a frame; what follows would be read by some clients and refused by others. */
function whole(format: string, section: Buffer, answer: unknown): Buffer {
  const { buffer, engine } = answer as Inflated;
  if (engine.bytesWritten !== section.length) throw damaged(format);
  return buffer;
}

function zlibCodec(format: string, zlib: ZlibFunctions): SectionCodec {
  return {
    inflate(section, maxInflatedBytes) {
      try {
        const options = { maxOutputLength: maxInflatedBytes, info: true } as const;
        return whole(format, section, zlib.inflate(section, options));
      } catch (error) {
        throw explain(format, maxInflatedBytes, error);
      }
    },
    async inflateAsync(section, maxInflatedBytes) {
      try {
        const options = { maxOutputLength: maxInflatedBytes, info: true } as const;
        return whole(format, section, await zlib.inflateAsync(section, options));
      } catch (error) {
        throw explain(format, maxInflatedBytes, error);
      }
    },
    deflate: zlib.deflate,
    deflateAsync: zlib.deflateAsync,
  };
}

/** Fast rather than small: the broker compresses only to convert, clients choose their own level. */
const gzipOptions = { level: constants.Z_BEST_SPEED };

const gunzipAsync: ZlibFunctions['inflateAsync'] = promisify(gunzip);
const gzipAsync = promisify<Buffer, typeof gzipOptions, Buffer>(gzip);
const zstdDecompressAsync: ZlibFunctions['inflateAsync'] = promisify(zstdDecompress);
const zstdCompressAsync: ZlibFunctions['deflateAsync'] = promisify(zstdCompress);

/** RFC 1952, as `java.util.zip.GZIPOutputStream` writes it. */
export const gzipCodec: SectionCodec = zlibCodec('gzip', {
  inflate: gunzipSync,
  inflateAsync: gunzipAsync,
  deflate: (section) => gzipSync(section, gzipOptions),
  deflateAsync: (section) => gzipAsync(section, gzipOptions),
});

/** RFC 8878 frames. */
export const zstdCodec: SectionCodec = zlibCodec('zstd', {
  inflate: zstdDecompressSync,
  inflateAsync: zstdDecompressAsync,
  deflate: (section) => zstdCompressSync(section),
  deflateAsync: zstdCompressAsync,
});
