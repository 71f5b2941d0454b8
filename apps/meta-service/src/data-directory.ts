// Facts of a data folder that are fixed when it is created, and the first password.
import { randomBytes } from 'node:crypto';
import { twinFile, type Disk } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import { z } from 'zod';

const FACTS_FILE = 'meta.json';
/** Made after the facts: where one of these is, the facts were. */
const DATA = ['log', 'state'];
/** Where the first password of `admin` is written, once, readable by its owner only. */
export const PASSWORD_FILE = 'initial-admin-password';
const PASSWORD_BYTES = 24;

const facts = z.strictObject({ nodeId: z.string().min(1), dataGroups: z.int().min(1).max(64) });
type Facts = z.infer<typeof facts>;

/** Where to say that one of the two files was mended. */
interface FactsLog {
  warn(fields: Record<string, unknown>, message: string): void;
}

/**
 * Reads the facts of a locked folder, or writes them when it is new. One damaged file of the two is mended.
 * @throws BrokerError corrupt if they are damaged, or gone from a folder with data; conflict if it is another node's.
 */
export async function openDataDirectory(
  disk: Disk,
  directory: string,
  wanted: Facts,
  log: FactsLog,
): Promise<Facts> {
  const path = `${directory}/${FACTS_FILE}`;
  const found = twinFile.read(disk, path);
  if (found === undefined) {
    const existing = DATA.find((name) => disk.list(`${directory}/${name}`).length > 0);
    if (existing !== undefined)
      throw new BrokerError('corrupt', `${path} is missing from a folder that holds data (${existing}/)`);
    await twinFile.write(disk, path, wanted);
    return wanted;
  }
  const parsed = facts.safeParse(found.facts);
  if (!parsed.success)
    throw new BrokerError('corrupt', `${path} is not what this version writes`, { cause: parsed.error });
  const { nodeId } = parsed.data;
  if (nodeId !== wanted.nodeId) {
    throw new BrokerError(
      'conflict',
      `${directory} holds the data of node '${nodeId}', and this is node '${wanted.nodeId}': ` +
        `start it with --node.id=${nodeId}, or give this node a folder of its own`,
      { details: { found: nodeId, expected: wanted.nodeId } },
    );
  }
  if (found.damagedPath !== undefined) {
    log.warn({ path: found.damagedPath }, 'file was damaged or missing, and is written anew from its copy');
    await twinFile.write(disk, path, parsed.data);
  }
  return parsed.data;
}

/** A random password, kept in the folder before the cluster knows it: a crash between the two leaves a file that is right. */
export async function initialPassword(disk: Disk, directory: string): Promise<string> {
  const path = `${directory}/${PASSWORD_FILE}`;
  const kept = disk.exists(path) ? read(disk, path).trim() : '';
  // An empty file must not make an account that an empty password opens.
  if (kept !== '') return kept;
  const password = randomBytes(PASSWORD_BYTES).toString('base64url');
  const temporary = `${path}.new`;
  if (disk.exists(temporary)) disk.unlink(temporary);
  const file = disk.create(temporary);
  file.write(Buffer.from(`${password}\n`), 0);
  await file.sync();
  file.close();
  disk.rename(temporary, path);
  await disk.syncDirectory(directory);
  return password;
}

function read(disk: Disk, path: string): string {
  const file = disk.open(path);
  const bytes = Buffer.alloc(file.sizeBytes());
  const count = file.read(bytes, 0);
  file.close();
  return bytes.toString('utf8', 0, count);
}
