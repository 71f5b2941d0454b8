// CONNECTs whose row is to be opened, and the line in which those of a client id wait for their turn.

import { create } from '@bufbuild/protobuf';
import { REASON } from '@robustmq/mqtt-codec';
import type { ConnectTerms } from '@robustmq/mqtt-session';
import { PrincipalSchema } from '@robustmq/rpc';
import type { StoredPlaces } from '../store/session-rows.ts';
import type { OpenRequest } from '../store/session-store.ts';
import type { Client } from './client.ts';
import { sessionName } from './session-directory.ts';

/** A CONNECT whose row is being opened. */
export interface Opening {
  readonly client: Client;
  readonly terms: ConnectTerms;
  /** Another principal has the client id here: meta says first whose the session is. */
  readonly isForeign: boolean;
  /** What is known of the session beyond its rows: of an owner before, whose release our open has fenced (rule S3). */
  places: StoredPlaces | undefined;
  /** The next CONNECT of the client id may begin, or does once its session is given back. */
  isDecided: boolean;
}

/** A place in the line of a client id. */
export interface WaitingPlace {
  /** Who has it now. */
  opening: Opening;
  /** One of those who had it wanted to begin anew [MQTT-3.1.2-4]. */
  isClean: boolean;
}

/**
 * Who waits for a turn, by client id and principal. A principal has one place: its younger CONNECT gets that of the older,
 * which is refused. So no line grows with CONNECTs (I8), and nobody's session waits behind many of somebody else (I10).
 */
export class OpeningLines {
  readonly #places = new Map<string, WaitingPlace>();

  /** A place that is new, and whose turn is to be waited for; undefined: another CONNECT does. */
  join(opening: Opening): WaitingPlace | undefined {
    const { cleanStart } = opening.terms;
    const line = lineOf(opening);
    const older = this.#places.get(line);
    if (older === undefined) {
      const place = { opening, isClean: cleanStart };
      this.#places.set(line, place);
      return place;
    }
    older.opening.client.machine.refuse(REASON.sessionTakenOver);
    older.opening = opening;
    older.isClean ||= cleanStart;
    return undefined;
  }

  /** The turn of a place has come: what is asked of meta for who has it. */
  leave({ opening, isClean }: WaitingPlace): OpenRequest {
    this.#places.delete(lineOf(opening));
    const { client, terms } = opening;
    return {
      tenant: client.tenant,
      clientId: terms.clientId,
      cleanStart: isClean,
      expiryIntervalS: terms.sessionExpiryIntervalS,
      // Its owner is asked, and may hand over what it knows.
      previousReleased: false,
      principal: principalMessage(client),
    };
  }
}

function lineOf({ client: { tenant, principal }, terms: { clientId } }: Opening): string {
  return `${sessionName({ tenant, clientId })}\0${principal?.name ?? ''}`;
}

/** Absent: anonymous. */
function principalMessage({ principal }: Client) {
  if (principal === null || principal.anonymous) return undefined;
  return create(PrincipalSchema, { tenant: principal.tenant, name: principal.name });
}
