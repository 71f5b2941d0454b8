// The end of a session's time on this gateway: its filters go, and its row in meta gets what the next owner needs.

import { create } from '@bufbuild/protobuf';
import {
  InFlightRowSchema,
  SessionKeySchema,
  ShardPositionSchema,
  type InFlightRow,
  type ShardPosition,
} from '@robustmq/rpc';
import type { ShardTail } from '../delivery/shard-tail.ts';
import type { GatewayServices } from '../services.ts';
import type { ClientSession } from './client-session.ts';
import type { Connection } from './connection.ts';
import { SENT_BELOW } from './handover.ts';

/** The row's key of a session. */
export function keyOf(session: ClientSession) {
  const { tenant, clientId, generation, epoch } = session.identity;
  return create(SessionKeySchema, { tenant, clientId, generation, epoch });
}

/** How far a durable session has read every shard that MQTT sees. */
export function cursorsOf(services: GatewayServices, session: ClientSession): ShardPosition[] {
  if (session.stored !== null) return session.stored.cursors;
  const cursors: ShardPosition[] = [];
  for (const tail of services.tails.tails()) {
    cursors.push(
      create(ShardPositionSchema, {
        streamId: tail.streamId,
        shard: tail.shard,
        leaderEpoch: tail.leaderEpoch,
        offset: BigInt(session.cursorOf(tail)),
      }),
    );
  }
  return cursors;
}

/**
 * What the client has been sent and not acknowledged, and for each shard that this concerns the point below which
 * everything was sent (rule S3).
 */
export function inFlightOf(session: ClientSession): InFlightRow[] {
  if (session.stored !== null) return session.stored.inFlight;
  const rows: InFlightRow[] = [];
  const sentBelow = new Map<ShardTail, number>();
  for (const { packetId, place: tail, offset } of session.machine.window.inFlight()) {
    rows.push(inFlightRow(packetId, tail, offset));
    sentBelow.set(tail, session.sentBelow(tail));
  }
  for (const { tail, offset } of session.handover?.sentBelow() ?? []) {
    sentBelow.set(tail, Math.max(offset, session.sentBelow(tail)));
  }
  for (const [tail, offset] of sentBelow) rows.push(inFlightRow(SENT_BELOW, tail, offset));
  return rows;
}

function inFlightRow(packetId: number, tail: ShardTail, offset: number): InFlightRow {
  return create(InFlightRowSchema, {
    packetId,
    qos: 1,
    position: create(ShardPositionSchema, {
      streamId: tail.streamId,
      shard: tail.shard,
      leaderEpoch: tail.leaderEpoch,
      offset: BigInt(offset),
    }),
  });
}

/** Takes the session's subscriptions out of routing. */
export function removeSubscriptions(services: GatewayServices, session: ClientSession): void {
  const { tenant } = session.identity;
  const routes = services.routesOf(tenant);
  for (const subscription of session.subscriptions.values()) {
    routes.remove(subscription);
    subscription.use?.release();
    services.removeMeshFilter(tenant, subscription.filter);
  }
}

/** Releases the session (rules S1, S3). */
export function endSession(connection: Connection, session: ClientSession, expiryIntervalS: number): void {
  const { services } = connection;
  const isDurable = expiryIntervalS > 0;
  const cursors = isDurable ? cursorsOf(services, session) : [];
  const inFlight = isDurable ? inFlightOf(session) : [];
  session.close();
  removeSubscriptions(services, session);
  services.directory.remove(session.identity.tenant, session.identity.clientId, connection);
  services.store.release({ key: keyOf(session), expiryIntervalS, cursors, inFlight }, (error) => {
    // `fenced`: another owner opened it meanwhile, which is as good. Else its lease or expiry ends it.
    if (error === undefined || error.code === 'fenced') return;
    services.log.warn({ client_id: session.identity.clientId, err: error }, 'session could not be released');
  });
}
