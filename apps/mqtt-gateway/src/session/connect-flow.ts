// What lies between CONNECT and CONNACK: may the client come in, and a session row in meta that fences every other owner
// (rule S1). Reading is held meanwhile.

import { isSamePrincipal, type Authenticator, type Principal, type Verdict } from '@robustmq/access-control';
import { create } from '@bufbuild/protobuf';
import { TopicHash } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { REASON } from '@robustmq/mqtt-codec';
import { reasonOfError, type ConnectTerms } from '@robustmq/mqtt-session';
import { PrincipalSchema, type NodeIdentity, type SessionHandover } from '@robustmq/rpc';
import { ClientSession, type SessionSurroundings } from './client-session.ts';
import type { OutcomeCallback } from '../store/batched-call.ts';
import type { OpenedSession } from '../store/opened-session.ts';
import type { ConnectionCounters } from '../connection-counters.ts';
import type { GatewayLog } from '../gateway-log.ts';
import type { SessionStore } from '../store/session-store.ts';
import { placesOf, type StoredPlaces, type StoredSession } from '../store/session-rows.ts';
import type { Client } from './client.ts';
import { removeRoutes } from './filter-routes.ts';
import { HOLD_CONNECT } from './read-holds.ts';
import { Resumption, type ResumePorts } from './resume-flow.ts';
import type { SessionDirectory } from './session-directory.ts';
import { handoverOf } from './session-end.ts';
import { placesAfterCrash } from './session-places.ts';
import type { OldSession } from './takeovers.ts';

/** Opens of one CONNECT, when other gateways keep taking the session. */
const MAX_ATTEMPTS = 4;
const hash = new TopicHash();

/** What deciding a CONNECT needs of the gateway. */
export interface ConnectPorts {
  readonly clock: { monotonicMs(): number };
  readonly authenticator: Pick<Authenticator, 'quick' | 'authenticate'>;
  readonly directory: SessionDirectory;
  readonly store: SessionStore;
  readonly counters: ConnectionCounters;
  readonly log: GatewayLog;
  readonly debug: { readonly isOn: boolean };
  readonly surroundings: SessionSurroundings;
  readonly resume: ResumePorts;
  /** Null while sessions may be served; else the Reason Code to refuse CONNECT with. */
  refusal(): number | null;
  /**
   * Has another gateway stop serving a session (rule S1): resolves when it has, or its lease has ended, to what only it
   * knew (rule S3).
   */
  stopElsewhere(
    owner: Pick<NodeIdentity, 'nodeId' | 'incarnation'>,
    session: OldSession,
  ): Promise<SessionHandover | undefined>;
}

/** A CONNECT whose row is being opened. */
interface Opening {
  readonly client: Client;
  readonly terms: ConnectTerms;
  readonly principal: Principal;
  /** Another principal has the client id here: meta says first whose the session is. */
  readonly isForeign: boolean;
  attempt: number;
  /** What the first open found: the later ones find the row that it made. */
  isPresent: boolean;
  /** The first open found a session that its owner had not released (rule S3). */
  isUncertain: boolean;
  handover: SessionHandover | undefined;
}

/** Decides the CONNECTs of all clients. */
export class ConnectFlow {
  readonly #ports: ConnectPorts;

  constructor(ports: ConnectPorts) {
    this.#ports = ports;
  }

  /** Serves the machine's `open`. */
  open(client: Client, terms: ConnectTerms): void {
    const { machine, tenant } = client;
    const refusal = this.#ports.refusal();
    if (refusal !== null) {
      machine.refuse(refusal);
      return;
    }
    const { username, password } = terms;
    const origin = { address: client.peerAddress, isWanted: () => !client.isClosed };
    const quick = this.#ports.authenticator.quick(tenant, username, password, origin);
    if (quick !== undefined) {
      this.#decided(client, terms, quick);
      return;
    }
    this.#ports.authenticator.authenticate(tenant, username, password, origin).then(
      (verdict) => this.#decided(client, terms, verdict),
      // Denied when the decision itself fails: too many logins at once, or a bug.
      (thrown: unknown) => {
        const { code } = BrokerError.from(thrown);
        machine.refuse(code === 'quota_exceeded' ? REASON.serverBusy : REASON.unspecifiedError);
      },
    );
  }

  #decided(client: Client, terms: ConnectTerms, verdict: Verdict): void {
    const { machine, tenant } = client;
    if (client.isClosed) return;
    if (verdict.outcome === 'denied') {
      this.#ports.counters.deniedLogins++;
      machine.refuse(REASON.badUserNameOrPassword);
      return;
    }
    const { principal } = verdict;
    client.principal = principal;
    const owner = this.#ports.directory.get(tenant, terms.clientId)?.principal ?? principal;
    const isForeign = !isSamePrincipal(owner, principal);
    // The release of who had it is sent before our open: the store keeps the order of a client id's steps.
    if (!isForeign) this.#replace(client, terms);
    this.#openRow({
      client,
      terms,
      principal,
      isForeign,
      attempt: 1,
      isPresent: true,
      isUncertain: false,
      handover: undefined,
    });
  }

  /** Makes the client id this connection's; whoever had it goes, and tells what only it knew. */
  #replace(client: Client, { clientId }: ConnectTerms): SessionHandover | undefined {
    const { directory, counters } = this.#ports;
    const { tenant } = client;
    const previous = client.isClosed
      ? directory.get(tenant, clientId)
      : directory.replace(tenant, clientId, client);
    if (previous === undefined) return undefined;
    const handover = handoverOf(previous.session);
    counters.takenOver++;
    previous.machine.disconnect(REASON.sessionTakenOver);
    return handover;
  }

  #openRow(opening: Opening): void {
    const { client, terms, principal, attempt } = opening;
    const { tenant } = client;
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
        this.#opened(opening, outcome!);
        return;
      }
      this.#refuseOpen(opening, error);
      this.#ports.store.opened(request);
    };
    if (attempt === 1) this.#ports.store.open(request, answered, () => (client.openedEpoch = 0n));
    else this.#ports.store.openAgain(request, answered);
  }

  #refuseOpen({ client, terms, principal }: Opening, error: BrokerError): void {
    const { machine } = client;
    if (error.code === 'permission_denied') {
      // Whoever owns the client id: a name is not a right to a session and its backlog.
      this.#ports.counters.foreignSessions++;
      client.debug('session of another principal', { principal: principal.name });
      machine.refuse(REASON.clientIdentifierNotValid);
      return;
    }
    this.#ports.log.warn({ client_id: terms.clientId, err: error }, 'session could not be opened');
    machine.refuse(reasonOfError(error, 'connect'));
  }

  #opened(opening: Opening, session: OpenedSession): void {
    const { client } = opening;
    client.openedEpoch = session.key.epoch;
    opening.isPresent &&= session.isPresent;
    if (opening.attempt === 1) {
      opening.isUncertain = session.deliveryUncertain;
      // Our open has fenced who was served here: what it knew goes from hand to hand.
      if (opening.isForeign) opening.handover = this.#replace(client, opening.terms);
    }
    if (session.previousOwner !== undefined) this.#takeFrom(opening, session, session.previousOwner);
    else if (this.#isCurrent(opening)) this.#accept(opening, session);
    else this.#letGo(opening, session);
  }

  /** Whether the client still waits on this connection. */
  #isCurrent({ client, terms }: Opening): boolean {
    return !client.isClosed && this.#ports.directory.get(client.tenant, terms.clientId) === client;
  }

  /**
   * The client is not served here: it went away, or came back on another connection, or other gateways keep taking its session.
   * What an owner handed over is known to nobody else.
   */
  #letGo(opening: Opening, { key }: OpenedSession, reasonCode: number = REASON.sessionTakenOver): void {
    const { client, terms } = opening;
    const { store } = this.#ports;
    const places = placesHandedOver(opening);
    const expiryIntervalS = terms.sessionExpiryIntervalS;
    client.machine.refuse(reasonCode);
    store.giveBack({ key, expiryIntervalS, ...(places && { places }) });
  }

  /** Another gateway serves the session: it stops, or its lease ends, before we serve (rule S1). */
  #takeFrom(opening: Opening, session: OpenedSession, owner: NodeIdentity): void {
    const { client, terms } = opening;
    const { tenant } = client;
    const { clientId } = terms;
    this.#ports.stopElsewhere(owner, { tenant, clientId, epoch: session.previousEpoch }).then(
      (handover) => {
        // Of several owners in turn only one has served it; the others had a CONNECT under way and know nothing.
        if (opening.handover?.places === undefined) opening.handover = handover;
        if (!this.#isCurrent(opening)) {
          this.#letGo(opening, session);
        } else if (++opening.attempt <= MAX_ATTEMPTS) {
          this.#openRow(opening);
        } else {
          this.#letGo(opening, session, REASON.serverBusy);
        }
      },
      () => this.#letGo(opening, session, REASON.serverUnavailable),
    );
  }

  #accept(opening: Opening, opened: OpenedSession): void {
    const { client } = opening;
    const session = this.#sessionOf(opening, opened);
    if (!opening.isPresent) {
      this.#serve(opening, session);
      client.release(HOLD_CONNECT);
      return;
    }
    const stored = storedOf(opening, opened);
    const isInRows = placesHandedOver(opening) === undefined;
    const resumption = new Resumption(this.#ports.resume, session, stored, isInRows);
    resumption.prepare(() => {
      if (!this.#isCurrent(opening)) {
        removeRoutes(this.#ports.resume.routes, session);
        this.#letGo(opening, opened);
        return;
      }
      this.#serve(opening, session);
      resumption.accepted();
      client.release(HOLD_CONNECT);
    });
  }

  #sessionOf({ client, terms }: Opening, { key, changes }: OpenedSession): ClientSession {
    const { machine, tenant } = client;
    const { generation, epoch } = key;
    const { clientId } = terms;
    const originId = hash.ofString(`${tenant}\0${clientId}`).toMapKey();
    const identity = { tenant, clientId, generation, epoch, originId };
    return new ClientSession(identity, changes, terms, machine, this.#ports.surroundings);
  }

  /** CONNACK. */
  #serve({ client, terms, isPresent }: Opening, session: ClientSession): void {
    const { machine, tenant } = client;
    this.#ports.store.opened({ tenant, clientId: terms.clientId });
    machine.accept(isPresent, this.#ports.clock.monotonicMs());
    session.output = client.output;
    client.accepted(session);
    this.#ports.counters.connected++;
    if (this.#ports.debug.isOn) {
      const { version, cleanStart } = terms;
      client.debug('connected', { version, clean_start: cleanStart, session_present: isPresent });
    }
  }
}

function principalMessage({ tenant, name, anonymous }: Principal) {
  return anonymous ? undefined : create(PrincipalSchema, { tenant, name });
}

/** What the previous owner knew is younger than what meta has: its own release was fenced by our open (rule S3). */
function placesHandedOver({ handover, isPresent }: Opening): StoredPlaces | undefined {
  const places = handover?.places;
  return isPresent && places !== undefined ? placesOf(places) : undefined;
}

/** What is known of the session: its rows, younger places from the owner that it was taken from, or after a crash cursors. */
function storedOf(opening: Opening, { stored }: OpenedSession): StoredSession {
  const places = placesHandedOver(opening);
  if (places !== undefined) return { ...stored, ...places };
  return opening.isUncertain ? { ...stored, ...placesAfterCrash(stored) } : stored;
}
