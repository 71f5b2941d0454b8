// What a gateway allows its clients beyond the protocol.

import type { SessionPolicy } from '@robustmq/mqtt-session';
import type { PacketLimits } from '@robustmq/mqtt-codec';

/** Bounds of what a client may do; values come from the configuration. */
export interface GatewayLimits extends SessionPolicy {
  readonly packets: PacketLimits;
  readonly maxConnections: number;
  readonly maxConnectsPerSecond: number;
  /** Output that waits for a client before QoS 1 is left for later, and before QoS 0 is dropped. */
  readonly slowOutputBytes: number;
  readonly maxOutputBytes: number;
  /** Output waiting at which a client counts as reading again: the smaller of the two. */
  readonly reliefBytes: number;
  /** A client that keeps us from reading by taking none of its output is cut after this. */
  readonly outputTimeoutMs: number;
  /** Input that may wait while reading is held; a frame of a WebSocket fits in. */
  readonly maxHeldBytes: number;
}
