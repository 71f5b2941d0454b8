// Who may connect: users of the cluster by name and password, nobody without, unless anonymous is allowed on purpose.
import { PasswordVerifier } from './password.ts';
import { anonymousPrincipal, type Principal } from './principal.ts';
import { VerifiedCache } from './verified-cache.ts';

/** A user as the cluster stores one. */
export interface Credential {
  readonly passwordHash: string;
  readonly superuser: boolean;
}

/** The outcome of a login. */
export type Verdict =
  | { readonly outcome: 'allowed'; readonly principal: Principal }
  | { readonly outcome: 'denied'; readonly reason: 'no_credentials' | 'bad_credentials' };

/**
 * Who is let in as anonymous: nobody; who sends no username, while a username is always verified; or everybody, whatever
 * they send.
 */
export type AnonymousPolicy = 'refused' | 'allowed' | 'ignore-credentials';

/** How logins are decided. */
export interface AuthenticatorOptions {
  readonly anonymous: AnonymousPolicy;
  readonly findUser: (tenant: string, username: string) => Credential | undefined;
  readonly nowMs: () => number;
  readonly cacheCapacity?: number;
  readonly cacheTtlMs?: number;
}

const CACHE_CAPACITY = 10_000;
const CACHE_TTL_MS = 300_000;

/** A valid hash that no password matches: an unknown user costs the same time as a known one. */
const NOBODY =
  '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';

/** Decides logins against the cluster's users. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #verifier = new PasswordVerifier();
  readonly #verified: VerifiedCache;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#verified = new VerifiedCache({
      capacity: options.cacheCapacity ?? CACHE_CAPACITY,
      ttlMs: options.cacheTtlMs ?? CACHE_TTL_MS,
      nowMs: options.nowMs,
    });
  }

  /**
   * The verdict when it needs no hashing: anonymous, no credentials, or verified a short time ago. Undefined: ask
   * {@link authenticate}. Lets a gateway keep its CONNECT path synchronous in the usual cases.
   */
  quick(tenant: string, username: string | undefined, password: Buffer | undefined): Verdict | undefined {
    const { anonymous } = this.#options;
    if (username === undefined || anonymous === 'ignore-credentials') {
      return anonymous !== 'refused'
        ? { outcome: 'allowed', principal: anonymousPrincipal(tenant) }
        : { outcome: 'denied', reason: 'no_credentials' };
    }
    const user = this.#options.findUser(tenant, username);
    if (user === undefined || password === undefined || !this.#verified.has(user.passwordHash, password))
      return undefined;
    return allowed(tenant, username, user);
  }

  /**
   * The verdict on a login.
   * @throws BrokerError `quota_exceeded` when too many logins are being verified; the caller denies
   */
  async authenticate(
    tenant: string,
    username: string | undefined,
    password: Buffer | undefined,
  ): Promise<Verdict> {
    const quick = this.quick(tenant, username, password);
    if (quick !== undefined || username === undefined)
      return quick ?? { outcome: 'denied', reason: 'no_credentials' };
    const user = this.#options.findUser(tenant, username);
    const offered = password ?? Buffer.alloc(0);
    const matches = await this.#verifier.verify(user?.passwordHash ?? NOBODY, offered);
    if (!matches || user === undefined) return { outcome: 'denied', reason: 'bad_credentials' };
    // The user may have changed while we hashed.
    const now = this.#options.findUser(tenant, username);
    if (now?.passwordHash !== user.passwordHash) return { outcome: 'denied', reason: 'bad_credentials' };
    this.#verified.add(user.passwordHash, offered);
    return allowed(tenant, username, now);
  }
}

function allowed(tenant: string, name: string, { superuser }: Credential): Verdict {
  return { outcome: 'allowed', principal: { tenant, name, superuser, anonymous: false } };
}
