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
import type { BrokerError } from '@robustmq/errors';
import { damaged, tooLarge, type SectionCodec } from './section-codec.ts';

interface ZlibFunctions {
  readonly inflate: (section: Buffer, options: { maxOutputLength: number }) => Buffer;
  readonly inflateAsync: (section: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;
  readonly deflate: (section: Buffer) => Buffer;
  readonly deflateAsync: (section: Buffer) => Promise<Buffer>;
}

function explain(format: string, maxInflatedBytes: number, error: unknown): BrokerError {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(maxInflatedBytes) : damaged(format, error);
}

function zlibCodec(format: string, zlib: ZlibFunctions): SectionCodec {
  return {
    inflate(section, maxInflatedBytes) {
      try {
        return zlib.inflate(section, { maxOutputLength: maxInflatedBytes });
      } catch (error) {
        throw explain(format, maxInflatedBytes, error);
      }
    },
    async inflateAsync(section, maxInflatedBytes) {
      try {
        return await zlib.inflateAsync(section, { maxOutputLength: maxInflatedBytes });
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
