// Who may come in, and as whom.

export { Authenticator, type AnonymousPolicy, type DeniedLogin, type Verdict } from './authenticator.ts';
export { loginSourceOf } from './login-source.ts';
export { Principal } from './principal.ts';
export { UserCredentials } from './user-credentials.ts';
