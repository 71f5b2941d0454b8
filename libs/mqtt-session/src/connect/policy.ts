// What a gateway allows its clients. CONNACK announces it in MQTT 5; in 3.x the same bounds hold unannounced.

/** The bounds of one listener or tenant. All are upper bounds: a client may ask for less. */
export interface SessionPolicy {
  /** QoS 1 publishes of one client that wait for their acknowledgement; announced as Receive Maximum. */
  readonly receiveMaximum: number;
  /** QoS 1 messages to one client that wait for its acknowledgement, whatever Receive Maximum it announces. */
  readonly sendWindowMaximum: number;
  /** Whole packet from a client, announced as Maximum Packet Size. */
  readonly maximumPacketBytes: number;
  /** Aliases that one client may set; announced as Topic Alias Maximum. */
  readonly topicAliasMaximum: number;
  /** Longest Keep Alive; a longer one, or none, is answered by Server Keep Alive. 0 allows any. */
  readonly keepAliveMaximumS: number;
  /** Longest Session Expiry Interval; also that of a 3.x session without Clean Session. */
  readonly sessionExpiryMaximumS: number;
  readonly maximumSubscriptions: number;
  /** Characters of all filters of a session: gateways and journals keep each of them several times. */
  readonly maximumFilterChars: number;
  /** SUBSCRIBE and UNSUBSCRIBE packets of one client that are not answered yet. */
  readonly maximumPendingRequests: number;
  readonly maximumClientIdBytes: number;
  /** From the connection until CONNACK is sent. */
  readonly connectTimeoutMs: number;
  /** Start of the Response Information of a client that asks for it (section 3.2.2.3.15); undefined: none is given. */
  readonly responseTopicPrefix?: string;
}

/** Values for a gateway that nobody configured. */
export const DEFAULT_SESSION_POLICY: SessionPolicy = {
  // Fills the pipe of a fast publisher at 10 ms per append and 100,000 publishes per second.
  receiveMaximum: 1024,
  // A slow client's messages wait in the log, not in flight; more would only grow what a takeover hands over.
  sendWindowMaximum: 1024,
  // Records of this size still travel in one journal frame.
  maximumPacketBytes: 1024 * 1024,
  // Devices use a handful; each costs a string of up to 64 KiB.
  topicAliasMaximum: 32,
  keepAliveMaximumS: 0,
  // Seven days: long enough for a weekend, short enough that forgotten sessions go.
  sessionExpiryMaximumS: 7 * 24 * 3600,
  maximumSubscriptions: 1024,
  // 1,000 characters a filter are far more than anybody needs.
  maximumFilterChars: 1024 * 1024,
  maximumPendingRequests: 64,
  maximumClientIdBytes: 1024,
  // A slow login and a takeover whose old owner has to lose its lease first fit in.
  connectTimeoutMs: 10_000,
};
