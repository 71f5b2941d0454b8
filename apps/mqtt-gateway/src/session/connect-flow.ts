// What lies between CONNECT and CONNACK: may the client come in, and a session row in meta that fences every other owner
// (rule S1). Reading is held meanwhile.

import type { Principal, Verdict } from '@robustmq/access-control';
import { create } from '@bufbuild/protobuf';
import { TopicHash } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { REASON } from '@robustmq/mqtt-codec';
import { reasonOfError, type ConnectTerms } from '@robustmq/mqtt-session';
import { PrincipalSchema, type NodeIdentity, type SessionHandover } from '@robustmq/rpc';
import { ClientSession } from './client-session.ts';
import type { OutcomeCallback } from '../store/batched-call.ts';
import type { OpenedSession } from '../store/opened-session.ts';
import { placesOf, type StoredPlaces, type StoredSession } from '../store/session-rows.ts';
import type { Connection } from './connection.ts';
import { HOLD_CONNECT } from './read-holds.ts';
import { Resumption } from './resume-flow.ts';
import { removeSubscriptions } from './session-end.ts';
import { placesAfterCrash } from './session-places.ts';

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
  const origin = { address: connection.peer.address, isWanted: () => !connection.isClosed };
  const quick = services.authenticator.quick(tenant, username, password, origin);
  if (quick !== undefined) {
    decided(connection, terms, quick);
    return;
  }
  services.authenticator.authenticate(tenant, username, password, origin).then(
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
  const { principal } = verdict;
  openRow({
    connection,
    terms,
    principal,
    attempt: 1,
    isPresent: true,
    isUncertain: false,
    handover: undefined,
  });
}

/** A CONNECT whose row is being opened. */
interface Opening {
  readonly connection: Connection;
  readonly terms: ConnectTerms;
  readonly principal: Principal;
  attempt: number;
  /** What the first open found: the later ones find the row that it made. */
  isPresent: boolean;
  /** The first open found a session that its owner had not released (rule S3). */
  isUncertain: boolean;
  handover: SessionHandover | undefined;
}

function openRow(opening: Opening): void {
  const { connection, terms, principal, attempt } = opening;
  const { services, tenant } = connection;
  const request = {
    tenant,
    clientId: terms.clientId,
    cleanStart: terms.cleanStart,
    expiryIntervalS: terms.sessionExpiryIntervalS,
    // Once its owner has stopped the row is ours, unless a younger CONNECT took it meanwhile.
    previousReleased: false,
    principal: principalMessage(principal),
  };
  const answered: OutcomeCallback<OpenedSession> = (error, outcome) => {
    if (error === undefined) {
      opened(opening, outcome!);
      return;
    }
    refuseOpen(opening, error);
    services.store.opened(request);
  };
  if (attempt === 1) services.store.open(request, answered, () => (connection.openedEpoch = 0n));
  else services.store.openAgain(request, answered);
}

function refuseOpen({ connection, terms, principal }: Opening, error: BrokerError): void {
  const { services, machine } = connection;
  if (error.code === 'permission_denied') {
    // Whoever owns the client id: a name is not a right to a session and its backlog.
    services.counters.foreignSessions++;
    connection.debug('session of another principal', { principal: principal.name });
    machine.refuse(REASON.clientIdentifierNotValid);
    return;
  }
  services.log.warn({ client_id: terms.clientId, err: error }, 'session could not be opened');
  machine.refuse(reasonOfError(error, 'connect'));
}

function principalMessage({ tenant, name, anonymous }: Principal) {
  return anonymous ? undefined : create(PrincipalSchema, { tenant, name });
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
  const places = handover?.places;
  return isPresent && places !== undefined ? placesOf(places) : undefined;
}

/** Whether the client still waits on this connection. */
function isCurrent({ connection, terms }: Opening): boolean {
  return (
    !connection.isClosed &&
    connection.services.directory.get(connection.tenant, terms.clientId) === connection
  );
}

/**
 * The client is not served here: it went away, or came back on another connection, or other gateways keep taking its session.
 * What an owner handed over is known to nobody else.
 */
function letGo(opening: Opening, { key }: OpenedSession, reasonCode: number = REASON.sessionTakenOver): void {
  const { connection, terms } = opening;
  const { store } = connection.services;
  const places = placesHandedOver(opening);
  const expiryIntervalS = terms.sessionExpiryIntervalS;
  store.release({ key, expiryIntervalS, ...(places && { places }) }, () => undefined);
  connection.machine.refuse(reasonCode);
  store.opened({ tenant: connection.tenant, clientId: terms.clientId });
}

/** Another gateway serves the session: it stops, or its lease ends, before we serve (rule S1). */
function takeOver(opening: Opening, session: OpenedSession, owner: NodeIdentity): void {
  const { connection, terms } = opening;
  const { services, tenant } = connection;
  const { clientId } = terms;
  services.takeOver(owner, { tenant, clientId, epoch: session.previousEpoch }).then(
    (handover) => {
      // Of several owners in turn only one has served it; the others had a CONNECT under way and know nothing.
      if (opening.handover?.places === undefined) opening.handover = handover;
      if (!isCurrent(opening)) {
        letGo(opening, session);
      } else if (++opening.attempt <= MAX_ATTEMPTS) {
        openRow(opening);
      } else {
        letGo(opening, session, REASON.serverBusy);
      }
    },
    () => letGo(opening, session, REASON.serverUnavailable),
  );
}

function accept(opening: Opening, opened: OpenedSession): void {
  const { connection } = opening;
  const { services } = connection;
  const session = sessionOf(opening, opened);
  if (!opening.isPresent) {
    serve(opening, session);
    connection.release(HOLD_CONNECT);
    return;
  }
  const stored = storedOf(opening, opened);
  const isInRows = placesHandedOver(opening) === undefined;
  const resumption = new Resumption(services, session, stored, isInRows);
  resumption.prepare(() => {
    if (!isCurrent(opening)) {
      removeSubscriptions(services, session);
      letGo(opening, opened);
      return;
    }
    serve(opening, session);
    resumption.accepted();
    connection.release(HOLD_CONNECT);
  });
}

function sessionOf({ connection, terms }: Opening, { key, changes }: OpenedSession): ClientSession {
  const { services, machine, tenant } = connection;
  const { generation, epoch } = key;
  const { clientId } = terms;
  const originId = hash.ofString(`${tenant}\0${clientId}`).toMapKey();
  const { catchUp, limits } = services;
  return new ClientSession({ tenant, clientId, generation, epoch, originId }, changes, terms, machine, {
    catchUp,
    slowOutputBytes: limits.slowOutputBytes,
    streamRevision: (streamId) => services.streamRevision(streamId),
  });
}

/** What is known of the session: its rows, younger places from the owner that it was taken from, or after a crash cursors. */
function storedOf(opening: Opening, { stored }: OpenedSession): StoredSession {
  const places = placesHandedOver(opening);
  if (places !== undefined) return { ...stored, ...places };
  return opening.isUncertain ? { ...stored, ...placesAfterCrash(stored) } : stored;
}

/** CONNACK. */
function serve({ connection, terms, isPresent }: Opening, session: ClientSession): void {
  const { services, machine, tenant } = connection;
  services.store.opened({ tenant, clientId: terms.clientId });
  machine.accept(isPresent, services.clock.monotonicMs());
  session.output = connection.output;
  connection.accepted(session);
  services.counters.connected++;
  if (services.debug.isOn) {
    const { version, cleanStart } = terms;
    connection.debug('connected', { version, clean_start: cleanStart, session_present: isPresent });
  }
}
