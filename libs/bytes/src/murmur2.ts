// Kafka's murmur2, which decides the partition of a key in every Kafka client and the shard of an MQTT topic here (O4).
// It must stay bit for bit the same for ever: a change would split the order of a topic.

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;

/** Largest UTF-8 size of a string that is hashed without an allocation: an MQTT topic name at its limit. */
const SCRATCH_BYTES = 65_536;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** Murmur2 of `bytes[start, end)` with Kafka's seed, as a signed 32-bit number. */
export function murmur2(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let hash = SEED ^ (end - start);
  let at = start;
  for (; at + 4 <= end; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, MULTIPLIER);
    word ^= word >>> 24;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER);
  }
  const tail = end - at;
  if (tail === 3) hash ^= bytes[at + 2]! << 16;
  if (tail >= 2) hash ^= bytes[at + 1]! << 8;
  if (tail >= 1) hash = Math.imul(hash ^ bytes[at]!, MULTIPLIER);
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** The partition in [0, count) that Kafka's default partitioner gives to a non-null key. */
export function partitionForKey(
  key: Uint8Array,
  partitionCount: number,
  start = 0,
  end: number = key.length,
): number {
  return (murmur2(key, start, end) & 0x7fff_ffff) % partitionCount;
}

/** {@link partitionForKey} of the UTF-8 bytes of an MQTT topic. */
export function partitionForTopic(topic: string, partitionCount: number): number {
  if (topic.length * 3 > SCRATCH_BYTES) return partitionForKey(Buffer.from(topic, 'utf8'), partitionCount);
  return partitionForKey(scratch, partitionCount, 0, scratch.write(topic, 0, SCRATCH_BYTES, 'utf8'));
}
