// Facts of a data folder that are fixed when it is created, and the first password.
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  openSync,
  writeSync,
  fsyncSync,
  closeSync,
  readFileSync,
  renameSync,
} from 'node:fs';
import path from 'node:path';
import { BrokerError } from '@robustmq/errors';
import { z } from 'zod';

const FACTS_FILE = 'meta.json';
/** Where the first password of `admin` is written, once, readable by its owner only. */
export const PASSWORD_FILE = 'initial-admin-password';
const PASSWORD_BYTES = 24;

const facts = z.strictObject({ formatVersion: z.literal(1), dataGroups: z.int().min(1).max(64) });

/** Reads the facts, or writes them when the folder is new. @throws BrokerError `corrupt`, `storage_failed` */
export function openDataDirectory(directory: string, dataGroups: number): z.infer<typeof facts> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = path.join(directory, FACTS_FILE);
  if (!existsSync(file)) writeDurably(file, JSON.stringify({ formatVersion: 1, dataGroups }), 0o600);
  const parsed = facts.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success)
    throw new BrokerError('corrupt', `${file} is not what this version writes`, { cause: parsed.error });
  return parsed.data;
}

/** A random password, kept in the folder before the cluster knows it: a crash between the two leaves a file that is right. */
export function initialPassword(directory: string): string {
  const file = path.join(directory, PASSWORD_FILE);
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const password = randomBytes(PASSWORD_BYTES).toString('base64url');
  writeDurably(file, `${password}\n`, 0o600);
  return password;
}

function writeDurably(file: string, text: string, mode: number): void {
  const temporary = `${file}.new`;
  const handle = openSync(temporary, 'w', mode);
  writeSync(handle, text);
  fsyncSync(handle);
  closeSync(handle);
  renameSync(temporary, file);
  const directory = openSync(path.dirname(file), 'r');
  fsyncSync(directory);
  closeSync(directory);
}
