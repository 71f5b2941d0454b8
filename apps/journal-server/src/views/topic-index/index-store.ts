// The store under the topic index. It holds a view of the log: one that is damaged is thrown away.

import { rm } from 'node:fs/promises';
import { BrokerError } from '@robustmq/errors';
import { openRocksDb, type KeyValueStore } from '@robustmq/kv-store';
import { INDEX_FAMILY } from './rows.ts';

/**
 * Opens the store, a new one if what is there is damaged.
 * @throws BrokerError conflict if somebody has it open: it is theirs, damaged or not (rule N2).
 */
export async function openIndexStore(
  path: string,
  log: { warn(fields: Record<string, unknown>, message: string): void },
): Promise<KeyValueStore> {
  const options = { families: [INDEX_FAMILY] };
  try {
    return await openRocksDb(path, options);
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'corrupt') throw error;
    log.warn({ err: error, path }, 'topic index can not be opened: it is built anew');
    await rm(path, { recursive: true, force: true });
    return openRocksDb(path, options);
  }
}
