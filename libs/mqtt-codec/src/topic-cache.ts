// Bytes of a Topic Name → the one string for it. Devices repeat their topics, so most PUBLISH packets need no UTF-8
// decode, no check for wildcards and give a string whose hash Map lookups already know.

/** Slots; a power of two. 4,096 covers the hot topics of a gateway at ≤ 1.2 MB. */
const SLOT_COUNT = 4096;
/** Longer topics are rare and would make the table's worst case large. */
const MAX_CACHED_BYTES = 256;

const MULTIPLIER = 0x9e3779b1;

/**
 * A direct-mapped table: a colliding topic replaces the older one, so memory is bounded without bookkeeping. It keeps
 * only printable-range ASCII topics that the caller has found valid; for the others `lookup` answers undefined.
 * Share one per process.
 */
export class TopicCache {
  readonly #slots: (string | undefined)[] = new Array<string | undefined>(SLOT_COUNT).fill(undefined);

  /** The string of `buffer[start, end)` if it was kept. */
  lookup(buffer: Uint8Array, start: number, end: number): string | undefined {
    const size = end - start;
    if (size > MAX_CACHED_BYTES) return undefined;
    const topic = this.#slots[slotOf(buffer, start, end)];
    if (topic === undefined || topic.length !== size) return undefined;
    for (let index = 0; index < size; index++) {
      if (topic.charCodeAt(index) !== buffer[start + index]) return undefined;
    }
    return topic;
  }

  /** Keeps `topic`, whose wire form is `buffer[start, end)`, if it is short ASCII. */
  keep(buffer: Uint8Array, start: number, end: number, topic: string): void {
    const size = end - start;
    // A longer wire form than the string means that it is not ASCII.
    if (size > MAX_CACHED_BYTES || topic.length !== size) return;
    this.#slots[slotOf(buffer, start, end)] = topic;
  }
}

function slotOf(buffer: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ buffer[at]!, MULTIPLIER);
  return (hash ^ (hash >>> 15)) & (SLOT_COUNT - 1);
}
