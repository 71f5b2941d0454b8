// Reasons to stop reading from a client; they add up.

/** A CONNECT is being decided. */
export const HOLD_CONNECT = 1;
/** The shard of its publish takes no more for now. */
export const HOLD_APPEND = 2;
/** Receive Maximum: as many publishes as announced are unacknowledged. */
export const HOLD_ACKS = 4;
/** It does not read what it was sent. */
export const HOLD_OUTPUT = 8;
/** Its SUBSCRIBE or UNSUBSCRIBE is being served. */
export const HOLD_REQUEST = 16;
/** The turn of the loop is spent: what it sent is read on in another one (N8). */
export const HOLD_TURN = 32;
/** The filters of its SUBSCRIBE or UNSUBSCRIBE are begun with in slices: however long it takes, no other one gets between (N8). */
export const HOLD_FILTERS = 64;
/** Its publish is on its way to very many receivers. */
export const HOLD_FAN_OUT = 128;

/** Whose reading may be held. */
export interface Held {
  /** Stops reading for a reason; they add up. */
  hold(reason: number): void;
  /** The reason is gone. */
  release(reason: number): void;
}
