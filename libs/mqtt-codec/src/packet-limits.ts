// Bounds on what one packet may hold beside its bytes: so that no packet costs the loop more than a slice (N8).

import { BrokerError } from '@robustmq/errors';
import { REASON } from './reason-code.ts';

/** What one packet of a client may hold. */
export interface PacketLimits {
  /** User Properties; each is a string to check, to store and to forward. */
  readonly maxUserProperties: number;
  /** Topic Filters of a SUBSCRIBE or UNSUBSCRIBE. */
  readonly maxTopicFilters: number;
  /** Levels of a Topic Name. Deeper ones serve no one and would make wildcard matching dear. */
  readonly maxTopicLevels: number;
}

/** Limits for a decoder that nobody configured. */
export const DEFAULT_PACKET_LIMITS: PacketLimits = {
  maxUserProperties: 64,
  maxTopicFilters: 1_000,
  maxTopicLevels: 128,
};

/** More of something than one packet may hold. BrokerError `quota_exceeded`, reason code 0x97. */
export function overPacketLimit(what: string, limit: number): BrokerError {
  return new BrokerError('quota_exceeded', `packet has more than ${limit} ${what}`, {
    details: { reasonCode: REASON.quotaExceeded, limit },
  });
}
