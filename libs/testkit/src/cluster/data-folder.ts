// The folder that holds all data of a cluster: one launcher at a time, readable by its owner only (rule N3).
import { chmodSync, statSync } from 'node:fs';

import { type DirectoryLock, NodeDisk } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import { makeDirectory } from '@robustmq/runtime';

const OWNER_ONLY = 0o700;

/**
 * Makes the folder if need be and claims it until the release, or the end of this process however it ends: two launchers
 * on one folder would overwrite each other's cluster.json, whatever their ports.
 * @throws BrokerError conflict with the pid of the launcher that has it; another one, with the reason, if it can't be had.
 */
export function claimDataFolder(folder: string): DirectoryLock {
  return new NodeDisk().lock(folder);
}

/**
 * Makes a folder that only its owner may enter; one that is there becomes so.
 * @throws BrokerError storage_failed with the reason in one sentence.
 */
export function makePrivateFolder(folder: string): void {
  try {
    makeDirectory(folder, OWNER_ONLY);
    // The root of a mounted volume is often not ours to change.
    if (statSync(folder).uid === process.getuid?.()) chmodSync(folder, OWNER_ONLY);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).message;
    throw new BrokerError('storage_failed', `the folder ${folder} can not be used for data: ${reason}`, {
      cause,
    });
  }
}
