// The identity of a data directory (rule R5): made once, kept with the data. Who finds it missing has other data.

import { randomUUID } from 'node:crypto';
import type { Disk } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';

const FILE = 'directory.json';
const MAX_BYTES = 4096;
/** Made after the facts: where one of these is, the facts were. */
const DATA = ['checkpoint-0', 'checkpoint-1', 'commit-log'];

/** Facts about a data directory. */
export interface DirectoryFacts {
  readonly directoryId: string;
  /** Empty until the directory has joined a cluster. */
  readonly clusterId: string;
}

/**
 * Reads the facts, or makes a new directory; durable when it resolves.
 * @throws BrokerError corrupt if the facts are damaged, or gone from a directory with data: under a new id all of its
 * shards would be nobody's, and their files removed.
 */
export async function openDirectoryFacts(disk: Disk, dataDirectory: string): Promise<DirectoryFacts> {
  disk.makeDirectory(dataDirectory);
  const path = `${dataDirectory}/${FILE}`;
  if (!disk.exists(path)) {
    if (DATA.some((name) => disk.exists(`${dataDirectory}/${name}`)))
      throw new BrokerError('corrupt', `${path} is missing from a directory that holds data`);
    const facts = { directoryId: randomUUID(), clusterId: '' };
    await save(disk, dataDirectory, facts);
    return facts;
  }
  const file = disk.open(path);
  const bytes = Buffer.alloc(Math.min(MAX_BYTES, file.sizeBytes()));
  const read = file.read(bytes, 0);
  file.close();
  return parse(bytes.toString('utf8', 0, read), path);
}

/**
 * Binds the directory to a cluster.
 * @throws BrokerError conflict if it belongs to another: its streams would be deleted as unknown.
 */
export async function joinCluster(
  disk: Disk,
  dataDirectory: string,
  facts: DirectoryFacts,
  clusterId: string,
): Promise<void> {
  if (facts.clusterId === clusterId) return;
  if (facts.clusterId !== '') {
    throw new BrokerError('conflict', `${dataDirectory} holds data of another cluster`, {
      details: { found: facts.clusterId, expected: clusterId },
    });
  }
  await save(disk, dataDirectory, { ...facts, clusterId });
}

async function save(disk: Disk, dataDirectory: string, facts: DirectoryFacts): Promise<void> {
  const temporary = `${dataDirectory}/${FILE}.tmp`;
  if (disk.exists(temporary)) disk.unlink(temporary);
  const file = disk.create(temporary);
  file.write(Buffer.from(`${JSON.stringify(facts)}\n`), 0);
  await file.sync();
  file.close();
  disk.rename(temporary, `${dataDirectory}/${FILE}`);
  await disk.syncDirectory(dataDirectory);
}

function parse(text: string, path: string): DirectoryFacts {
  try {
    const facts: unknown = JSON.parse(text);
    if (typeof facts === 'object' && facts !== null && 'directoryId' in facts && 'clusterId' in facts) {
      const { directoryId, clusterId } = facts;
      if (typeof directoryId === 'string' && directoryId !== '' && typeof clusterId === 'string') {
        return { directoryId, clusterId };
      }
    }
  } catch (cause) {
    throw new BrokerError('corrupt', `${path} is damaged`, { cause });
  }
  throw new BrokerError('corrupt', `${path} is damaged`);
}
