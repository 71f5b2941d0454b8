// Takeover of a session between gateways, both sides (rule S1, decision 3). The gateway with the younger CONNECT has the
// older one stop before it serves; two that ask each other are told apart by the session epoch.

import { create } from '@bufbuild/protobuf';
import { BrokerError } from '@robustmq/errors';
import { REASON } from '@robustmq/mqtt-codec';
import { SessionHandoverSchema, type NodeIdentity, type SessionHandover } from '@robustmq/rpc';
import { sleep, type Timers } from '@robustmq/runtime';
import type { SessionDirectory } from './session-directory.ts';

/** A session, and the epoch of it that is to end. */
export interface OldSession {
  readonly tenant: string;
  readonly clientId: string;
  readonly epoch: bigint;
}

/** Answer of a gateway that was asked to stop a session. */
export interface Stopped {
  /** False: not yet, ask again. */
  readonly hasStopped: boolean;
  readonly handover: SessionHandover;
}

type Owner = Pick<NodeIdentity, 'nodeId' | 'incarnation'>;

/** What takeovers need around them. */
export interface TakeoverHost {
  readonly timers: Pick<Timers, 'after'>;
  readonly directory: SessionDirectory;
  /** Whether the owner's lease may still hold. */
  mayServe(owner: Owner): boolean;
  /** Asks once; null when there is no answer. */
  ask(owner: Owner, session: OldSession): Promise<Stopped | null>;
  /** What the next owner of a session that is served here needs to know. */
  handoverOf(session: OldSession): SessionHandover;
  /** This incarnation is over. */
  isClosed(): boolean;
  counted(): void;
}

/** Between two questions to an owner that does not answer, until its lease ends. */
const RETRY_MS = 100;

/** Takeovers of this incarnation. */
export class Takeovers {
  readonly #host: TakeoverHost;
  /** Node that this gateway waits for, by session. */
  readonly #waitingFor = new Map<string, string>();

  constructor(host: TakeoverHost) {
    this.#host = host;
  }

  /** Resolves when the owner has stopped, or can't serve any more, to what only it knew. */
  async take(owner: Owner, session: OldSession): Promise<SessionHandover | undefined> {
    const name = nameOf(session);
    this.#waitingFor.set(name, owner.nodeId);
    try {
      while (this.#host.mayServe(owner)) {
        const answer = await this.#host.ask(owner, session);
        if (answer?.hasStopped === true) return answer.handover;
        await sleep(RETRY_MS, undefined, this.#host.timers);
        if (this.#host.isClosed()) throw new BrokerError('unavailable', 'this gateway serves no more');
      }
      return undefined;
    } finally {
      this.#waitingFor.delete(name);
    }
  }

  /** Another gateway takes a session over: it is stopped here, also while its CONNECT is still being decided. */
  stop(session: OldSession, newOwner: string): Stopped {
    const handover = create(SessionHandoverSchema);
    const connection = this.#host.directory.get(session.tenant, session.clientId);
    if (connection?.session) {
      if (connection.session.identity.epoch > session.epoch) return { hasStopped: true, handover };
      const known = this.#host.handoverOf(session);
      this.#host.counted();
      connection.machine.disconnect(REASON.sessionTakenOver);
      return { hasStopped: true, handover: known };
    }
    // Without an epoch yet, a CONNECT that waits its turn will be the younger one.
    if (connection !== undefined && connection.openedEpoch !== null) {
      // Until the answer comes nobody can say which of the two is younger.
      if (connection.openedEpoch === 0n) return { hasStopped: false, handover };
      if (connection.openedEpoch > session.epoch) return { hasStopped: true, handover };
      connection.machine.disconnect(REASON.sessionTakenOver);
    }
    // Who it was taken from, or is just being taken from, may serve it still.
    const other = this.#waitingFor.get(nameOf(session));
    return { hasStopped: other === undefined || other === newOwner, handover };
  }
}

function nameOf({ tenant, clientId }: OldSession): string {
  return `${tenant}\0${clientId}`;
}
