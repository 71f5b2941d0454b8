// Bounds of every gRPC channel between our services.

/** Largest message: a data frame (<= 256 KiB of batches as a rule, one batch of up to 8 MiB as an exception) with its header. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * What one call takes: who has more makes several calls, and the server refuses more, by one number each (N13). A call is one
 * command, and a command is applied within one turn of the loop (N8).
 */
export const CALL_LIMITS = {
  sessions: 100,
  /** Rows of one group. */
  groupRows: 256,
  /** Groups that are looked up: each is named, and answered with a claim. */
  groupLookups: 250,
  /** Offsets that are committed: each is a row, and RocksDB takes over the rows of a command within a turn (N8). */
  groupOffsets: 1_000,
  /** Offsets that are asked for by shard: each is answered with its metadata, and the answer is one message. */
  groupOffsetReads: 1_000,
  /** Sections of one fetch of a journal: each costs an outcome, whatever it brings. As many as are asked for within a turn (N8). */
  fetchSections: 2_000,
} as const;

/** HTTP/2 window. The default of 64 KiB stalls data streams; some MB raise throughput by 3-41 % in measurements. */
const FLOW_CONTROL_WINDOW_BYTES = 8 * 1024 * 1024;

/** A peer that answers nothing for this long is gone: longer than a lease, so that no stall that keeps its lease breaks a link. */
const SILENCE_MS = 2_500;

/** How often a link is asked whether it is still there. */
const PING_MS = 1_000;

/** Options shared by clients and servers. */
export const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
  // A link that has gone silent is given up: TCP itself would try again for minutes, at growing distances. Both sides ask, each
  // once a second per link: twice as often were a fifth of what an idle cluster does.
  'grpc.keepalive_time_ms': PING_MS,
  'grpc.keepalive_timeout_ms': SILENCE_MS - PING_MS,
  'grpc.keepalive_permit_without_calls': 1,
  // Reconnects stay quick: the lease machinery decides who is alive, not the channel's backoff.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  'grpc.use_local_subchannel_pool': 1,
} as const;
