// SCRAM verifiers (RFC 5802, RFC 7677): what a server needs to let a user in who proves knowledge of the password without
// sending it. They can be made only while the password is at hand, so every password change writes them.

import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { assertPasswordLength } from './password.ts';

/** Hash functions of the SCRAM mechanisms that Kafka clients know. */
export type ScramHash = 'sha256' | 'sha512';

/** What is stored of a password for one mechanism. */
export interface ScramVerifier {
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** H(ClientKey): what a client's proof is checked against. */
  readonly storedKey: Uint8Array;
  /** Signs the server's last message, so that the client knows whom it talks to. */
  readonly serverKey: Uint8Array;
}

/** The most that Kafka's own tools allow; each client pays it once per login. */
export const SCRAM_ITERATIONS = 16_384;
/** RFC 7677 asks for 4,096 at least; fewer are no verifier. */
const MIN_ITERATIONS = 4_096;
const SALT_BYTES = 16;
const KEY_BYTES: Readonly<Record<ScramHash, number>> = { sha256: 32, sha512: 64 };

const pbkdf2Async = promisify(pbkdf2);

/**
 * The verifier of a password under a new random salt, or the one given. The password is taken as its UTF-8 bytes, as
 * Kafka takes it: no client of Kafka prepares strings.
 * @throws BrokerError `too_large`
 */
export async function scramVerifierOf(
  password: string | Buffer,
  hash: ScramHash,
  salt: Uint8Array = randomBytes(SALT_BYTES),
  iterations = SCRAM_ITERATIONS,
): Promise<ScramVerifier> {
  assertPasswordLength(password);
  const salted = await pbkdf2Async(password, salt, iterations, KEY_BYTES[hash], hash);
  const clientKey = createHmac(hash, salted).update('Client Key').digest();
  return {
    salt,
    iterations,
    storedKey: createHash(hash).update(clientKey).digest(),
    serverKey: createHmac(hash, salted).update('Server Key').digest(),
  };
}

/** Whether a verifier is one: of a salt, enough iterations and keys of the hash's length. */
export function isScramVerifier(verifier: ScramVerifier | undefined, hash: ScramHash): boolean {
  return (
    verifier !== undefined &&
    verifier.salt.length >= SALT_BYTES &&
    verifier.iterations >= MIN_ITERATIONS &&
    verifier.storedKey.length === KEY_BYTES[hash] &&
    verifier.serverKey.length === KEY_BYTES[hash]
  );
}
