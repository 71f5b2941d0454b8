// A connected client, as those who serve it see it. Only the connection implements this: flows, takeovers and the directory
// know neither its socket nor its decoder.

import type { Principal } from '@robustmq/access-control';
import type { MqttConnection, SubscribeRequest, UnsubscribeRequest } from '@robustmq/mqtt-session';
import type { ShardPlace } from '../delivery/shard-place.ts';
import type { Subscription } from '../delivery/subscription.ts';
import type { SocketOutput } from '../transport/socket-output.ts';
import type { ClientSession } from './client-session.ts';
import type { Held } from './read-holds.ts';

/** One connection with a client. */
export interface Client extends Held {
  readonly tenant: string;
  /** Empty before CONNECT. */
  readonly clientId: string;
  readonly peerAddress: string;
  /** The protocol has come to its end. */
  readonly isClosed: boolean;
  /** The protocol side of the connection. */
  readonly machine: MqttConnection<ShardPlace, Subscription>;
  readonly output: SocketOutput;
  /** Null until CONNACK, and after the end. */
  readonly session: ClientSession | null;
  /** Session epoch that its CONNECT has got; null: none yet. */
  openedEpoch: bigint | null;
  /** On whose behalf it acts; null until its login is verified. */
  principal: Principal | null;
  /**
   * Runs `action`; what it throws ends this connection and nothing else. What serves a client and goes on later, in the answer to
   * a call or a promise, goes on in here (N9).
   */
  guard(action: () => void): void;
  /** Something that was done for it failed unexpectedly: ends this connection. */
  failed(thrown: unknown): void;
  /** CONNACK was sent: the session is served on this connection. */
  accepted(session: ClientSession): void;
  /** A SUBSCRIBE was served. */
  subscribed(request: SubscribeRequest): void;
  /** An UNSUBSCRIBE was served. */
  unsubscribed(request: UnsubscribeRequest): void;
  /** A line about this client in the log. */
  debug(message: string, fields: Record<string, unknown>): void;
}
