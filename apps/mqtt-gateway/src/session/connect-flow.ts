// What lies between CONNECT and CONNACK: may the client come in, and a session row in meta that fences every other owner
// (rule S1). Reading is held meanwhile.

import type { Verdict } from '@robustmq/access-control';
import { TopicHash } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { REASON } from '@robustmq/mqtt-codec';
import { reasonOfError, type ConnectTerms } from '@robustmq/mqtt-session';
import type { NodeIdentity, OpenSessionOutcome, SessionHandover, SessionState } from '@robustmq/rpc';
import { ClientSession } from './client-session.ts';
import type { Connection } from './connection.ts';
import { HOLD_CONNECT } from './read-holds.ts';
import { resumeSession } from './resume-flow.ts';

/** Attempts to take a session over from gateways that keep changing. */
const MAX_TAKEOVERS = 3;
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
  openRow(connection, terms, false, 1);
}

function openRow(
  connection: Connection,
  terms: ConnectTerms,
  previousReleased: boolean,
  attempt: number,
  handover?: SessionHandover,
): void {
  const { services, machine, tenant } = connection;
  services.store.open(
    {
      tenant,
      clientId: terms.clientId,
      cleanStart: terms.cleanStart,
      expiryIntervalS: terms.sessionExpiryIntervalS,
      previousReleased,
    },
    (error, outcome) => {
      if (error !== undefined) {
        services.log.warn({ client_id: terms.clientId, err: error }, 'session could not be opened');
        machine.refuse(reasonOfError(error, 'connect'));
        return;
      }
      if (handover !== undefined && outcome!.sessionPresent) takePlaces(outcome!.session!, handover);
      opened(connection, terms, outcome!, attempt);
    },
  );
}

function opened(
  connection: Connection,
  terms: ConnectTerms,
  outcome: OpenSessionOutcome,
  attempt: number,
): void {
  const { services, machine, tenant } = connection;
  const key = outcome.session?.key;
  if (key === undefined) {
    machine.refuse(REASON.unspecifiedError);
    return;
  }
  if (connection.isClosed || services.directory.get(tenant, terms.clientId) !== connection) {
    // The client went away, or came back on another connection, while its row was being opened.
    services.store.release(
      {
        key,
        expiryIntervalS: terms.sessionExpiryIntervalS,
        cursors: outcome.session!.cursors,
        inFlight: outcome.session!.inFlight,
      },
      () => undefined,
    );
    machine.refuse(REASON.sessionTakenOver);
    return;
  }
  const owner = outcome.previousOwner;
  if (owner !== undefined && owner.nodeId !== '') {
    takeOver(connection, terms, owner, outcome.previousEpoch, attempt);
    return;
  }
  accept(connection, terms, outcome, attempt);
}

/** What the previous owner knew is younger than what meta has: its own release was fenced by our open (rule S3). */
function takePlaces(session: SessionState, { cursors, inFlight }: SessionHandover): void {
  if (cursors.length === 0) return;
  session.cursors = cursors;
  session.inFlight = inFlight;
}

/** Another gateway serves the session: it stops, or its lease ends, before we serve (rule S1). */
function takeOver(
  connection: Connection,
  terms: ConnectTerms,
  owner: NodeIdentity,
  epoch: bigint,
  attempt: number,
): void {
  const { services, machine, tenant } = connection;
  if (attempt > MAX_TAKEOVERS) {
    machine.refuse(REASON.serverBusy);
    return;
  }
  services.takeOver(owner, { tenant, clientId: terms.clientId, epoch }).then(
    ({ hasStopped, handover }) => {
      if (hasStopped) openRow(connection, terms, true, attempt + 1, handover);
      else machine.refuse(REASON.serverBusy);
    },
    () => machine.refuse(REASON.serverUnavailable),
  );
}

function accept(
  connection: Connection,
  terms: ConnectTerms,
  outcome: OpenSessionOutcome,
  attempt: number,
): void {
  const { services, machine, tenant } = connection;
  const state = outcome.session!;
  const { generation, epoch } = state.key!;
  machine.accept(outcome.sessionPresent, services.clock.monotonicMs());
  const { clientId } = terms;
  const originId = hash.ofString(`${tenant}\0${clientId}`).toMapKey();
  const session = new ClientSession(
    { tenant, clientId, generation, epoch, originId },
    terms,
    machine,
    connection.output,
    { catchUp: services.catchUp, slowOutputBytes: services.limits.slowOutputBytes },
  );
  connection.accepted(session);
  services.counters.connected++;
  if (outcome.sessionPresent) {
    session.isCursorDirty = attempt > 1;
    resumeSession(connection, session, state);
  }
  connection.release(HOLD_CONNECT);
}
