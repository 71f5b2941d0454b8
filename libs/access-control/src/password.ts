// argon2id at OWASP's floor, off the event loop, in a bounded queue.
import { hash, verify } from '@node-rs/argon2';
import { BrokerError } from '@robustmq/errors';

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

/** Verifications under way or waiting at once; more are refused, so that a flood of guesses can't starve the process. */
export const MAX_PENDING_VERIFICATIONS = 256;

/** Verifications that run at the same time: they share libuv's pool with disk syncs. */
const PARALLEL_VERIFICATIONS = 2;

/** Verifies passwords, a few at a time. */
export class PasswordVerifier {
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** Verifications under way or waiting. */
  get pending(): number {
    return this.#running + this.#waiting.length;
  }

  /**
   * Whether the password matches the PHC string. A string that is no PHC string matches nothing.
   * @throws BrokerError `quota_exceeded` when too many wait
   */
  async verify(phc: string, password: Buffer): Promise<boolean> {
    if (password.length > MAX_PASSWORD_BYTES) return false;
    if (this.pending >= MAX_PENDING_VERIFICATIONS)
      throw new BrokerError('quota_exceeded', 'too many logins at once');
    if (this.#running >= PARALLEL_VERIFICATIONS)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    try {
      return await verify(phc, password);
    } catch {
      // The binding throws on text that is no PHC string: such a user can't log in.
      return false;
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}
