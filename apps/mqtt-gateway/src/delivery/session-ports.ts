// A session as delivery sees it, a port for each part of delivery: who hands it messages, who reads for it what it missed,
// and who tells it what becomes of tails. The session of a connected client is all of them.

import type { OutboundTopicAliases, ShardLag } from '@robustmq/mqtt-session';
import type { SocketOutput } from '../transport/socket-output.ts';
import type { ShardPlace } from './shard-place.ts';

/** A session as the receiver of messages. */
export interface ReceivingSession {
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
  /** By shard key where the session reads behind the tail; null when there is none. */
  readonly lag: ReadonlyMap<number, ShardLag> | null;
  /** Whether the message at this place of the tail is the session's to take now. */
  isLiveAt(shardKey: number, offset: number): boolean;
  /** Whether what was admitted last may have been sent before, so that it carries DUP [MQTT-3.3.1-1]. */
  readonly isRedelivery: boolean;
  /** A message of this shard concerns the session: its cursor is worth keeping (rule X4). */
  touch(place: ShardPlace): void;
  /** Whether an owner that ended without a word may have sent the message: at QoS 0 it does not go again. */
  mayHaveSent(place: ShardPlace, offset: number): boolean;
  /** Whether that is about to be known: until then it waits. */
  isInQuestion(place: ShardPlace, offset: number): boolean;
  /**
   * Takes the message at this place into the window: its packet identifier, or `WINDOW_FULL`. See
   * {@link Receiver.isInherited}.
   */
  admit(place: ShardPlace, offset: number, isInherited: boolean): number;
  /** The session goes on reading this shard at `offset` when it can take messages again. */
  fallBehind(place: ShardPlace, offset: number): void;
}

/** A session that may owe its client messages of an earlier connection. */
export interface OwedSession extends ReceivingSession {
  /** The identifier to send the message again with, `WINDOW_FULL`, or `NOT_OWED`. */
  resend(place: ShardPlace, offset: number): number;
  /** What is owed at this place can't be sent again. */
  abandon(place: ShardPlace, offset: number): void;
}

/** A session as catching up needs it. */
export interface LaggingSession extends OwedSession {
  /** Messages of a shard that the window takes now; 0 while the socket is congested. */
  roomIn(place: ShardPlace): number;
  /** Shards with messages of an earlier connection, which go before anything new of them. */
  owedPlaces(): readonly ShardPlace[];
  /** The next of them, at most `count`. */
  owedOffsets(place: ShardPlace, count: number): number[];
  /** Topic filters to read the index for. */
  filters(): readonly string[];
  /** What it reads of a shard now comes from the leader of this epoch. */
  servedBy(shardKey: number, leaderEpoch: number): void;
  /** The shard is gone: nothing of it is owed any more. */
  shardGone(place: ShardPlace): void;
  /** The session follows the shard live from now on. */
  caughtUp(tail: ShardPlace): void;
  /** Reading on for it failed unexpectedly: its connection ends, and no other (N9). */
  failed(thrown: unknown): void;
}

/** A session that may follow shards live. */
export interface LiveSession {
  /** The tail of a shard is known now: the session finds its place in it. */
  tailStarted(tail: ShardPlace): void;
  /** The tail left out [from, ringFrom): reads that behind it. */
  tailJumped(tail: ShardPlace, from: number, ringFrom: number): void;
  /** The shard is gone. */
  shardGone(tail: ShardPlace): void;
}
