// The credentials of a process, from its secret file: made by the service that begins a cluster, awaited by the others, read
// again while the process runs, so that a secret is replaced without a restart.
import { BrokerError } from '@robustmq/errors';
import { systemTimers, type Log, type Timers } from '@robustmq/runtime';
import { createSecretFile, isExposed, readSecretFile, type ClusterSecret } from './cluster-secret.ts';
import { Credentials } from './credentials.ts';
import type { ServiceKind } from './generated/robustmq/common/v1/common_pb.ts';

/** Where the secret is, and who asks. */
export interface CredentialsOptions {
  readonly kind: ServiceKind;
  /** Configuration `cluster.secretFile`. */
  readonly file: string;
  /** Make the file when there is none: only the service with which a cluster begins does. */
  readonly create: boolean;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly timers?: Timers;
}

const WAIT_MS = 100;
const REREAD_MS = 5_000;

/** Credentials that follow their file. */
export interface FollowedCredentials {
  readonly credentials: Credentials;
  /** Stops following. */
  close(): void;
}

/** Resolves once the file is there. @throws BrokerError when it holds no secret or may not be read */
export async function openCredentials(options: CredentialsOptions): Promise<FollowedCredentials> {
  const { file, log, timers = systemTimers } = options;
  if (options.create) createSecretFile(file);
  const secret = await appearance(options, timers);
  if (isExposed(file))
    log.warn({ file }, 'the cluster secret can be read by other users of this host: chmod 600');
  const credentials = new Credentials(options.kind, secret);
  const close = timers.every(REREAD_MS, () => reread(file, credentials, log));
  return { credentials, close };
}

async function appearance({ file, log }: CredentialsOptions, timers: Timers): Promise<ClusterSecret> {
  for (let isTold = false; ; isTold = true) {
    const secret = readSecretFile(file);
    if (secret !== undefined) return secret;
    if (!isTold)
      log.info({ file }, 'waiting for the cluster secret, which meta-service makes at its first start');
    await new Promise<void>((resolve) => void timers.after(WAIT_MS, resolve));
  }
}

function reread(file: string, credentials: Credentials, log: Pick<Log, 'warn'>): void {
  try {
    const secret = readSecretFile(file);
    if (secret === undefined) throw new BrokerError('not_found', 'the file is gone');
    credentials.replace(secret);
  } catch (error) {
    log.warn({ err: error, file }, 'the cluster secret could not be read again: the one before stays');
  }
}
