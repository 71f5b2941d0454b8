// Who calls, and who may: every internal call carries the cluster secret and the kind of its service, and every service checks
// both before it reads a byte of the request (N15).
import { Metadata } from '@grpc/grpc-js';
import { BrokerError } from '@robustmq/errors';
import { ServiceKind } from './generated/robustmq/common/v1/common_pb.ts';
import type { ClusterSecret } from './cluster-secret.ts';
import { callersOf } from './method-callers.ts';

const SECRET_KEY = 'robustmq-secret';
const KIND_KEY = 'robustmq-caller';

/** What this process shows to others, and by what it judges them. */
export class Credentials {
  readonly kind: ServiceKind;
  #secret: ClusterSecret;

  constructor(kind: ServiceKind, secret: ClusterSecret) {
    this.kind = kind;
    this.#secret = secret;
  }

  /** Sends and accepts other secrets from now on. */
  replace(secret: ClusterSecret): void {
    this.#secret = secret;
  }

  /** What a call carries. */
  metadata(): Metadata {
    const metadata = new Metadata();
    metadata.set(SECRET_KEY, this.#secret.current);
    metadata.set(KIND_KEY, ServiceKind[this.kind]);
    return metadata;
  }

  /**
   * Why a call is refused, or undefined.
   * @param method `/package.Service/Method`
   */
  refusal(method: string, metadata: Metadata): BrokerError | undefined {
    const [secret] = metadata.get(SECRET_KEY);
    if (typeof secret !== 'string' || !this.#secret.accepts(secret))
      return new BrokerError('unauthenticated', 'the call does not carry the secret of this cluster');
    const [name] = metadata.get(KIND_KEY);
    const kind = typeof name === 'string' ? kindOf(name) : ServiceKind.UNSPECIFIED;
    if (callersOf(method).includes(kind)) return undefined;
    return new BrokerError('permission_denied', `${method} is not for a caller of kind ${String(name)}`);
  }
}

function kindOf(name: string): ServiceKind {
  const kinds: Readonly<Record<string, unknown>> = ServiceKind;
  const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  return typeof kind === 'number' ? kind : ServiceKind.UNSPECIFIED;
}
