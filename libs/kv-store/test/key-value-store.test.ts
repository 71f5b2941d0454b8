import { fork } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KeyValueBatch, openRocksDb } from '../src/index.ts';
import { MemoryStore } from '../src/memory-store.ts';
import { keyValueStoreContract } from './key-value-store.contract.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'kv-store-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('memory', () => {
  keyValueStoreContract(() => Promise.resolve(new MemoryStore(['a', 'b'])));

  it('M1: a power cut leaves each family as last flushed, apart from the others', async () => {
    const store = new MemoryStore(['a', 'b']);
    await store.write(
      new KeyValueBatch()
        .put('a', Buffer.from('1'), Buffer.from('x'))
        .put('b', Buffer.from('1'), Buffer.from('x')),
    );
    await store.flush('a');
    await store.write(new KeyValueBatch().put('a', Buffer.from('2'), Buffer.from('x')));
    const survivor = store.afterPowerCut();
    expect(await survivor.scan('a', { from: Buffer.alloc(0), limit: 9 })).toHaveLength(1);
    expect(await survivor.scan('b', { from: Buffer.alloc(0), limit: 9 })).toHaveLength(0);
  });
});

describe('RocksDB', () => {
  keyValueStoreContract(() => openRocksDb(path.join(directory, 'db'), { families: ['a', 'b'] }));

  it('keeps its content over a close, and gains families', async () => {
    const first = await openRocksDb(path.join(directory, 'reopened'), { families: ['a'] });
    await first.write(new KeyValueBatch().put('a', Buffer.from('x'), Buffer.from('1')));
    await first.close();
    const second = await openRocksDb(path.join(directory, 'reopened'), { families: ['a', 'later'] });
    expect(await second.get('a', Buffer.from('x'))).toEqual(Buffer.from('1'));
    expect(await second.get('later', Buffer.from('x'))).toBeUndefined();
    await second.close();
  });

  it('fails typed where it cannot open', async () => {
    const file = path.join(directory, 'file');
    writeFileSync(file, 'x');
    await expect(openRocksDb(path.join(file, 'db'), { families: ['a'] })).rejects.toMatchObject({
      code: 'storage_failed',
    });
  });

  it('is never opened twice: the second is refused as in use, and nothing of the first is touched (N3)', async () => {
    const db = path.join(directory, 'locked');
    const first = await openRocksDb(db, { families: ['a'] });
    await expect(openRocksDb(db, { families: ['a'] })).rejects.toMatchObject({ code: 'conflict' });
    await first.write(new KeyValueBatch().put('a', Buffer.from('x'), Buffer.from('1')));
    expect(await first.get('a', Buffer.from('x'))).toEqual(Buffer.from('1'));
    await first.close();
  });

  const fileOf = (db: string, kind: RegExp): string =>
    path.join(
      db,
      readdirSync(db).find((name) => kind.test(name))!,
    );
  const flipLast = (file: string): void => {
    const bytes = readFileSync(file);
    bytes[bytes.length - 20]! ^= 1;
    writeFileSync(file, bytes);
  };

  it.each<[string, RegExp, (db: string) => void]>([
    [
      'a flipped bit in the manifest',
      /checksum mismatch|corrupted/,
      (db) => flipLast(fileOf(db, /^MANIFEST/)),
    ],
    ['no manifest', /No such file/, (db) => rmSync(fileOf(db, /^MANIFEST/))],
    ['a table that is gone', /No such file/, (db) => rmSync(fileOf(db, /sst$/))],
    ['a table that is cut', /size mismatch/, (db) => truncateSync(fileOf(db, /sst$/), 10)],
    ['garbage in CURRENT', /CURRENT/, (db) => writeFileSync(path.join(db, 'CURRENT'), 'x')],
  ])('damage is told with its reason: %s', async (_, reason, damage) => {
    const db = path.join(directory, 'damaged');
    const store = await openRocksDb(db, { families: ['a'] });
    await store.write(new KeyValueBatch().put('a', Buffer.from('x'), Buffer.alloc(5000, 1)));
    await store.flush('a');
    await store.close();
    damage(db);
    await expect(openRocksDb(db, { families: ['a'] })).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringMatching(reason) as unknown,
    });
  });

  it('a flush leaves the family in a table file: without it nothing is durable (M1)', async () => {
    const db = path.join(directory, 'flushed');
    const store = await openRocksDb(db, { families: ['a', 'b'] });
    const tables = (): number => readdirSync(db).filter((name) => name.endsWith('.sst')).length;
    await store.write(new KeyValueBatch().put('a', Buffer.from('x'), Buffer.from('1')));
    expect(tables()).toBe(0);
    await store.flush('b');
    expect(tables()).toBe(0);
    await store.flush('a');
    expect(tables()).toBe(1);
    await store.close();
  });

  it('I9: what was flushed survives SIGKILL', async () => {
    const script = path.join(directory, 'writer.cjs');
    const db = path.join(directory, 'killed');
    const rocksdb = require.resolve('rocksdb-native');
    writeFileSync(
      script,
      `const RocksDB = require(${JSON.stringify(rocksdb)});
       (async () => {
         const db = new RocksDB(${JSON.stringify(db)}, { columnFamilies: ['a'] });
         await db.ready(); const a = db.columnFamily('a');
         for (let i = 0; ; i++) {
           const w = a.write({ autoDestroy: true });
           w.tryPut(Buffer.from('k' + i), Buffer.from('v'));
           await w.flush();
           if (i % 50 === 0) { await a.flush(); process.send(i); }
         }
       })();`,
    );
    const writer = fork(script);
    const last = await new Promise<number>((resolve) => {
      writer.on('message', (i) => {
        if (Number(i) >= 100) resolve(Number(i));
      });
    });
    const exited = new Promise((resolve) => writer.once('exit', resolve));
    writer.kill('SIGKILL');
    await exited;
    const store = await openRocksDb(db, { families: ['a'] });
    expect(await store.get('a', Buffer.from(`k${last}`))).toEqual(Buffer.from('v'));
    await store.close();
  });
});
