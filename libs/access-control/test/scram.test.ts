import { createHash, createHmac } from 'node:crypto';
import { verify } from '@node-rs/argon2';
import { SCRAM_ITERATIONS, isScramVerifier, scramVerifierOf, type ScramVerifier } from '../src/scram.ts';
import { UserCredentials } from '../src/user-credentials.ts';

const xor = (left: Uint8Array, right: Uint8Array): Buffer =>
  Buffer.from(left.map((byte, index) => byte ^ right[index]!));

describe('SCRAM verifiers', () => {
  it('are those of RFC 7677: its example exchange is accepted, and signed as it says', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const { storedKey, serverKey } = await scramVerifierOf('pencil', 'sha256', salt, 4096);
    const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    const exchange = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${nonce}`;
    const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64');
    const clientKey = xor(proof, createHmac('sha256', storedKey).update(exchange).digest());
    expect(createHash('sha256').update(clientKey).digest()).toEqual(storedKey);
    expect(createHmac('sha256', serverKey).update(exchange).digest('base64')).toBe(
      '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    );
  });

  it('have a salt of their own each', async () => {
    const [one, other] = await Promise.all([
      scramVerifierOf('same', 'sha512'),
      scramVerifierOf('same', 'sha512'),
    ]);
    expect(one.storedKey).not.toEqual(other.storedKey);
    expect(one.storedKey).toHaveLength(64);
    expect(one.iterations).toBe(SCRAM_ITERATIONS);
  });

  it.each<[string, Partial<ScramVerifier>]>([
    ['a short salt', { salt: Buffer.alloc(15) }],
    ['too few iterations', { iterations: 4_095 }],
    ['a stored key of another hash', { storedKey: Buffer.alloc(64) }],
    ['no server key', { serverKey: Buffer.alloc(0) }],
  ])('with %s are none', async (_what, part) => {
    const good = await scramVerifierOf('x', 'sha256', undefined, 4_096);
    expect(isScramVerifier(good, 'sha256')).toBe(true);
    expect(isScramVerifier({ ...good, ...part }, 'sha256')).toBe(false);
    expect(isScramVerifier(undefined, 'sha256')).toBe(false);
  });

  it('of a password that is too long are not made', async () => {
    await expect(scramVerifierOf('x'.repeat(1_025), 'sha256')).rejects.toMatchObject({ code: 'too_large' });
  });
});

describe('credentials of a password', () => {
  it('hold every form, each of this password', async () => {
    const credentials = await UserCredentials.of('right');
    expect(UserCredentials.areComplete(credentials)).toBe(true);
    expect(await verify(credentials.passwordHash, 'right')).toBe(true);
    for (const [stored, hash] of [
      [credentials.scramSha256, 'sha256'],
      [credentials.scramSha512, 'sha512'],
    ] as const) {
      expect(await scramVerifierOf('right', hash, stored.salt, stored.iterations)).toEqual(stored);
      const other = await scramVerifierOf('wrong', hash, stored.salt, stored.iterations);
      expect(other.storedKey).not.toEqual(stored.storedKey);
    }
  });

  it('are incomplete without one of them', async () => {
    const credentials = await UserCredentials.of('right');
    const { scramSha512: _left, ...without } = credentials;
    expect(UserCredentials.areComplete(without)).toBe(false);
    expect(UserCredentials.areComplete({ ...credentials, passwordHash: 'right' })).toBe(false);
    // A verifier of one hash is none of the other.
    expect(UserCredentials.areComplete({ ...credentials, scramSha256: credentials.scramSha512 })).toBe(false);
  });
});
