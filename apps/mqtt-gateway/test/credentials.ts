// The one secret of the clusters of these tests.
import { Credentials, type ServiceKind } from '@robustmq/rpc';
import { ClusterSecret } from '@robustmq/rpc/testing';

const SECRET = new ClusterSecret(['a secret for tests, of 32 characters']);

/** What a service of that kind shows to the others. */
export function credentialsOf(kind: ServiceKind): Credentials {
  return new Credentials(kind, SECRET);
}
