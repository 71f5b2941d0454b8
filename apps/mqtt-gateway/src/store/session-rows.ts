// A session's rows in meta and the plain values that the gateway works with, both ways. Nothing else in the gateway knows how
// a row is laid out (docs/en/formats/meta-log.md).

import { create } from '@bufbuild/protobuf';
import { toNumber } from '@robustmq/meta-client';
import {
  CursorRowSchema,
  InboundRowSchema,
  OutboundRow_State,
  OutboundRowSchema,
  SessionPlacesSchema,
  ShardPositionSchema,
  SubscriptionRowSchema,
  type CursorRow,
  type InboundRow,
  type OutboundRow,
  type SessionPlaces,
  type SessionRows,
  type ShardPosition,
  type StartVector,
  type SubscriptionRow,
} from '@robustmq/rpc';
import type { OutboundState } from '@robustmq/mqtt-session';

/** A place in a shard. */
export interface ShardPlace {
  readonly streamId: number;
  readonly shard: number;
  readonly leaderEpoch: number;
  readonly offset: number;
}

/** A subscription as meta keeps it. Those that begin at the same places share `start`. */
export interface StoredSubscription {
  readonly filter: string;
  readonly qos: number;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: number;
  /** 0: none. */
  readonly subscriptionIdentifier: number;
  readonly createdAtRevision: number;
  readonly start: readonly ShardPlace[];
}

/** How far a shard was read. */
export interface StoredCursor extends ShardPlace {
  /** Everything below was sent (rule S3). 0: not said. */
  readonly sentBelow: number;
}

/** A message on its way to the client. */
export interface StoredOutbound extends ShardPlace {
  readonly packetId: number;
  readonly qos: number;
  readonly state: OutboundState;
  /** Connections whose client left with it in flight. */
  readonly departures: number;
}

/** A QoS 2 PUBLISH of the client that is not complete. */
export interface StoredInbound {
  readonly packetId: number;
  readonly sequence: number;
  readonly streamId: number;
  readonly shard: number;
}

/** Where a session stands in its shards. */
export interface StoredPlaces {
  readonly cursors: readonly StoredCursor[];
  readonly outbound: readonly StoredOutbound[];
  /** An owner ended without a word, and what it may have sent is not read to its end yet. */
  readonly doubtful: boolean;
}

/** A session as it was stored. */
export interface StoredSession extends StoredPlaces {
  readonly subscriptions: readonly StoredSubscription[];
  readonly inbound: readonly StoredInbound[];
}

// Subscription Options of MQTT 5 (3.8.3.1).
const QOS_MASK = 0x03;
const NO_LOCAL = 0x04;
const RETAIN_AS_PUBLISHED = 0x08;
const RETAIN_HANDLING_SHIFT = 4;
const RETAIN_HANDLING_MASK = 0x03;

const STATE_OF_ROW: Readonly<Record<OutboundRow_State, OutboundState>> = {
  [OutboundRow_State.UNSPECIFIED]: 'sent',
  [OutboundRow_State.RECEIVED]: 'received',
  [OutboundRow_State.DONE]: 'done',
};
const ROW_OF_STATE: Readonly<Record<OutboundState, OutboundRow_State>> = {
  sent: OutboundRow_State.UNSPECIFIED,
  received: OutboundRow_State.RECEIVED,
  done: OutboundRow_State.DONE,
};

/** The row of a subscription whose start vector is known by its number. */
export function subscriptionRow(subscription: StoredSubscription, start: number): SubscriptionRow {
  const { qos, noLocal, retainAsPublished, retainHandling } = subscription;
  return create(SubscriptionRowSchema, {
    filter: subscription.filter,
    options:
      (qos & QOS_MASK) |
      (noLocal ? NO_LOCAL : 0) |
      (retainAsPublished ? RETAIN_AS_PUBLISHED : 0) |
      ((retainHandling & RETAIN_HANDLING_MASK) << RETAIN_HANDLING_SHIFT),
    subscriptionIdentifier: subscription.subscriptionIdentifier,
    start,
    createdAtRevision: BigInt(subscription.createdAtRevision),
  });
}

function storedSubscription(row: SubscriptionRow, start: readonly ShardPlace[]): StoredSubscription {
  return {
    filter: row.filter,
    qos: row.options & QOS_MASK,
    noLocal: (row.options & NO_LOCAL) !== 0,
    retainAsPublished: (row.options & RETAIN_AS_PUBLISHED) !== 0,
    retainHandling: (row.options >> RETAIN_HANDLING_SHIFT) & RETAIN_HANDLING_MASK,
    subscriptionIdentifier: row.subscriptionIdentifier,
    createdAtRevision: Number(row.createdAtRevision),
    start,
  };
}

/** A place as contracts have it. */
export function positionOf({ streamId, shard, leaderEpoch, offset }: ShardPlace): ShardPosition {
  return create(ShardPositionSchema, { streamId, shard, leaderEpoch, offset: BigInt(offset) });
}

function placeOf(position: ShardPosition | undefined): ShardPlace {
  const { streamId = 0, shard = 0, leaderEpoch = 0, offset = 0n } = position ?? {};
  return { streamId, shard, leaderEpoch, offset: Number(offset) };
}

/** The row of a cursor. */
export function cursorRow(cursor: StoredCursor): CursorRow {
  return create(CursorRowSchema, { position: positionOf(cursor), sentBelow: BigInt(cursor.sentBelow) });
}

function storedCursor({ position, sentBelow }: CursorRow): StoredCursor {
  return { ...placeOf(position), sentBelow: Number(sentBelow) };
}

/** The row of a message on its way to the client. */
export function outboundRow(message: StoredOutbound): OutboundRow {
  const { packetId, qos, state, departures } = message;
  return create(OutboundRowSchema, {
    packetId,
    qos,
    position: positionOf(message),
    state: ROW_OF_STATE[state],
    departures,
  });
}

function storedOutbound({ packetId, qos, position, state, departures }: OutboundRow): StoredOutbound {
  return { ...placeOf(position), packetId, qos, state: STATE_OF_ROW[state], departures };
}

/** The row of a QoS 2 PUBLISH of the client. */
export function inboundRow({ packetId, sequence, streamId, shard }: StoredInbound): InboundRow {
  return create(InboundRowSchema, { packetId, sequence: BigInt(sequence), shard: { streamId, shard } });
}

/** @throws BrokerError `out_of_range`: a rounded sequence would be another publish's. */
function storedInbound({ packetId, sequence, shard }: InboundRow): StoredInbound {
  return {
    packetId,
    sequence: toNumber(sequence),
    streamId: shard?.streamId ?? 0,
    shard: shard?.shard ?? 0,
  };
}

/** What an owner says at a release or hands over. */
export function placesMessage({ cursors, outbound, doubtful }: StoredPlaces): SessionPlaces {
  return create(SessionPlacesSchema, {
    cursors: cursors.map(cursorRow),
    outbound: outbound.map(outboundRow),
    doubtful,
  });
}

/** Rows of what an owner says. */
export function rowCountOf({ cursors, outbound }: StoredPlaces): number {
  return cursors.length + outbound.length;
}

/** What an owner said. */
export function placesOf(message: SessionPlaces | undefined): StoredPlaces {
  return {
    cursors: message?.cursors.map(storedCursor) ?? [],
    outbound: message?.outbound.map(storedOutbound) ?? [],
    doubtful: message?.doubtful ?? false,
  };
}

/** The pages of a session, collected until all have come: a filter may come before its start vector. */
export class CollectedRows {
  readonly subscriptionRows: SubscriptionRow[] = [];
  readonly startRows: StartVector[] = [];
  readonly #cursors: StoredCursor[] = [];
  readonly #outbound: StoredOutbound[] = [];
  readonly #inbound: StoredInbound[] = [];

  /** Adds a page. */
  add(page: SessionRows): void {
    for (const row of page.subscriptions) this.subscriptionRows.push(row);
    for (const row of page.starts) this.startRows.push(row);
    for (const row of page.cursors) this.#cursors.push(storedCursor(row));
    for (const row of page.outbound) this.#outbound.push(storedOutbound(row));
    for (const row of page.inbound) this.#inbound.push(storedInbound(row));
  }

  /** The whole session. */
  session(doubtful: boolean): StoredSession {
    const starts = new Map(this.startRows.map(({ id, positions }) => [id, positions.map(placeOf)]));
    const noPlaces: readonly ShardPlace[] = [];
    return {
      subscriptions: this.subscriptionRows.map((row) =>
        storedSubscription(row, starts.get(row.start) ?? noPlaces),
      ),
      cursors: this.#cursors,
      outbound: this.#outbound,
      inbound: this.#inbound,
      doubtful,
    };
  }
}
