// The cluster secret: what the services of one cluster know and nobody else does (N15). A file of one line; while it is being
// replaced, of two: the first is sent, both are accepted. It is made once, is readable by its owner only, and is never logged.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { BrokerError } from '@robustmq/errors';
import { makeDirectory } from '@robustmq/runtime';

/** A secret of fewer characters could be guessed. */
const MIN_CHARACTERS = 32;
const MAX_CHARACTERS = 512;
const MAX_SECRETS = 2;
const RANDOM_BYTES = 32;

/** One or two secrets, the first of which is the one to send. */
export class ClusterSecret {
  readonly current: string;
  readonly #digests: readonly Buffer[];

  /** @throws BrokerError `invalid_argument` for a number or length of secrets that no file may have; it never names them */
  constructor(secrets: readonly string[]) {
    const [current] = secrets;
    const isSound = ({ length }: string): boolean => length >= MIN_CHARACTERS && length <= MAX_CHARACTERS;
    if (current === undefined || secrets.length > MAX_SECRETS || !secrets.every(isSound))
      throw new BrokerError(
        'invalid_argument',
        `a cluster secret is one line of ${MIN_CHARACTERS} to ${MAX_CHARACTERS} characters, or two while it is being replaced`,
      );
    this.current = current;
    this.#digests = secrets.map(digestOf);
  }

  /** Whether this is one of the secrets. Takes the same time whatever is offered. */
  accepts(offered: string): boolean {
    const digest = digestOf(offered);
    let isKnown = false;
    for (const known of this.#digests) isKnown = timingSafeEqual(known, digest) || isKnown;
    return isKnown;
  }
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Reads a secret file; undefined when there is none. @throws BrokerError naming the file when it holds no secret */
export function readSecretFile(file: string): ClusterSecret | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new BrokerError('permission_denied', `cluster secret ${file} cannot be read: ${String(error)}`, {
      cause: error,
    });
  }
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  try {
    return new ClusterSecret(lines);
  } catch (error) {
    throw new BrokerError('invalid_argument', `${file}: ${BrokerError.from(error).message}`);
  }
}

/** Whether others than its owner may read or write the file. */
export function isExposed(file: string): boolean {
  return (statSync(file).mode & 0o077) !== 0;
}

/**
 * Makes a secret file unless there is one: whole or not at all, and only one of several that try at once wins.
 * @throws BrokerError naming the file when it can't be made there
 */
export function createSecretFile(file: string): void {
  if (existsSync(file)) return;
  try {
    makeSecretFile(file);
  } catch (error) {
    throw new BrokerError('permission_denied', `cluster secret ${file} cannot be made: ${String(error)}`, {
      cause: error,
    });
  }
}

function makeSecretFile(file: string): void {
  const folder = path.dirname(file);
  makeDirectory(folder, 0o700);
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const descriptor = openSync(draft, 'wx', 0o600);
  try {
    writeSync(descriptor, `${randomBytes(RANDOM_BYTES).toString('base64url')}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  try {
    linkSync(draft, file);
    syncFolder(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
