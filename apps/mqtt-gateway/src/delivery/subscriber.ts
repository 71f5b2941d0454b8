// What delivery needs of a session, so that it can be tested without sockets.

import type { OutboundTopicAliases } from '@robustmq/mqtt-session';
import type { SocketOutput } from '../transport/socket-output.ts';
import type { ShardPlace } from './shard-place.ts';

/** {@link Subscriber.admit}: the message is to be read again when the window opens or the socket drains. */
export const WINDOW_FULL = 0;
/** {@link Subscriber.admit}: the client acknowledged it to the session's previous owner. */
export const ALREADY_ACKNOWLEDGED = -1;

/** A session as the receiver of messages. */
export interface Subscriber {
  /** Names the session in records, for No Local. */
  readonly originId: number;
  /** MQTT 5 on the present connection. */
  readonly isVersion5: boolean;
  /** Topic Aliases that the client allows us to set; null when it allows none [MQTT-3.1.2-27]. */
  readonly aliases: OutboundTopicAliases | null;
  /** The connection's output; null while there is none that takes messages. */
  readonly output: SocketOutput | null;
  /** Messages larger than this are not sent to the client [MQTT-3.1.2-24]. */
  readonly maximumPacketBytes: number;
  /** By shard key where the session reads behind the tail; null when it is live everywhere. */
  readonly lag: ReadonlyMap<number, ShardLag> | null;
  /** Whether what was admitted last may have been sent before, so that it carries DUP [MQTT-3.3.1-1]. */
  readonly isRedelivery: boolean;
  /** Set when its place in a log moved without an acknowledgement to come. */
  isCursorDirty: boolean;
  /** Takes the message at this place into the window: its packet identifier, or one of the two constants above. */
  admit(place: ShardPlace, offset: number): number;
  /** The session goes on reading this shard at `offset` when it can take messages again. */
  fallBehind(place: ShardPlace, offset: number): void;
}

/** Where a session goes on reading a shard. */
export interface ShardLag {
  nextOffset: number;
  /** The gateway's ring has everything that matches the session's filters only from here on (rule X5). */
  readonly ringFrom: number;
}
