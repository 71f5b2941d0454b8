import {
  anonymousPrincipal,
  Authenticator,
  hashPassword,
  MAX_PASSWORD_BYTES,
  MAX_PENDING_VERIFICATIONS,
  PasswordVerifier,
  VerifiedCache,
  type Credential,
} from '../src/index.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
let now = 0;
const users = new Map<string, Credential>();
let admin: string;

beforeAll(async () => {
  admin = await hashPassword('right');
});
beforeEach(() => {
  now = 1_000;
  users.clear();
  users.set('default/admin', { passwordHash: admin, superuser: true });
});

const anonymous = { outcome: 'allowed', principal: anonymousPrincipal('default') };
const admitted = {
  outcome: 'allowed',
  principal: { tenant: 'default', name: 'admin', superuser: true, anonymous: false },
};

const authenticator = (allowAnonymous: boolean | 'ignore' = false, cacheCapacity = 10): Authenticator =>
  new Authenticator({
    anonymous: allowAnonymous === 'ignore' ? 'ignore-credentials' : allowAnonymous ? 'allowed' : 'refused',
    findUser: (tenant, name) => users.get(`${tenant}/${name}`),
    nowMs: () => now,
    cacheCapacity,
    cacheTtlMs: 500,
  });

describe('hashPassword', () => {
  it('makes an argon2id PHC string at the floor that OWASP names, salted anew', async () => {
    expect(admin).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await hashPassword('right')).not.toBe(admin);
  });

  it('refuses what is too long before hashing it', async () => {
    await expect(hashPassword('x'.repeat(MAX_PASSWORD_BYTES + 1))).rejects.toMatchObject({
      code: 'too_large',
    });
  });
});

describe('PasswordVerifier', () => {
  it.each([
    ['the password', 'right', true],
    ['another', 'wrong', false],
    ['nothing', '', false],
    ['an oversized one', 'x'.repeat(MAX_PASSWORD_BYTES + 1), false],
  ])('%s', async (_name, password, expected) => {
    expect(await new PasswordVerifier().verify(admin, bytes(password))).toBe(expected);
  });

  it('matches nothing against text that is no hash', async () => {
    expect(await new PasswordVerifier().verify('plain', bytes('plain'))).toBe(false);
  });

  it('I8: refuses a flood and recovers from it', async () => {
    const verifier = new PasswordVerifier();
    const flood = Array.from({ length: MAX_PENDING_VERIFICATIONS + 50 }, () =>
      verifier.verify('no hash', bytes('x')),
    );
    const outcomes = await Promise.allSettled(flood);
    expect(outcomes.filter((outcome) => outcome.status === 'rejected')).toHaveLength(50);
    expect(outcomes.at(-1)).toMatchObject({ reason: { code: 'quota_exceeded' } });
    expect(verifier.pending).toBe(0);
    expect(await verifier.verify(admin, bytes('right'))).toBe(true);
  });
});

describe('Authenticator', () => {
  it.each<[string, boolean | 'ignore', string | undefined, string | undefined, Record<string, unknown>]>([
    ['no username, anonymous allowed', true, undefined, undefined, anonymous],
    [
      'no username, anonymous not allowed',
      false,
      undefined,
      undefined,
      { outcome: 'denied', reason: 'no_credentials' },
    ],
    ['the right password', false, 'admin', 'right', admitted],
    ['a wrong password', true, 'admin', 'wrong', { outcome: 'denied', reason: 'bad_credentials' }],
    ['no password', true, 'admin', undefined, { outcome: 'denied', reason: 'bad_credentials' }],
    [
      'an unknown user, even where anonymous is allowed',
      true,
      'nobody',
      'right',
      { outcome: 'denied', reason: 'bad_credentials' },
    ],
    ['wrong credentials, where they are ignored', 'ignore', 'admin', 'wrong', anonymous],
    ['right credentials, where they are ignored', 'ignore', 'admin', 'right', anonymous],
    ['no username, where credentials are ignored', 'ignore', undefined, undefined, anonymous],
    ['an empty username', true, '', '', { outcome: 'denied', reason: 'bad_credentials' }],
  ])('%s', async (_name, allowAnonymous, username, password, verdict) => {
    const offered = password === undefined ? undefined : bytes(password);
    expect(await authenticator(allowAnonymous).authenticate('default', username, offered)).toEqual(verdict);
  });

  it('I10: knows users by tenant', async () => {
    expect(await authenticator().authenticate('other', 'admin', bytes('right'))).toMatchObject({
      outcome: 'denied',
    });
  });

  it('remembers a verification, until its time is over', async () => {
    const subject = authenticator();
    expect(subject.quick('default', 'admin', bytes('right'))).toBeUndefined();
    await subject.authenticate('default', 'admin', bytes('right'));
    expect(subject.quick('default', 'admin', bytes('right'))).toEqual(admitted);
    expect(subject.quick('default', 'admin', bytes('wrong'))).toBeUndefined();
    now += 501;
    expect(subject.quick('default', 'admin', bytes('right'))).toBeUndefined();
  });

  it('forgets at once when the password changes or the user goes', async () => {
    const subject = authenticator();
    await subject.authenticate('default', 'admin', bytes('right'));
    users.set('default/admin', { passwordHash: await hashPassword('new'), superuser: true });
    expect(await subject.authenticate('default', 'admin', bytes('right'))).toMatchObject({
      outcome: 'denied',
    });
    expect(await subject.authenticate('default', 'admin', bytes('new'))).toMatchObject({
      outcome: 'allowed',
    });
    users.clear();
    expect(await subject.authenticate('default', 'admin', bytes('new'))).toMatchObject({ outcome: 'denied' });
  });

  it('denies when the user changes while the password is being verified', async () => {
    const subject = authenticator();
    const verdict = subject.authenticate('default', 'admin', bytes('right'));
    users.clear();
    expect(await verdict).toMatchObject({ outcome: 'denied' });
  });
});

describe('VerifiedCache', () => {
  it('I8: keeps within its capacity', () => {
    const cache = new VerifiedCache({ capacity: 2, ttlMs: 10, nowMs: () => now });
    for (const password of ['a', 'b', 'c']) cache.add('hash', bytes(password));
    expect([cache.size, cache.has('hash', bytes('a')), cache.has('hash', bytes('c'))]).toEqual([
      2,
      false,
      true,
    ]);
    now += 10;
    expect(cache.has('hash', bytes('c'))).toBe(false);
    expect(cache.size).toBe(1);
  });
});
