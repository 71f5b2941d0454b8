// What the session knows of a log that its messages come from: a name, and how far this gateway has delivered it.

/** The tail of one log (a shard of a stream) on this gateway. */
export interface Place {
  /** Names the log: one number for stream and shard. */
  readonly key: number;
  /** Everything below was handed to the sessions that follow the log live, or is being handed to them in this turn. */
  readonly nextOffset: number;
  /** Everything below was handed to every one of them: what cursors may say. */
  readonly deliveredBelow: number;
}

/** The message at `offset` of a place, in flight under its Packet Identifier. */
export interface PlacedMessage<P> {
  readonly packetId: number;
  readonly place: P;
  readonly offset: number;
  /** Connections whose client left right after it was sent; absent: none. */
  readonly departures?: number;
}
