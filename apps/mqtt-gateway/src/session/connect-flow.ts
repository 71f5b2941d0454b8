// What lies between CONNECT and CONNACK: may the client come in, and a session row in meta that fences every other owner
// (rule S1). Reading is held meanwhile.

import type { Verdict } from '@robustmq/access-control';
import { TopicHash } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { REASON } from '@robustmq/mqtt-codec';
import { reasonOfError, type ConnectTerms } from '@robustmq/mqtt-session';
import type { NodeIdentity, SessionHandover } from '@robustmq/rpc';
import { ClientSession } from './client-session.ts';
import type { OutcomeCallback } from '../store/batched-call.ts';
import type { OpenedSession } from '../store/opened-session.ts';
import { placesOf, type StoredPlaces, type StoredSession } from '../store/session-rows.ts';
import type { Connection } from './connection.ts';
import { HOLD_CONNECT } from './read-holds.ts';
import { resumeSession } from './resume-flow.ts';

/** Opens of one CONNECT, when other gateways keep taking the session. */
const MAX_ATTEMPTS = 4;
const hash = new TopicHash();

/** Serves the machine's `open`. */
export function openSession(connection: Connection, terms: ConnectTerms): void {
  const { services, machine, tenant } = connection;
  const refusal = services.refusal();
  if (refusal !== null) {
    machine.refuse(refusal);
    return;
  }
  const { username, password } = terms;
  const quick = services.authenticator.quick(tenant, username, password);
  if (quick !== undefined) {
    decided(connection, terms, quick);
    return;
  }
  services.authenticator.authenticate(tenant, username, password).then(
    (verdict) => decided(connection, terms, verdict),
    // Denied when the decision itself fails: too many logins at once, or a bug.
    (thrown: unknown) => {
      const { code } = BrokerError.from(thrown);
      machine.refuse(code === 'quota_exceeded' ? REASON.serverBusy : REASON.unspecifiedError);
    },
  );
}

function decided(connection: Connection, terms: ConnectTerms, verdict: Verdict): void {
  const { services, machine, tenant } = connection;
  if (connection.isClosed) return;
  if (verdict.outcome === 'denied') {
    services.counters.deniedLogins++;
    machine.refuse(REASON.badUserNameOrPassword);
    return;
  }
  const previous = services.directory.replace(tenant, terms.clientId, connection);
  if (previous !== undefined) {
    services.counters.takenOver++;
    // Its release is sent before our open: the store keeps the order of a client id's steps.
    previous.machine.disconnect(REASON.sessionTakenOver);
  }
  openRow({ connection, terms, attempt: 1, isPresent: true, isUncertain: false, handover: undefined });
}

/** A CONNECT whose row is being opened. */
interface Opening {
  readonly connection: Connection;
  readonly terms: ConnectTerms;
  attempt: number;
  /** What the first open found: the later ones find the row that it made. */
  isPresent: boolean;
  /** The first open found a session that its owner had not released (rule S3). */
  isUncertain: boolean;
  handover: SessionHandover | undefined;
}

function openRow(opening: Opening): void {
  const { connection, terms, attempt } = opening;
  const { services, machine, tenant } = connection;
  const request = {
    tenant,
    clientId: terms.clientId,
    cleanStart: terms.cleanStart,
    expiryIntervalS: terms.sessionExpiryIntervalS,
    // Once its owner has stopped the row is ours, unless a younger CONNECT took it meanwhile.
    previousReleased: false,
  };
  const answered: OutcomeCallback<OpenedSession> = (error, outcome) => {
    if (error === undefined) {
      opened(opening, outcome!);
      return;
    }
    services.log.warn({ client_id: terms.clientId, err: error }, 'session could not be opened');
    machine.refuse(reasonOfError(error, 'connect'));
    services.store.opened(request);
  };
  if (attempt === 1) services.store.open(request, answered, () => (connection.openedEpoch = 0n));
  else services.store.openAgain(request, answered);
}

function opened(opening: Opening, session: OpenedSession): void {
  const { connection } = opening;
  connection.openedEpoch = session.key.epoch;
  opening.isPresent &&= session.isPresent;
  if (opening.attempt === 1) opening.isUncertain = session.deliveryUncertain;
  if (session.previousOwner !== undefined) takeOver(opening, session, session.previousOwner);
  else if (isCurrent(opening)) accept(opening, session);
  else letGo(opening, session);
}

/** What the previous owner knew is younger than what meta has: its own release was fenced by our open (rule S3). */
function placesHandedOver({ handover, isPresent }: Opening): StoredPlaces | undefined {
  const places = placesOf(handover?.places);
  return isPresent && places.cursors.length > 0 ? places : undefined;
}

/** Whether the client still waits on this connection. */
function isCurrent({ connection, terms }: Opening): boolean {
  return (
    !connection.isClosed &&
    connection.services.directory.get(connection.tenant, terms.clientId) === connection
  );
}

/** The client went away, or came back on another connection, while its row was being opened. */
function letGo(opening: Opening, { key }: OpenedSession): void {
  const { connection, terms } = opening;
  const { store } = connection.services;
  const places = placesHandedOver(opening);
  const expiryIntervalS = terms.sessionExpiryIntervalS;
  store.release({ key, expiryIntervalS, ...(places && { places }) }, () => undefined);
  connection.machine.refuse(REASON.sessionTakenOver);
  store.opened({ tenant: connection.tenant, clientId: terms.clientId });
}

/** Another gateway serves the session: it stops, or its lease ends, before we serve (rule S1). */
function takeOver(opening: Opening, session: OpenedSession, owner: NodeIdentity): void {
  const { connection, terms } = opening;
  const { services, machine, tenant } = connection;
  const { clientId } = terms;
  services.takeOver(owner, { tenant, clientId, epoch: session.previousEpoch }).then(
    (handover) => {
      // Of several owners in turn only one has served it; the others had a CONNECT under way and know nothing.
      if ((opening.handover?.places?.cursors.length ?? 0) === 0) opening.handover = handover;
      if (!isCurrent(opening)) {
        letGo(opening, session);
      } else if (++opening.attempt <= MAX_ATTEMPTS) {
        openRow(opening);
      } else {
        machine.refuse(REASON.serverBusy);
        services.store.opened({ tenant, clientId });
      }
    },
    () => {
      machine.refuse(REASON.serverUnavailable);
      services.store.opened({ tenant, clientId });
    },
  );
}

function accept(opening: Opening, opened: OpenedSession): void {
  const { connection, terms, isPresent, attempt } = opening;
  const { services, machine, tenant } = connection;
  const { generation, epoch } = opened.key;
  const { clientId } = terms;
  services.store.opened({ tenant, clientId });
  machine.accept(isPresent, services.clock.monotonicMs());
  const originId = hash.ofString(`${tenant}\0${clientId}`).toMapKey();
  const session = new ClientSession(
    { tenant, clientId, generation, epoch, originId },
    opened.changes,
    terms,
    machine,
    connection.output,
    { catchUp: services.catchUp, slowOutputBytes: services.limits.slowOutputBytes },
  );
  connection.accepted(session);
  services.counters.connected++;
  if (services.debug.isOn) {
    const { version, cleanStart } = terms;
    connection.debug('connected', { version, clean_start: cleanStart, session_present: isPresent });
  }
  if (isPresent) {
    // Places that another gateway handed over are in no row yet.
    session.isCursorDirty = attempt > 1;
    const places = placesHandedOver(opening);
    const stored: StoredSession = { ...opened.stored, ...places };
    resumeSession(connection, session, stored, opening.isUncertain && places === undefined);
  }
  connection.release(HOLD_CONNECT);
}
