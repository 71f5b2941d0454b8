// Who may come in, and as whom.

export { Authenticator, type AnonymousPolicy, type DeniedLogin, type Verdict } from './authenticator.ts';
export { loginSourceOf } from './login-source.ts';
export { anonymousPrincipal, formatPrincipal, isSamePrincipal, type Principal } from './principal.ts';
export { areCredentialsComplete, credentialsOf, type UserCredentials } from './user-credentials.ts';
