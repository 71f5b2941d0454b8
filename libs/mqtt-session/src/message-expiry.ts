// Message Expiry Interval (section 3.3.2.3.3). Inside the system a message has the absolute time of its end.

/** What a message has left to live. */
export const messageExpiry = {
  /** What `remainingS` answers for a message that must not be delivered any more. */
  expired: -2,

  /** No Message Expiry Interval. */
  never: -1,

  /** The absolute end in ms of a message received at `nowMs` with an interval in seconds, or `never`. */
  endMs(intervalS: number, nowMs: number): number {
    return intervalS < 0 ? messageExpiry.never : nowMs + intervalS * 1000;
  },

  /**
   * Seconds that are left, to be sent on [MQTT-3.3.2-6]: `never` without an interval, `expired` when it has passed and
   * delivery has not started [MQTT-3.3.2-5]. Rounded up, so that a message that may still be delivered never leaves with 0.
   */
  remainingS(endMs: number, nowMs: number): number {
    if (endMs < 0) return messageExpiry.never;
    return endMs <= nowMs ? messageExpiry.expired : Math.ceil((endMs - nowMs) / 1000);
  },
} as const;
