// How much larger than its packet the record of a publish may be.

import { topicName } from '@robustmq/mqtt-topics';

/** The header of the batch, lengths and timestamps, and what user properties take more than in a packet. */
const HEADERS_BYTES = 1024 + 1;

/**
 * What the record of a publish and its batch add to the packet that it came in: mostly the topic, which a packet with a topic
 * alias leaves out. The largest packet that a client may send is by this much smaller than the largest batch (N13).
 */
export const RECORD_OVERHEAD_BYTES = topicName.maxBytes + HEADERS_BYTES;
