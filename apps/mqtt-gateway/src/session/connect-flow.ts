// What lies between CONNECT and CONNACK: may the client come in, and a session row in meta that fences every other owner
// (rule S1). Reading is held meanwhile.

import { Principal } from '@robustmq/access-control';
import { TopicHash } from '@robustmq/bytes';
import { assert, type BrokerError } from '@robustmq/errors';
import { REASON } from '@robustmq/mqtt-codec';
import { reasonOfError, type ConnectTerms, type LastWords } from '@robustmq/mqtt-session';
import type { NodeIdentity } from '@robustmq/rpc';
import { ClientSession, type SessionSurroundings } from './client-session.ts';
import type { OpenedSession } from '../store/opened-session.ts';
import type { ConnectionCounters } from '../connection-counters.ts';
import type { RateLimitedLog } from '@robustmq/telemetry';
import type { OpenRequest, SessionStore } from '../store/session-store.ts';
import type { StoredPlaces, StoredSession } from '../store/session-rows.ts';
import type { Client } from './client.ts';
import { removeRoutes } from './filter-routes.ts';
import { LoginFlow, type LoginPorts } from './login-flow.ts';
import { HOLD_CONNECT } from './read-holds.ts';
import { OpeningLines, type Opening } from './opening.ts';
import { Resumption, type ResumePorts } from './resume-flow.ts';
import { sessionName, type SessionDirectory } from './session-directory.ts';
import { placesAfterCrash } from './session-places.ts';
import type { OldSession, Successor } from './takeovers.ts';

const hash = new TopicHash();

/** What deciding a CONNECT needs of the gateway. */
export interface ConnectPorts extends LoginPorts {
  readonly clock: { monotonicMs(): number };
  readonly directory: SessionDirectory;
  readonly store: SessionStore;
  /** What this gateway knew of sessions that it served. */
  readonly lastWords: LastWords<StoredPlaces>;
  readonly counters: ConnectionCounters;
  /** Lines that a client can cause. */
  readonly log: RateLimitedLog;
  readonly debug: { readonly isOn: boolean };
  readonly surroundings: SessionSurroundings;
  readonly resume: ResumePorts;
  /** Null while sessions may be served; else the Reason Code to refuse CONNECT with. */
  refusal(): number | null;
  /**
   * Has another gateway stop serving a session (rule S1): resolves when it has, or its lease has ended, to what was known
   * of it (rule S3). Without an owner: has all of them stop.
   */
  stopElsewhere(
    owner: Pick<NodeIdentity, 'nodeId' | 'incarnation'> | undefined,
    session: OldSession,
    successor: Successor,
  ): Promise<StoredPlaces | undefined>;
}

/** Decides the CONNECTs of all clients. */
export class ConnectFlow {
  readonly #ports: ConnectPorts;
  readonly #login: LoginFlow;
  readonly #lines = new OpeningLines();

  constructor(ports: ConnectPorts) {
    this.#ports = ports;
    this.#login = new LoginFlow(ports);
  }

  /** Serves the machine's `open`. */
  open(client: Client, terms: ConnectTerms): void {
    const refusal = this.#ports.refusal();
    if (refusal !== null) {
      client.machine.refuse(refusal);
      return;
    }
    this.#login.verify(client, terms, () => this.#admitted(client, terms));
  }

  #admitted(client: Client, terms: ConnectTerms): void {
    const { tenant, principal } = client;
    assert(principal !== null, 'a client that is admitted has a principal');
    const owner = this.#ports.directory.get(tenant, terms.clientId)?.principal ?? principal;
    const isForeign = !Principal.isSame(owner, principal);
    // The release of who had it is sent before our open: the store keeps the order of a client id's steps.
    if (!isForeign) this.#replace(client, terms);
    this.#openRow({ client, terms, isForeign, places: undefined, isDecided: false });
  }

  /** Makes the client id this connection's; whoever had it goes, and leaves its last word. */
  #replace(client: Client, { clientId }: ConnectTerms): void {
    const { directory, counters } = this.#ports;
    const { tenant } = client;
    const previous = client.isClosed
      ? directory.get(tenant, clientId)
      : directory.replace(tenant, clientId, client);
    if (previous === undefined) return;
    counters.takenOver++;
    previous.machine.disconnect(REASON.sessionTakenOver);
  }

  #openRow(opening: Opening): void {
    const place = this.#lines.join(opening);
    if (place === undefined) return;
    const { store, lastWords } = this.#ports;
    const session = { tenant: opening.client.tenant, clientId: opening.terms.clientId };
    const name = sessionName(session);
    const requestOf = (): OpenRequest => {
      lastWords.opens(name);
      return this.#lines.leave(place);
    };
    store.open(session, requestOf, (error, opened) =>
      this.#goOn(place.opening, () => {
        lastWords.opened(name);
        if (error === undefined) this.#opened(place.opening, opened!);
        else this.#refuseOpen(place.opening, error);
      }),
    );
  }

  #refuseOpen(opening: Opening, error: BrokerError): void {
    const { client, terms } = opening;
    const { machine } = client;
    this.#endTurn(opening);
    if (error.code === 'permission_denied') {
      // Whoever owns the client id: a name is not a right to a session and its backlog.
      this.#ports.counters.foreignSessions++;
      client.debug('session of another principal', { principal: client.principal?.name });
      machine.refuse(REASON.clientIdentifierNotValid);
      return;
    }
    const line = { client_id: terms.clientId, err: error };
    this.#ports.log.warn(`open ${error.code}`, line, 'session could not be opened');
    machine.refuse(reasonOfError(error, 'connect'));
  }

  #opened(opening: Opening, session: OpenedSession): void {
    const { client } = opening;
    const { epoch } = session.key;
    client.openedEpoch = epoch;
    // Our open has fenced who was served here: what it knew goes from hand to hand.
    if (opening.isForeign) this.#replace(client, opening.terms);
    const { previousOwner } = session;
    if (previousOwner === undefined)
      opening.places = this.#ports.lastWords.own(sessionName(session.key), epoch - 1n);
    const isInDoubt = session.deliveryUncertain && opening.places === undefined;
    if (previousOwner !== undefined || isInDoubt) this.#takeFrom(opening, session, previousOwner);
    else this.#decide(opening, session);
  }

  #decide(opening: Opening, session: OpenedSession): void {
    const { key, isPresent } = session;
    // Until it is served nothing of it changes: who takes it from this CONNECT begins where this one would have.
    if (isPresent) this.#ports.lastWords.keep(sessionName(key), key.epoch, storedOf(opening, session));
    if (this.#isCurrent(opening)) this.#accept(opening, session);
    else this.#letGo(opening, session);
  }

  /** Whether the client still waits on this connection. */
  #isCurrent({ client, terms }: Opening): boolean {
    return !client.isClosed && this.#ports.directory.get(client.tenant, terms.clientId) === client;
  }

  /**
   * The client is not served here: it went away, or came back on another connection or gateway. What an owner handed over
   * is known to nobody else.
   */
  #letGo(
    opening: Opening,
    { key, isPresent }: OpenedSession,
    reasonCode: number = REASON.sessionTakenOver,
  ): void {
    const { client, terms } = opening;
    const { store, lastWords } = this.#ports;
    const places = isPresent ? opening.places : undefined;
    const expiryIntervalS = terms.sessionExpiryIntervalS;
    client.machine.refuse(reasonCode);
    opening.isDecided = true;
    // One that is fenced is asked for its last word.
    store.giveBack({ key, expiryIntervalS, ...(places && { places }) }, () =>
      lastWords.forget(sessionName(key), key.epoch),
    );
  }

  /** Another gateway serves the session, or may do so: it stops, or its lease ends, before we serve (rule S1). */
  #takeFrom(opening: Opening, session: OpenedSession, owner: NodeIdentity | undefined): void {
    const { client, terms } = opening;
    const { tenant } = client;
    const { clientId } = terms;
    const old = { tenant, clientId, epoch: session.previousEpoch };
    const successor = { epoch: session.key.epoch, isPresent: session.isPresent };
    this.#ports.stopElsewhere(owner, old, successor).then(
      (places) => this.#goOn(opening, () => this.#stoppedElsewhere(opening, session, places)),
      () => this.#goOn(opening, () => this.#letGo(opening, session, REASON.serverUnavailable)),
    );
  }

  #stoppedElsewhere(opening: Opening, session: OpenedSession, places: StoredPlaces | undefined): void {
    opening.places = places;
    // A younger CONNECT elsewhere asks us to stop before it serves: until then the session is ours.
    this.#ports.store.readOn(session, (error, whole) =>
      this.#goOn(opening, () => {
        if (error === undefined) this.#decide(opening, whole!);
        else this.#letGo(opening, session, reasonOfError(error, 'connect'));
      }),
    );
  }

  /** The CONNECT is decided: the next one of the client id may begin. */
  #endTurn(opening: Opening): void {
    if (opening.isDecided) return;
    opening.isDecided = true;
    const { client, terms } = opening;
    this.#ports.store.opened({ tenant: client.tenant, clientId: terms.clientId });
  }

  /** Goes on in an answer. What fails unexpectedly ends this connection, and keeps no other from its turn (N7, N9). */
  #goOn(opening: Opening, action: () => void): void {
    opening.client.guard(() => {
      try {
        action();
      } catch (thrown) {
        this.#endTurn(opening);
        throw thrown;
      }
    });
  }

  #accept(opening: Opening, opened: OpenedSession): void {
    const { client } = opening;
    const session = this.#sessionOf(opening, opened);
    if (!opened.isPresent) {
      this.#serve(opening, session, false);
      client.release(HOLD_CONNECT);
      return;
    }
    const stored = storedOf(opening, opened);
    const isInRows = opening.places === undefined;
    const resumption = new Resumption(this.#ports.resume, session, stored, isInRows);
    resumption.prepare((failure) =>
      this.#goOn(opening, () => {
        if (failure !== undefined || !this.#isCurrent(opening)) {
          removeRoutes(this.#ports.resume.routes, session, this.#ports.resume);
          this.#letGo(opening, opened);
          if (failure !== undefined) throw failure;
          return;
        }
        this.#serve(opening, session, true);
        resumption.accepted();
        client.release(HOLD_CONNECT);
      }),
    );
  }

  #sessionOf({ client, terms }: Opening, { key, changes }: OpenedSession): ClientSession {
    const { tenant } = client;
    const { generation, epoch } = key;
    const { clientId } = terms;
    const originId = hash.ofString(`${tenant}\0${clientId}`).toMapKey();
    const identity = { tenant, clientId, generation, epoch, originId };
    return new ClientSession(identity, changes, terms, client, this.#ports.surroundings);
  }

  /** CONNACK. */
  #serve(opening: Opening, session: ClientSession, isPresent: boolean): void {
    const { client, terms } = opening;
    const { machine } = client;
    this.#endTurn(opening);
    this.#ports.lastWords.forget(sessionName(session.identity), session.identity.epoch);
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

/** What is known of a session that is present: its rows, younger places of an owner before, or after a crash cursors. */
function storedOf({ places }: Opening, { stored, deliveryUncertain }: OpenedSession): StoredSession {
  if (places !== undefined) return { ...stored, ...places };
  return deliveryUncertain ? { ...stored, ...placesAfterCrash(stored) } : stored;
}
