// RocksDB through rocksdb-native (decision 1).
import { BrokerError, type ErrorCode } from '@robustmq/errors';
// Types only: the package ships none.
import './rocksdb-native.d.ts';
import RocksDB from 'rocksdb-native';
import type {
  KeyRange,
  KeyValueBatch,
  KeyValueEntry,
  KeyValueSnapshot,
  KeyValueStore,
} from './key-value-store.ts';

/** Memory per family before RocksDB writes a file on its own. Small: a node has tens of families. */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;

/** Entries fetched per step of a scan. */
const SCAN_STEP = 256;

/** Options of {@link openRocksDb}. */
export interface RocksDbOptions {
  readonly families: readonly string[];
  readonly writeBufferBytes?: number;
  readonly maxOpenFiles?: number;
}

/**
 * Opens or creates a store; families that are missing are created. One process at a time per path.
 * @throws BrokerError `conflict` if somebody has it open, `corrupt` with the reason if it is damaged, `storage_full`,
 * `storage_failed`
 */
export async function openRocksDb(path: string, options: RocksDbOptions): Promise<KeyValueStore> {
  const root = await guarded(`open of ${path}`, async () => {
    const db = new RocksDB(path, {
      columnFamilies: [...options.families],
      writeBufferSize: options.writeBufferBytes ?? WRITE_BUFFER_BYTES,
      maxOpenFiles: options.maxOpenFiles ?? 512,
    });
    await db.ready();
    return db;
  });
  const families = new Map(options.families.map((name) => [name, root.columnFamily(name)]));
  return new RocksDbStore(root, families);
}

class RocksDbStore implements KeyValueStore {
  readonly #root: RocksDB;
  readonly #families: ReadonlyMap<string, RocksDB>;
  #closed = false;

  constructor(root: RocksDB, families: ReadonlyMap<string, RocksDB>) {
    this.#root = root;
    this.#families = families;
  }

  async get(family: string, key: Buffer): Promise<Buffer | undefined> {
    return (await this.getMany(family, [key]))[0];
  }

  async getMany(family: string, keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return readMany(this.#family(family), keys);
  }

  async scan(family: string, range: KeyRange): Promise<KeyValueEntry[]> {
    return scanRange(this.#family(family), range);
  }

  async write(batch: KeyValueBatch): Promise<void> {
    if (batch.changes.length === 0) return;
    const sessions = batch.changes.map((change) => this.#family(change.family));
    await guarded('write', async () => {
      const writes = this.#root.write({ capacity: batch.changes.length, autoDestroy: true });
      // A batch belongs to a session of one family; its operations take the family from the session they are added under.
      const target = writes as unknown as { _db: RocksDB };
      batch.changes.forEach((change, i) => {
        const owner = target._db;
        target._db = sessions[i] as RocksDB;
        if (change.kind === 'put') writes.tryPut(change.key, change.value);
        else if (change.kind === 'delete') writes.tryDelete(change.key);
        else writes.tryDeleteRange(change.from, change.until);
        target._db = owner;
      });
      await writes.flush();
    });
  }

  snapshot(): KeyValueSnapshot {
    this.#assertOpen();
    const frozen = this.#root.snapshot();
    const sessions = new Map<string, RocksDB>();
    const family = (name: string): RocksDB => {
      this.#family(name);
      let session = sessions.get(name);
      if (session === undefined) sessions.set(name, (session = frozen.session({ columnFamily: name })));
      return session;
    };
    return {
      get: async (name, key) => (await readMany(family(name), [key]))[0],
      getMany: async (name, keys) => readMany(family(name), keys),
      scan: async (name, range) => scanRange(family(name), range),
      release: () =>
        guarded('release', async () => {
          for (const session of sessions.values()) await session.close();
          await frozen.close();
        }),
    };
  }

  async flush(family: string): Promise<void> {
    const session = this.#family(family);
    await guarded('flush', () => session.flush());
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await guarded('close', () => this.#root.close({ force: true }));
  }

  #family(name: string): RocksDB {
    this.#assertOpen();
    const session = this.#families.get(name);
    if (session === undefined) throw new BrokerError('invalid_argument', `no column family ${name}`);
    return session;
  }

  #assertOpen(): void {
    if (this.#closed) throw new BrokerError('unavailable', 'the store is closed');
  }
}

function readMany(session: RocksDB, keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
  if (keys.length === 0) return Promise.resolve([]);
  return guarded('read', async () => {
    const reads = session.read({ capacity: keys.length, autoDestroy: true });
    const pending = keys.map((key) => reads.get(key));
    reads.tryFlush();
    return (await Promise.all(pending)).map((value) => value ?? undefined);
  });
}

function scanRange(session: RocksDB, range: KeyRange): Promise<KeyValueEntry[]> {
  if (range.limit <= 0) return Promise.resolve([]);
  return guarded('scan', async () => {
    const found: KeyValueEntry[] = [];
    const bounds = { gte: range.from, ...(range.until !== undefined && { lt: range.until }) };
    const capacity = Math.min(range.limit, SCAN_STEP);
    const iterator = session.iterator(bounds, {
      reverse: range.reverse ?? false,
      limit: range.limit,
      capacity,
    });
    for await (const entry of iterator) found.push(entry);
    return found;
  });
}

async function guarded<R>(what: string, run: () => Promise<R>): Promise<R> {
  try {
    return await run();
  } catch (cause) {
    throw asBrokerError(what, cause);
  }
}

/**
 * What RocksDB says, by what can be done about it. Its statuses reach us as text: damage has many texts, what the machine
 * around it lacks has few.
 */
function asBrokerError(what: string, cause: unknown): BrokerError {
  if (cause instanceof BrokerError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = codeOf(reason);
  const message = code === 'conflict' ? 'another process has it open' : reason;
  return new BrokerError(code, `key-value store: ${what} failed: ${message}`, { cause });
}

function codeOf(reason: string): ErrorCode {
  // Also where it can't make its lock file.
  if (/no space left|disk quota/i.test(reason)) return 'storage_full';
  if (/lock hold by current process|while lock file/i.test(reason)) return 'conflict';
  return DAMAGE.test(reason) ? 'corrupt' : 'storage_failed';
}

const DAMAGE =
  /corrupt|checksum mismatch|does not end with newline|bad magic|size mismatch|no such file|wal_dir contains existing log file/i;
