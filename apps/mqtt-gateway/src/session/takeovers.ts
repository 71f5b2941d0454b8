// Takeover of a session between gateways, both sides (rule S1, decision 3). The gateway with the younger CONNECT has the
// older one stop before it serves; two that ask each other are told apart by the session epoch. What an owner knew goes
// along, also through gateways that never served (rule S3).

import { BrokerError } from '@robustmq/errors';
import { REASON } from '@robustmq/mqtt-codec';
import type { LastWords } from '@robustmq/mqtt-session';
import type { NodeIdentity } from '@robustmq/rpc';
import { sleep, type Timers } from '@robustmq/runtime';
import type { StoredPlaces } from '../store/session-rows.ts';
import type { Client } from './client.ts';
import { sessionName, type SessionDirectory } from './session-directory.ts';

/** A session, and the epoch of it that is to end. */
export interface OldSession {
  readonly tenant: string;
  readonly clientId: string;
  readonly epoch: bigint;
}

/** Answer of a gateway that was asked to stop a session. */
export type Stopped = ReturnType<LastWords<StoredPlaces>['answer']>;

type Owner = Pick<NodeIdentity, 'nodeId' | 'incarnation'>;

/** Who takes a session over. */
export interface Successor {
  readonly epoch: bigint;
  /** Whether it goes on with the state of the session: else what an owner knew of it is of no use. */
  readonly isPresent: boolean;
}

/** What takeovers need around them. */
export interface TakeoverHost {
  readonly timers: Pick<Timers, 'after'>;
  readonly directory: SessionDirectory;
  readonly lastWords: LastWords<StoredPlaces>;
  /** Whether the owner's lease may still hold. */
  mayServe(owner: Owner): boolean;
  /** All other gateways whose lease may hold. */
  others(): readonly Owner[];
  /** Asks once; null when there is no answer. */
  ask(owner: Owner, session: OldSession): Promise<Stopped | null>;
  /** This incarnation is over. */
  isClosed(): boolean;
  counted(): void;
}

/** The epoch of a CONNECT that has none yet: it will be the younger one. */
const NEVER = BigInt(Number.MAX_SAFE_INTEGER);
/** Between two questions to an owner that does not answer, until its lease ends. */
const RETRY_MS = 100;

/** Takeovers of this incarnation. */
export class Takeovers {
  readonly #host: TakeoverHost;

  constructor(host: TakeoverHost) {
    this.#host = host;
  }

  /**
   * Resolves when the owner has stopped, or can't serve any more, to what is known. One that ended without a word may not
   * have stopped the one before it: then all gateways are asked.
   */
  async take(
    owner: Owner | undefined,
    session: OldSession,
    successor: Successor,
  ): Promise<StoredPlaces | undefined> {
    const { lastWords } = this.#host;
    const name = sessionName(session);
    const { epoch, isPresent } = successor;
    lastWords.waits(name, epoch);
    try {
      let places = owner && (await this.#lastWordOf(owner, session));
      if (isPresent) places ??= await this.#lastWordOfAny({ ...session, epoch: epoch - 1n });
      // Before anybody is told that there is nothing to wait for.
      if (places !== undefined && isPresent) lastWords.keep(name, epoch, places);
      return places;
    } finally {
      lastWords.waitsNoMore(name);
    }
  }

  async #lastWordOfAny(session: OldSession): Promise<StoredPlaces | undefined> {
    const { lastWords } = this.#host;
    const own = lastWords.known(sessionName(session), session.epoch);
    const words = await Promise.all(this.#host.others().map((other) => this.#lastWordOf(other, session)));
    return own ?? words.find((places) => places !== undefined);
  }

  async #lastWordOf(owner: Owner, session: OldSession): Promise<StoredPlaces | undefined> {
    const host = this.#host;
    while (host.mayServe(owner)) {
      const answer = await host.ask(owner, session);
      if (answer?.hasStopped === true) return answer.places;
      await sleep(RETRY_MS, undefined, host.timers);
      if (host.isClosed()) throw new BrokerError('unavailable', 'this gateway serves no more');
    }
    return undefined;
  }

  /** An operator dropped a session: its connection ends now. Answers whether there was one; a younger one stays. */
  drop(session: OldSession): boolean {
    const connection = this.#host.directory.get(session.tenant, session.clientId);
    if (connection === undefined) return false;
    const epoch = connection.session?.identity.epoch ?? connection.openedEpoch ?? NEVER;
    if (epoch > session.epoch) return false;
    end(connection, REASON.administrativeAction);
    return true;
  }

  /** Another gateway takes a session over: it is stopped here, also while its CONNECT is still being decided. */
  stop(session: OldSession): Stopped {
    const connection = this.#host.directory.get(session.tenant, session.clientId);
    if (connection?.session) {
      if (connection.session.identity.epoch <= session.epoch) {
        this.#host.counted();
        end(connection, REASON.sessionTakenOver);
      }
    } else if ((connection?.openedEpoch ?? NEVER) <= session.epoch) {
      end(connection!, REASON.sessionTakenOver);
    }
    return this.#host.lastWords.answer(sessionName(session), session.epoch);
  }
}

/** One that fails to end leaves those that are asked for beside it (N9). */
function end(connection: Client, reasonCode: number): void {
  connection.guard(() => connection.machine.disconnect(reasonCode));
}
