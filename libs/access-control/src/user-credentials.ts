// What the cluster stores of a password: one form for those who send it (MQTT, HTTP, SASL PLAIN), one for each mechanism
// that proves it. All of them are written together, so none of them is ever of another password.

import { hashPassword } from './password.ts';
import { isScramVerifier, scramVerifierOf, type ScramVerifier } from './scram.ts';

/** The stored forms of one password. */
export interface UserCredentials {
  /** PHC string of argon2id. */
  readonly passwordHash: string;
  readonly scramSha256: ScramVerifier;
  readonly scramSha512: ScramVerifier;
}

/** Makes and checks them. */
export const UserCredentials = {
  /** All stored forms of a new password, hashed off the event loop. @throws BrokerError `too_large` */
  async of(password: string): Promise<UserCredentials> {
    const [passwordHash, scramSha256, scramSha512] = await Promise.all([
      hashPassword(password),
      scramVerifierOf(password, 'sha256'),
      scramVerifierOf(password, 'sha512'),
    ]);
    return { passwordHash, scramSha256, scramSha512 };
  },

  /** Whether every stored form is there and well-formed: a row with fewer would lock its user out of a mechanism. */
  areComplete(credentials: {
    readonly passwordHash: string;
    readonly scramSha256?: ScramVerifier | undefined;
    readonly scramSha512?: ScramVerifier | undefined;
  }): boolean {
    return (
      credentials.passwordHash.startsWith('$argon2id$') &&
      isScramVerifier(credentials.scramSha256, 'sha256') &&
      isScramVerifier(credentials.scramSha512, 'sha512')
    );
  },
} as const;
