// The heads of zstd frames (RFC 8878, section 3.1): enough to tell one from another, and to step over skippable ones.

import { damaged } from './section-codec.ts';

const FRAME_MAGIC = 0xfd2fb528;
/** The last four bits are the writer's own. */
const SKIPPABLE_MAGIC = 0x184d2a5;
/** Magic and size. */
const SKIPPABLE_HEADER_BYTES = 8;

/** Whether a frame with content begins there. */
export function isFrameAt(section: Buffer, at: number): boolean {
  return section.length - at >= 4 && section.readUInt32LE(at) === FRAME_MAGIC;
}

/** The position behind the skippable frame at `at`; `at` itself when none is there. @throws BrokerError corrupt */
export function skippedTo(section: Buffer, at: number): number {
  if (section.length - at < 4 || section.readUInt32LE(at) >>> 4 !== SKIPPABLE_MAGIC) return at;
  if (section.length - at < SKIPPABLE_HEADER_BYTES) throw damaged('zstd');
  const end = at + SKIPPABLE_HEADER_BYTES + section.readUInt32LE(at + 4);
  if (end > section.length) throw damaged('zstd');
  return end;
}
