export {
  Authenticator,
  type AnonymousPolicy,
  type AuthenticatorOptions,
  type Credential,
  type Verdict,
} from './authenticator.ts';
export { hashPassword, MAX_PASSWORD_BYTES, MAX_PENDING_VERIFICATIONS, PasswordVerifier } from './password.ts';
export { anonymousPrincipal, formatPrincipal, isSamePrincipal, type Principal } from './principal.ts';
export type { ScramVerifier } from './scram.ts';
export { areCredentialsComplete, credentialsOf, type UserCredentials } from './user-credentials.ts';
export { VerifiedCache, type VerifiedCacheOptions } from './verified-cache.ts';
