// The lock of a data directory (rule N3): held by the kernel for the process that has it, so it ends with the process and
// is never stale. Node has no flock; SQLite, which it brings, takes the same locks. The file stays empty.

import fs from 'node:fs';
import os from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { BrokerError, type ErrorCode } from '@robustmq/errors';

/** A directory that this process owns. */
export interface DirectoryLock {
  /** Lets others have it. Idempotent; the death of the process does the same. */
  release(): void;
}

const LOCK_FILE = 'lock';
/** Who has it: for the refusal only, nothing is decided by it. */
const HOLDER_FILE = 'lock-holder';
const MAX_HOLDER_BYTES = 200;

/** A lock whose handle is collected as garbage would be lost. */
const held = new Set<DatabaseSync>();

/**
 * Locks a directory that is there.
 * @throws BrokerError conflict if somebody has it, named in the message; else as {@link unusable}.
 */
export function lockDirectory(directory: string): DirectoryLock {
  const path = `${directory}/${LOCK_FILE}`;
  let database: DatabaseSync | undefined;
  try {
    // SQLite would make it readable for others.
    fs.closeSync(fs.openSync(path, 'a', 0o600));
    database = new DatabaseSync(path);
    // Without a journal file, and without a byte of its own: the open transaction is the lock.
    database.exec('PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE');
    writeHolder(`${directory}/${HOLDER_FILE}`);
  } catch (cause) {
    if (database !== undefined) closeQuietly(database);
    throw isBusy(cause)
      ? inUse(directory, cause)
      : unusable(directory, cause, `${LOCK_FILE} can not be locked: `);
  }
  const locked = database;
  held.add(locked);
  return {
    release() {
      if (!held.delete(locked)) return;
      locked.close();
    },
  };
}

/** The lock holds without it: a full disk must not keep a directory from being served (L6). */
function writeHolder(path: string): void {
  try {
    fs.writeFileSync(path, holder(), { mode: 0o600 });
  } catch (error) {
    if (unusable(path, error).code !== 'storage_full') throw error;
  }
}

function holder(): string {
  return `process ${process.pid} on ${os.hostname()}, started ${new Date(performance.timeOrigin).toISOString()}`;
}

function inUse(directory: string, cause: unknown): BrokerError {
  let by = 'another process';
  try {
    by = fs.readFileSync(`${directory}/${HOLDER_FILE}`, 'utf8').slice(0, MAX_HOLDER_BYTES) || by;
  } catch (error) {
    // It locks before it writes its name.
    if (!isMissing(error)) throw error;
  }
  return new BrokerError(
    'conflict',
    `the folder ${directory} is in use by ${by}: two processes on one data folder would destroy it`,
    { cause },
  );
}

/** What is wrong with the folder that was named: no later start finds it otherwise. */
const MISTAKES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'invalid_argument',
  ENOTDIR: 'invalid_argument',
  EISDIR: 'invalid_argument',
  EEXIST: 'invalid_argument',
  ENAMETOOLONG: 'invalid_argument',
  ELOOP: 'invalid_argument',
  EACCES: 'permission_denied',
  EPERM: 'permission_denied',
  EROFS: 'permission_denied',
  ENOSPC: 'storage_full',
  EDQUOT: 'storage_full',
};

/** Why a folder can't hold data: one sentence, with the code of a mistake of the setting where it is one, else storage_failed. */
export function unusable(directory: string, cause: unknown, step = ''): BrokerError {
  const { code: errno, message } = cause as NodeJS.ErrnoException;
  const code = MISTAKES[String(errno)] ?? 'storage_failed';
  const text = `the folder ${directory} can not be used for data: ${step}${message}`;
  return new BrokerError(code, text, { cause });
}

/** SQLITE_BUSY and SQLITE_LOCKED, with their extended codes. */
function isBusy(error: unknown): boolean {
  const code = (error as { readonly errcode?: number }).errcode;
  return code !== undefined && ((code & 0xff) === 5 || (code & 0xff) === 6);
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** Of a connection that never had the lock. */
function closeQuietly(database: DatabaseSync): void {
  if (database.isOpen) database.close();
}
