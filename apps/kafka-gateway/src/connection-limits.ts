// What bounds a connection.

/** Bounds of a connection. */
export interface ConnectionLimits {
  readonly maxProduceFrameBytes: number;
  /** No other request needs more. */
  readonly maxControlFrameBytes: number;
  readonly maxRequestsInFlight: number;
  /** Bytes that the client has not taken, beyond which no further request starts. */
  readonly maxUnsentBytes: number;
  readonly firstRequestTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** For the rest of a frame that has begun, and for a client that reads nothing. */
  readonly stallTimeoutMs: number;
  /** While the memory for answers is used up, who has not read much for this long is let go. */
  readonly pressureTimeoutMs: number;
}
