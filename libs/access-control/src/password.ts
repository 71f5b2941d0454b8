// argon2id at OWASP's floor, off the event loop, in two bounded queues that are fair over sources and names.

import { hash, verify } from '@node-rs/argon2';
import { BrokerError } from '@robustmq/errors';
import { FairQueue, type Lane } from './fair-queue.ts';

/** OWASP's minimum for argon2id: 19 MiB, two passes, one lane. About 36 ms of a core per verification. */
const ARGON2ID = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Longer passwords are refused before they are hashed. */
export const MAX_PASSWORD_BYTES = 1_024;

/** A PHC string (`$argon2id$…`) of a new random salt. @throws BrokerError `too_large` */
export async function hashPassword(password: string | Buffer): Promise<string> {
  assertPasswordLength(password);
  return hash(password, ARGON2ID);
}

/** @throws BrokerError `too_large` */
export function assertPasswordLength(password: string | Buffer): void {
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES)
    throw new BrokerError('too_large', 'password too long');
}

/** Verifications that may wait in each of the queues: at 55 a second half a minute and more, beyond every client's patience. */
export const MAX_WAITING_VERIFICATIONS = 2_048;

/** Verifications that run at the same time: they share libuv's pool with disk syncs. */
const PARALLEL_VERIFICATIONS = 2;
/** Of so many verifications one goes to those who were never seen, whatever the others need. */
const TURNS_TO_STRANGERS = 4;

/** Who waits for a verification. */
export interface Waiter extends Lane {
  /** Logged in from there before: goes before strangers. */
  readonly isSeen: boolean;
  /** False once nobody waits for the outcome any more: it is not worth the time. */
  isWanted(): boolean;
}

interface Verification extends Waiter {
  readonly phc: string;
  readonly password: Buffer;
  resolve(matches: boolean): void;
  reject(error: BrokerError): void;
}

/** Verifies passwords, a few at a time. */
export class PasswordVerifier {
  readonly #seen = new FairQueue<Verification>(MAX_WAITING_VERIFICATIONS);
  readonly #strangers = new FairQueue<Verification>(MAX_WAITING_VERIFICATIONS);
  #running = 0;
  #turn = 0;

  /** Verifications under way or waiting. */
  get pending(): number {
    return this.#running + this.#seen.size + this.#strangers.size;
  }

  /**
   * Whether the password matches the PHC string. A string that is no PHC string matches nothing.
   * @throws BrokerError `quota_exceeded` when too many of its source wait, `cancelled` when it was not wanted any more
   */
  verify(phc: string, password: Buffer, waiter: Waiter): Promise<boolean> {
    if (password.length > MAX_PASSWORD_BYTES) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      const { source, name, isSeen } = waiter;
      const isWanted = (): boolean => waiter.isWanted();
      const verification = { source, name, isSeen, isWanted, phc, password, resolve, reject };
      const queue = isSeen ? this.#seen : this.#strangers;
      const dropped = queue.push(waiter, verification);
      dropped?.reject(new BrokerError('quota_exceeded', 'too many logins at once'));
      this.#runNext();
    });
  }

  #runNext(): void {
    while (this.#running < PARALLEL_VERIFICATIONS) {
      const next = this.#next();
      if (next === undefined) return;
      if (next.isWanted()) void this.#run(next);
      else next.reject(new BrokerError('cancelled', 'the client did not wait'));
    }
  }

  #next(): Verification | undefined {
    const isStrangersTurn = ++this.#turn % TURNS_TO_STRANGERS === 0;
    const [first, second] = isStrangersTurn ? [this.#strangers, this.#seen] : [this.#seen, this.#strangers];
    return first.shift() ?? second.shift();
  }

  async #run(verification: Verification): Promise<void> {
    const { phc, password } = verification;
    this.#running++;
    let matches = false;
    try {
      matches = await verify(phc, password);
    } catch {
      // The binding throws on text that is no PHC string: such a user can't log in.
      matches = false;
    }
    this.#running--;
    verification.resolve(matches);
    this.#runNext();
  }
}
