// Message Expiry Interval (section 3.3.2.3.3). Inside the system a message has the absolute time of its end.

/** What {@link remainingExpiryS} answers for a message that must not be delivered any more. */
export const EXPIRED = -2;
/** No Message Expiry Interval. */
export const NEVER = -1;

/** The absolute end in ms of a message received at `nowMs` with an interval in seconds, or {@link NEVER} for none. */
export function expiresAtMs(intervalS: number, nowMs: number): number {
  return intervalS < 0 ? NEVER : nowMs + intervalS * 1000;
}

/**
 * Seconds that are left, to be sent on [MQTT-3.3.2-6]: {@link NEVER} without an interval, {@link EXPIRED} when it has
 * passed and delivery has not started [MQTT-3.3.2-5]. Rounded up, so that a message that may still be delivered never
 * leaves with 0.
 */
export function remainingExpiryS(endMs: number, nowMs: number): number {
  if (endMs < 0) return NEVER;
  return endMs <= nowMs ? EXPIRED : Math.ceil((endMs - nowMs) / 1000);
}
