// The identity of a data directory (rules R5, N2): made once, kept with the data, twice and with a checksum. Who finds it
// missing, or another node's, has other data.

import { randomUUID } from 'node:crypto';
import { twinFile, type Disk } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';

const FILE = 'directory.json';
/** Made after the facts: where one of these is, the facts were. */
const DATA = ['checkpoint-0', 'checkpoint-1', 'commit-log'];

/** Facts about a data directory. */
export interface DirectoryFacts {
  readonly directoryId: string;
  /** Whose data it is: replicas are placed on (node, directory). */
  readonly nodeId: string;
  /** Empty until the directory has joined a cluster. */
  readonly clusterId: string;
}

/** Where to say that one of the two files was mended. */
interface FactsLog {
  warn(fields: Record<string, unknown>, message: string): void;
}

/**
 * Reads the facts, or makes a new directory; durable when it resolves. One damaged file of the two is mended.
 * @throws BrokerError corrupt if the facts are damaged, or gone from a directory with data; conflict if it is the data of
 * another node: under this one's name its shards would be nobody's.
 */
export async function openDirectoryFacts(
  disk: Disk,
  dataDirectory: string,
  nodeId: string,
  log: FactsLog,
): Promise<DirectoryFacts> {
  disk.makeDirectory(dataDirectory);
  const path = `${dataDirectory}/${FILE}`;
  const found = twinFile.read(disk, path);
  if (found === undefined) {
    if (DATA.some((name) => disk.exists(`${dataDirectory}/${name}`)))
      throw new BrokerError('corrupt', `${path} is missing from a directory that holds data`);
    const facts = { directoryId: randomUUID(), nodeId, clusterId: '' };
    await twinFile.write(disk, path, facts);
    return facts;
  }
  const facts = factsOf(found.facts, path);
  if (facts.nodeId !== nodeId) {
    throw new BrokerError(
      'conflict',
      `${dataDirectory} holds the data of node '${facts.nodeId}', and this is node '${nodeId}': ` +
        `start it with --node.id=${facts.nodeId}, or give this node a folder of its own`,
      { details: { found: facts.nodeId, expected: nodeId } },
    );
  }
  if (found.damagedPath !== undefined) {
    log.warn({ path: found.damagedPath }, 'file was damaged or missing, and is written anew from its copy');
    await twinFile.write(disk, path, facts);
  }
  return facts;
}

/**
 * Binds the directory to a cluster.
 * @throws BrokerError conflict if it belongs to another, which knows nothing of its streams.
 */
export async function joinCluster(
  disk: Disk,
  dataDirectory: string,
  facts: DirectoryFacts,
  clusterId: string,
): Promise<void> {
  if (facts.clusterId === clusterId) return;
  if (facts.clusterId !== '') {
    throw new BrokerError(
      'conflict',
      `${dataDirectory} holds data of another cluster: '${facts.clusterId}', not '${clusterId}'`,
      { details: { found: facts.clusterId, expected: clusterId } },
    );
  }
  await twinFile.write(disk, `${dataDirectory}/${FILE}`, { ...facts, clusterId });
}

function factsOf(facts: unknown, path: string): DirectoryFacts {
  const { directoryId, nodeId, clusterId } = (facts ?? {}) as Partial<Record<keyof DirectoryFacts, unknown>>;
  if (
    typeof directoryId !== 'string' ||
    directoryId === '' ||
    typeof nodeId !== 'string' ||
    typeof clusterId !== 'string'
  )
    throw new BrokerError('corrupt', `${path} does not say whose directory it is`);
  return { directoryId, nodeId, clusterId };
}
