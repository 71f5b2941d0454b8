// A user whose credentials are complete, and worth nothing.

const verifierOf = (keyBytes: number) => ({
  salt: new Uint8Array(16),
  iterations: 4096,
  storedKey: new Uint8Array(keyBytes),
  serverKey: new Uint8Array(keyBytes),
});

/** All stored forms of a password. */
export const USER = {
  passwordHash: '$argon2id$x',
  scramSha256: verifierOf(32),
  scramSha512: verifierOf(64),
};
