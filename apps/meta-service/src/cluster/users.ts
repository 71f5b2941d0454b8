// Users of all tenants: who may log in, and who administers the cluster.
import { UserCredentials } from '@robustmq/access-control';
import { BrokerError } from '@robustmq/errors';
import type { DeleteUserRequest, PutUserRequest } from '@robustmq/rpc';
import { DEFAULT_TENANT } from './cluster-state.ts';
import type { ClusterDraft } from './draft.ts';
import { userKey } from './row-kinds.ts';

/** Makes or replaces a user. @throws BrokerError `invalid_argument`, `already_exists`, `conflict` for the last superuser */
export function putUser(
  draft: ClusterDraft,
  { user, createOnly }: Pick<PutUserRequest, 'user' | 'createOnly'>,
): void {
  if (user === undefined || !/^\P{Cc}{1,128}$/u.test(user.name))
    throw new BrokerError('invalid_argument', 'a user name is 1 to 128 characters');
  if (!UserCredentials.areComplete(user))
    throw new BrokerError('invalid_argument', 'a user has an argon2id PHC string and both SCRAM verifiers');
  const key = userKey(user.tenant, user.name);
  if (createOnly && draft.users.has(key)) throw new BrokerError('already_exists', `user ${user.name} exists`);
  if (!user.superuser) keepLastSuperuser(draft, key);
  draft.users.put(user);
}

/** Deletes a user. @throws BrokerError `not_found`, `conflict` for the last superuser */
export function deleteUser(draft: ClusterDraft, { tenant, name }: DeleteUserRequest): void {
  const key = userKey(tenant, name);
  if (!draft.users.has(key)) throw new BrokerError('not_found', `no user ${name}`);
  keepLastSuperuser(draft, key);
  draft.users.delete(key);
}

/** Superusers of the default tenant administer the cluster: without one nobody could make another. */
function keepLastSuperuser(draft: ClusterDraft, key: string): void {
  const isAdmin = ({ tenant, superuser }: { tenant: string; superuser: boolean }): boolean =>
    superuser && tenant === DEFAULT_TENANT;
  const user = draft.users.get(key);
  if (user === undefined || !isAdmin(user)) return;
  const admins = [...draft.users.values()].filter(isAdmin);
  if (admins.length === 1)
    throw new BrokerError('conflict', `${user.name} is the last superuser: make another one first`, {
      details: { field: 'superuser' },
    });
}
