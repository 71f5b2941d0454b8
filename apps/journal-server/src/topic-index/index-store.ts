// The store under the topic index. It holds a view of the log: one that can't be opened is thrown away.

import { rm } from 'node:fs/promises';
import { openRocksDb, type KeyValueStore } from '@robustmq/kv-store';
import { INDEX_FAMILY } from './rows.ts';

/** Opens the store, a new one if what is there can't be used. */
export async function openIndexStore(
  path: string,
  log: { warn(fields: Record<string, unknown>, message: string): void },
): Promise<KeyValueStore> {
  const options = { families: [INDEX_FAMILY] };
  try {
    return await openRocksDb(path, options);
  } catch (error) {
    log.warn({ err: error, path }, 'topic index can not be opened: it is built anew');
    await rm(path, { recursive: true, force: true });
    return openRocksDb(path, options);
  }
}
