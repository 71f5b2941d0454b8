// What happened to connections.

/** Counted in plain integers; instruments read them. */
export interface ConnectionCounters {
  open: number;
  accepted: number;
  refused: number;
  connected: number;
  deniedLogins: number;
  protocolErrors: number;
  takenOver: number;
  /** CONNECTs with the client id of another principal's session. */
  foreignSessions: number;
  keepAliveTimeouts: number;
  outputTimeouts: number;
  retainIgnored: number;
  /** Messages that are not sent any more because their client left after each delivery. */
  skippedMessages: number;
  /** Times that a session's places in a shard lay beyond the end of their leader epoch (rule X4). */
  resetPlaces: number;
}

/** Counters at zero. */
export function newConnectionCounters(): ConnectionCounters {
  return {
    open: 0,
    accepted: 0,
    refused: 0,
    connected: 0,
    deniedLogins: 0,
    protocolErrors: 0,
    takenOver: 0,
    foreignSessions: 0,
    keepAliveTimeouts: 0,
    outputTimeouts: 0,
    retainIgnored: 0,
    skippedMessages: 0,
    resetPlaces: 0,
  };
}
