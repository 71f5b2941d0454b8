// Who waits for the outcome of an append.

import type { PendingAck } from '@robustmq/mqtt-session';

/** Token of a record: the acknowledgement that its outcome settles; null for QoS 0. */
export type AppendToken = PendingAck | null;
