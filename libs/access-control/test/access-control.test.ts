import { hash } from '@node-rs/argon2';
import { Principal } from '../src/principal.ts';
import {
  Authenticator,
  type AuthenticatorOptions,
  type Credential,
  type DeniedLogin,
} from '../src/authenticator.ts';
import {
  hashPassword,
  MAX_PASSWORD_BYTES,
  MAX_WAITING_VERIFICATIONS,
  PasswordVerifier,
  type Waiter,
} from '../src/password.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
let now = 0;
const users = new Map<string, Credential>();
let admin: string;

beforeAll(async () => {
  admin = await hashPassword('right');
});
beforeEach(() => {
  now = 1_000;
  delaysMs = [];
  denied = [];
  users.clear();
  users.set('default/admin', { passwordHash: admin, superuser: true });
});

const anonymous = { outcome: 'allowed', principal: Principal.anonymous('default') };
const admitted = {
  outcome: 'allowed',
  principal: { tenant: 'default', name: 'admin', superuser: true, anonymous: false },
};

/** Delays that a denial waited for. */
let delaysMs: number[] = [];
let denied: DeniedLogin[] = [];

const authenticator = (
  allowAnonymous: boolean | 'ignore' = false,
  over: Partial<AuthenticatorOptions> = {},
): Authenticator =>
  new Authenticator({
    anonymous: allowAnonymous === 'ignore' ? 'ignore-credentials' : allowAnonymous ? 'allowed' : 'refused',
    findUser: (tenant, name) => users.get(`${tenant}/${name}`),
    nowMs: () => now,
    timers: {
      after(delayMs, action) {
        delaysMs.push(delayMs);
        action();
      },
    },
    onDenied: (login) => denied.push(login),
    cacheCapacity: 10_000,
    ...over,
  });

const from = (address: string, isWanted = true): { address: string; isWanted: () => boolean } => ({
  address,
  isWanted: () => isWanted,
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

const waiter = (over: Partial<Waiter> = {}): Waiter => ({
  source: 'here',
  name: 'someone',
  isSeen: false,
  isWanted: () => true,
  ...over,
});

describe('PasswordVerifier', () => {
  it.each([
    ['the password', 'right', true],
    ['another', 'wrong', false],
    ['nothing', '', false],
    ['an oversized one', 'x'.repeat(MAX_PASSWORD_BYTES + 1), false],
  ])('%s', async (_name, password, expected) => {
    expect(await new PasswordVerifier().verify(admin, bytes(password), waiter())).toBe(expected);
  });

  it('matches nothing against text that is no hash', async () => {
    expect(await new PasswordVerifier().verify('plain', bytes('plain'), waiter())).toBe(false);
  });

  it('I8: refuses a flood and recovers from it', async () => {
    const verifier = new PasswordVerifier();
    const count = MAX_WAITING_VERIFICATIONS + 50;
    const flood = Array.from({ length: count }, () => verifier.verify('no hash', bytes('x'), waiter()));
    const outcomes = await Promise.allSettled(flood);
    // Two run at once, the others wait.
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused).toHaveLength(48);
    expect(refused[0]).toMatchObject({ reason: { code: 'quota_exceeded' } });
    expect(verifier.pending).toBe(0);
    expect(await verifier.verify(admin, bytes('right'), waiter())).toBe(true);
  });

  it('N14: a flood from one source makes room for another, and waits behind it', async () => {
    const verifier = new PasswordVerifier();
    const order: string[] = [];
    const ask = (source: string, name: string): Promise<void> =>
      verifier.verify('no hash', bytes('x'), waiter({ source, name })).then(
        () => void order.push(source),
        () => void order.push(`${source} refused`),
      );
    const all = Array.from({ length: MAX_WAITING_VERIFICATIONS + 2 }, (_, index) =>
      ask('flood', `n${index % 7}`),
    );
    all.push(ask('other', 'me'));
    await Promise.all(all);
    expect(order.filter((entry) => entry === 'flood refused')).toHaveLength(1);
    // The two under way, then one of the flood whose turn it was, then the other begins; each of the two threads may end one or
    // two of the flood before it.
    expect(order.filter((entry) => !entry.endsWith('refused')).indexOf('other')).toBeLessThanOrEqual(6);
  });

  it('those who logged in before go before strangers, who still get a turn in four', async () => {
    const verifier = new PasswordVerifier();
    const order: string[] = [];
    const ask = (isSeen: boolean, source: string): Promise<void> =>
      verifier.verify('no hash', bytes('x'), waiter({ isSeen, source })).then(() => void order.push(source));
    const all = [ask(false, 'first'), ask(false, 'second')];
    for (let index = 0; index < 8; index++) all.push(ask(false, 'stranger'));
    for (let index = 0; index < 8; index++) all.push(ask(true, 'seen'));
    await Promise.all(all);
    expect(order.slice(2, 12).filter((entry) => entry === 'seen').length).toBeGreaterThanOrEqual(7);
    expect(order.slice(2, 10)).toContain('stranger');
  });

  it('does not hash for a client that left', async () => {
    const verifier = new PasswordVerifier();
    const under = [1, 2].map(() => verifier.verify(admin, bytes('right'), waiter()));
    const left = verifier.verify(admin, bytes('right'), waiter({ isWanted: () => false }));
    await expect(left).rejects.toMatchObject({ code: 'cancelled' });
    expect(await Promise.all(under)).toEqual([true, true]);
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
    ['a wrong password', true, 'admin', 'wrong', { outcome: 'denied', reason: 'wrong_password' }],
    ['no password', true, 'admin', undefined, { outcome: 'denied', reason: 'wrong_password' }],
    [
      'an unknown user, even where anonymous is allowed',
      true,
      'nobody',
      'right',
      { outcome: 'denied', reason: 'unknown_user' },
    ],
    ['wrong credentials, where they are ignored', 'ignore', 'admin', 'wrong', anonymous],
    ['right credentials, where they are ignored', 'ignore', 'admin', 'right', anonymous],
    ['no username, where credentials are ignored', 'ignore', undefined, undefined, anonymous],
    ['an empty username', true, '', '', { outcome: 'denied', reason: 'unknown_user' }],
  ])('%s', async (_name, allowAnonymous, username, password, verdict) => {
    const offered = password === undefined ? undefined : bytes(password);
    expect(await authenticator(allowAnonymous).authenticate('default', username, offered)).toEqual(verdict);
  });

  it('I10: knows users by tenant', async () => {
    expect(await authenticator().authenticate('other', 'admin', bytes('right'))).toMatchObject({
      outcome: 'denied',
    });
  });

  it('remembers a verification for as long as the hash stands, however long ago it was', async () => {
    const subject = authenticator();
    expect(subject.quick('default', 'admin', bytes('right'))).toBeUndefined();
    await subject.authenticate('default', 'admin', bytes('right'));
    expect(subject.quick('default', 'admin', bytes('right'))).toEqual(admitted);
    expect(subject.quick('default', 'admin', bytes('wrong'))).toBeUndefined();
    now += 365 * 24 * 3_600_000;
    expect(subject.quick('default', 'admin', bytes('right'))).toEqual(admitted);
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

  it('I8: a herd of 10,000 devices that comes back a year later is let in without hashing', async () => {
    const subject = authenticator();
    // Cheap to verify, so that the first login of each can be a real one.
    const cheap = { memoryCost: 8, timeCost: 1, parallelism: 1 };
    const names = Array.from({ length: 10_000 }, (_, index) => `device-${index}`);
    for (const name of names)
      users.set(`default/${name}`, { passwordHash: await hash(name, cheap), superuser: false });
    for (const name of names) {
      const verdict = await subject.authenticate('default', name, bytes(name), from('10.0.0.1'));
      expect(verdict.outcome).toBe('allowed');
    }
    now += 365 * 24 * 3_600_000;
    const outcomes = names.map((name) => subject.quick('default', name, bytes(name))?.outcome);
    expect(new Set(outcomes)).toEqual(new Set(['allowed']));
  }, 60_000);

  it('N14: a right password gets through 400 connections that guess, from the same address and under its own name', async () => {
    const subject = authenticator();
    await subject.authenticate('default', 'admin', bytes('right'), from('10.0.0.1'));
    users.set('default/admin', { passwordHash: await hashPassword('renewed'), superuser: true });
    const guesses = Array.from({ length: 400 }, (_, index) =>
      subject.authenticate('default', 'admin', bytes(`guess ${index % 20}`), from('10.0.0.1')),
    );
    const good = subject.authenticate('default', 'admin', bytes('renewed'), from('10.0.0.1'));
    const elsewhere = subject.authenticate('default', 'admin', bytes('renewed'), from('10.0.0.2'));
    expect(await elsewhere).toEqual(admitted);
    // The one from elsewhere did not wait for those who guess.
    expect(subject.pending).toBeGreaterThan(350);
    for (const _ of guesses.splice(0)) void _.catch(() => undefined);
    expect(await good).toEqual(admitted);
  }, 60_000);

  it('a wrong password that comes again is denied without hashing, until the hash changes', async () => {
    const subject = authenticator();
    for (let count = 0; count < 500; count++) {
      expect((await subject.authenticate('default', 'admin', bytes('wrong'))).outcome).toBe('denied');
      expect((await subject.authenticate('default', 'nobody', bytes('wrong'))).outcome).toBe('denied');
    }
    expect(subject.denied).toMatchObject({ wrong_password: 500, unknown_user: 500 });
    users.set('default/admin', { passwordHash: await hashPassword('wrong'), superuser: false });
    expect((await subject.authenticate('default', 'admin', bytes('wrong'))).outcome).toBe('allowed');
  });

  it('guesses get slower, each source for itself; a right password is never held up', async () => {
    const subject = authenticator();
    for (let count = 0; count < 9; count++)
      await subject.authenticate('default', 'admin', bytes('wrong'), from('10.0.0.1'));
    expect(delaysMs).toEqual([250, 500, 1_000, 2_000, 4_000, 4_000]);
    delaysMs = [];
    expect(await subject.authenticate('default', 'admin', bytes('right'), from('10.0.0.1'))).toEqual(
      admitted,
    );
    await subject.authenticate('default', 'admin', bytes('wrong'), from('10.0.0.2'));
    expect(delaysMs).toEqual([]);
    now += 60_000;
    await subject.authenticate('default', 'admin', bytes('wrong'), from('10.0.0.1'));
    expect(delaysMs).toEqual([]);
  });

  it('tells operators who was denied and why, and clients not', async () => {
    const subject = authenticator();
    await subject.authenticate('default', 'nobody', bytes('x'), from('10.0.0.9'));
    subject.quick('default', undefined, undefined, from('10.0.0.8'));
    expect(denied).toEqual([
      { tenant: 'default', username: 'nobody', address: '10.0.0.9', reason: 'unknown_user' },
      { tenant: 'default', username: undefined, address: '10.0.0.8', reason: 'no_credentials' },
    ]);
    expect(JSON.stringify(denied)).not.toContain('"x"');
  });

  it('a client that left while it waited is not verified', async () => {
    const subject = authenticator();
    const login = subject.authenticate('default', 'admin', bytes('right'), from('10.0.0.1', false));
    await expect(login).rejects.toMatchObject({ code: 'cancelled' });
  });
});
