// The store under the topic index. It holds a view of the log: one that is damaged is thrown away.

import { rm } from 'node:fs/promises';
import { BrokerError } from '@robustmq/errors';
import { openRocksDb, type KeyValueStore } from '@robustmq/kv-store';
import { LateStore } from './late-store.ts';
import { INDEX_FAMILY } from './rows.ts';

/** Where what happened is told. */
interface IndexStoreLog {
  warn(fields: Record<string, unknown>, message: string): void;
}

const OPTIONS = { families: [INDEX_FAMILY] };

/**
 * Opens the store, a new one if what is there is damaged. On a full disk it is opened later: a journal has to serve what it
 * holds (rule L6).
 * @throws BrokerError conflict if somebody has it open: it is theirs, damaged or not (rule N2).
 */
export async function openIndexStore(
  path: string,
  log: IndexStoreLog,
  open: typeof openRocksDb = openRocksDb,
): Promise<KeyValueStore> {
  const sound = (): Promise<KeyValueStore> => openSound(path, log, open);
  try {
    return await sound();
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'storage_full') throw error;
    log.warn(
      { err: error, path },
      'no room to open the topic index: it is opened when there is, reads scan meanwhile',
    );
    return new LateStore(sound);
  }
}

async function openSound(path: string, log: IndexStoreLog, open: typeof openRocksDb): Promise<KeyValueStore> {
  try {
    return await open(path, OPTIONS);
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'corrupt') throw error;
    log.warn({ err: error, path }, 'topic index can not be opened: it is built anew');
    await rm(path, { recursive: true, force: true });
    return open(path, OPTIONS);
  }
}
