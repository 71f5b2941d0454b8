// The subscription that members of protocol type "consumer" send as protocol metadata.
import { ByteReader } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';

/** Protocol type of groups whose members speak of topics in a way that the broker can read. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer';

/** Topics of one subscription that are looked at: to read more of them takes the loop for too long (N8). */
const MAX_TOPICS = 10_000;

/**
 * Topics of a ConsumerProtocolSubscription: int16 version, then an array of strings; later versions append more.
 * Undefined when the bytes are none, or of too many.
 */
export function subscribedTopics(metadata: Buffer): ReadonlySet<string> | undefined {
  try {
    const r = new ByteReader(metadata);
    if (r.readInt16() < 0) return undefined;
    const count = r.readInt32();
    if (count < 0 || count > MAX_TOPICS || count * 2 > r.remaining) return undefined;
    const topics = new Set<string>();
    for (let index = 0; index < count; index += 1) topics.add(r.readString(r.readInt16()));
    return topics;
  } catch (error) {
    if (error instanceof BrokerError && error.code === 'malformed') return undefined;
    throw error;
  }
}
