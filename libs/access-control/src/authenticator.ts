// Who may connect: users of the cluster by name and password, nobody without, unless anonymous is allowed on purpose.

import { BrokerError } from '@robustmq/errors';
import { CredentialCache } from './credential-cache.ts';
import { GuessBackoff } from './guess-backoff.ts';
import { loginSourceOf } from './login-source.ts';
import { PasswordVerifier } from './password.ts';
import { Principal } from './principal.ts';

/** A user as the cluster stores one. */
export interface Credential {
  readonly passwordHash: string;
  readonly superuser: boolean;
}

/** Why a login was denied. Clients hear of no difference; operators do. */
export type DenialReason = 'no_credentials' | 'unknown_user' | 'wrong_password' | 'overloaded';

/** The outcome of a login. */
export type Verdict =
  | { readonly outcome: 'allowed'; readonly principal: Principal }
  | { readonly outcome: 'denied'; readonly reason: DenialReason };

/**
 * Who is let in as anonymous: nobody; who sends no username, while a username is always verified; or everybody, whatever
 * they send.
 */
export type AnonymousPolicy = 'refused' | 'allowed' | 'ignore-credentials';

/** Where a login comes from, and whether its outcome still matters. */
export interface LoginOrigin {
  readonly address: string;
  isWanted(): boolean;
}

/** A login that was denied: for the log. */
export interface DeniedLogin {
  readonly tenant: string;
  readonly username: string | undefined;
  readonly address: string;
  readonly reason: DenialReason;
}

/** How logins are decided. */
export interface AuthenticatorOptions {
  readonly anonymous: AnonymousPolicy;
  readonly findUser: (tenant: string, username: string) => Credential | undefined;
  readonly nowMs: () => number;
  /** Lets a denial wait. */
  readonly timers: { after(delayMs: number, action: () => void): unknown };
  /** Hears of each denied login. */
  readonly onDenied?: (login: DeniedLogin) => void;
  /** Verified logins that are remembered: as many as clients may come back at once. */
  readonly cacheCapacity?: number;
}

const CACHE_CAPACITY = 200_000;
/** Wrong passwords that are remembered: devices repeat theirs for ever. */
const WRONG_CAPACITY = 20_000;

/** A valid hash that no password matches: an unknown user costs the same time as a known one. */
const NOBODY =
  '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';

const UNKNOWN_ORIGIN: LoginOrigin = { address: '', isWanted: () => true };
const NO_PASSWORD = Buffer.alloc(0);

/** Decides logins against the cluster's users. */
export class Authenticator {
  /** Logins denied since the start, by reason. */
  readonly denied: Record<DenialReason, number> = {
    no_credentials: 0,
    unknown_user: 0,
    wrong_password: 0,
    overloaded: 0,
  };
  readonly #options: AuthenticatorOptions;
  readonly #verifier = new PasswordVerifier();
  readonly #verified: CredentialCache;
  readonly #wrong = new CredentialCache(WRONG_CAPACITY);
  /** Source and user of logins that succeeded. */
  readonly #seen: CredentialCache;
  readonly #backoff: GuessBackoff;

  constructor(options: AuthenticatorOptions) {
    const capacity = options.cacheCapacity ?? CACHE_CAPACITY;
    this.#options = options;
    this.#verified = new CredentialCache(capacity);
    this.#seen = new CredentialCache(capacity);
    this.#backoff = new GuessBackoff(options.nowMs);
  }

  /** Logins that wait for their verification, or are being verified. */
  get pending(): number {
    return this.#verifier.pending;
  }

  /**
   * The verdict when it needs no hashing: anonymous, no credentials, or verified before. Undefined: ask
   * {@link authenticate}. Lets a gateway keep its CONNECT path synchronous in the usual cases.
   */
  quick(
    tenant: string,
    username: string | undefined,
    password: Buffer | undefined,
    origin: LoginOrigin = UNKNOWN_ORIGIN,
  ): Verdict | undefined {
    const { anonymous } = this.#options;
    if (username === undefined || anonymous === 'ignore-credentials') {
      return anonymous !== 'refused'
        ? { outcome: 'allowed', principal: Principal.anonymous(tenant) }
        : this.#deny(tenant, username, origin, 'no_credentials');
    }
    const user = this.#options.findUser(tenant, username);
    if (user === undefined || password === undefined || !this.#verified.has(user.passwordHash, password))
      return undefined;
    return allowed(tenant, username, user);
  }

  /**
   * The verdict on a login. A denial waits the longer the more logins of its origin failed.
   * @throws BrokerError `quota_exceeded` when too many logins are being verified, `cancelled` when it is not wanted any
   * more; the caller denies
   */
  async authenticate(
    tenant: string,
    username: string | undefined,
    password: Buffer | undefined,
    origin: LoginOrigin = UNKNOWN_ORIGIN,
  ): Promise<Verdict> {
    const quick = this.quick(tenant, username, password, origin);
    if (quick !== undefined) return quick;
    const name = username!;
    const source = loginSourceOf(origin.address);
    const offered = password ?? NO_PASSWORD;
    const user = this.#options.findUser(tenant, name);
    const phc = user?.passwordHash ?? NOBODY;
    const lane = `${tenant}\u0000${name}`;
    const matches =
      !this.#wrong.has(user === undefined ? lane : phc, offered) &&
      (await this.#verify(phc, offered, source, lane, origin, { tenant, username: name }));
    // The user may have changed while we hashed.
    const now = this.#options.findUser(tenant, name);
    if (matches && user !== undefined && now?.passwordHash === user.passwordHash) {
      this.#verified.add(phc, offered);
      this.#seen.add(source, Buffer.from(lane));
      this.#backoff.succeeded(source, lane);
      return allowed(tenant, name, now);
    }
    if (!matches) this.#wrong.add(user === undefined ? lane : phc, offered);
    const verdict = this.#deny(tenant, name, origin, user === undefined ? 'unknown_user' : 'wrong_password');
    await this.#wait(this.#backoff.failed(source, lane));
    return verdict;
  }

  async #verify(
    phc: string,
    password: Buffer,
    source: string,
    lane: string,
    origin: LoginOrigin,
    login: { tenant: string; username: string },
  ): Promise<boolean> {
    const isSeen = this.#seen.has(source, Buffer.from(lane));
    const isWanted = (): boolean => origin.isWanted();
    try {
      return await this.#verifier.verify(phc, password, { source, name: lane, isSeen, isWanted });
    } catch (thrown) {
      if (BrokerError.from(thrown).code === 'quota_exceeded')
        this.#deny(login.tenant, login.username, origin, 'overloaded');
      throw thrown;
    }
  }

  #deny(
    tenant: string,
    username: string | undefined,
    { address }: LoginOrigin,
    reason: DenialReason,
  ): Verdict {
    this.denied[reason]++;
    this.#options.onDenied?.({ tenant, username, address, reason });
    return { outcome: 'denied', reason };
  }

  #wait(delayMs: number): Promise<void> {
    if (delayMs === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#options.timers.after(delayMs, resolve));
  }
}

function allowed(tenant: string, name: string, { superuser }: Credential): Verdict {
  return { outcome: 'allowed', principal: { tenant, name, superuser, anonymous: false } };
}
