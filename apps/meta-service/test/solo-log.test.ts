import { create } from '@bufbuild/protobuf';
import { CommitLog, NodeDisk, type Disk, type DiskFile } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import { MemoryStore } from '@robustmq/kv-store/testing';
import { CommandSchema, type Command } from '@robustmq/rpc';
import { systemClock, systemTimers } from '@robustmq/runtime';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { GroupMachine } from '../src/group-machine.ts';
import { Applier, type ApplierParts } from '../src/log/applier.ts';
import { APPLIED_KEY, CHECKPOINT_RULE } from '../src/log/checkpoint-rule.ts';
import { decodeMark, entriesOf, type AppliedMark, type Entry } from '../src/log/log-entries.ts';
import { SoloLog, type SoloLogParts } from '../src/log/solo-log.ts';
import { failing } from './support/test-meta.ts';

const MiB = 1024 * 1024;

/** Adds up what it gets: its row shows what was applied, and in which order. */
const recorder: GroupMachine = {
  keysOf: () => [Buffer.from('sum')],
  apply: (command, index, view) => {
    const text = Buffer.from(command.entropy).toString();
    if (text === 'refuse') throw new BrokerError('conflict', 'as asked');
    if (text === 'bug') throw new TypeError('a bug');
    view.put(
      Buffer.from('sum'),
      Buffer.from(`${view.get(Buffer.from('sum'))?.toString() ?? ''}${text.slice(0, 5)}`),
    );
    return Buffer.from(String(index));
  },
};

describe('the log of one member', () => {
  let directory: string;
  let store: MemoryStore;
  let fatal: BrokerError[];
  let log: SoloLog;
  beforeEach(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'solo-log-'));
    store = new MemoryStore(['f0', 'f1']);
    fatal = [];
    log = await open();
  });
  afterEach(async () => {
    await log.close();
    rmSync(directory, { recursive: true });
  });

  const open = (over: Partial<SoloLogParts> = {}, disk: Disk = new NodeDisk()): Promise<SoloLog> =>
    SoloLog.open({
      store,
      groups: ['f0', 'f1'].map((family) => ({ family, machine: recorder })),
      openLog: (afterPosition) =>
        CommitLog.open(disk, directory, { afterPosition, fileBytes: MiB, maxFrameBytes: MiB }),
      maxFrameBytes: MiB,
      clock: systemClock,
      timers: systemTimers,
      onFatal: (error) => fatal.push(error),
      ...over,
    });
  const command = (text: string): Command => create(CommandSchema, { entropy: Buffer.from(text) });
  const propose = async (text: string, group = 0): Promise<string> =>
    Buffer.from(await log.propose(group, command(text))).toString();
  const sum = async (family = 'f0') => (await store.get(family, Buffer.from('sum')))?.toString();

  test('applies in the order proposed, per group, and answers each', async () => {
    const answers = await Promise.all([propose('a'), propose('x', 1), propose('b'), propose('c')]);
    expect(answers).toEqual(['1', '1', '2', '3']);
    expect([await sum('f0'), await sum('f1')]).toEqual(['abc', 'x']);
    expect(log.figures).toMatchObject({ commands: 4, rounds: 1, waiting: 0 });
  });

  test('a refused command takes its index and hurts nobody', async () => {
    const [, refused, last] = await Promise.allSettled([propose('a'), propose('refuse'), propose('b')]);
    expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'conflict' } });
    expect(last).toMatchObject({ status: 'fulfilled', value: '3' });
    expect(await sum()).toBe('ab');
  });

  test('a bug in a machine ends the process: what follows must not be applied to a wrong state', async () => {
    await propose('a');
    await expect(propose('bug')).rejects.toEqual(failing('storage_failed'));
    expect(fatal.length).toBe(1);
    await expect(propose('b')).rejects.toEqual(failing('storage_failed'));
    await expect(log.readIndex()).rejects.toBeDefined();
  });

  test('large commands are refused, many large ones become several rounds', async () => {
    await expect(propose('x'.repeat(MiB))).rejects.toEqual(failing('too_large'));
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => propose(String(i).padStart(5, '-') + 'x'.repeat(400_000))),
    );
    expect((await sum())!.length).toBe(100);
    expect(log.figures.rounds).toBeGreaterThan(9);
    expect(fatal).toEqual([]);
  });

  test('too many that wait are refused, not remembered (I8)', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20_100 }, () => propose('a')));
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBe(100);
    expect(refused[0]).toMatchObject({ reason: { code: 'quota_exceeded' } });
  });

  test('N8: a large round is answered in several turns, in order', async () => {
    await log.close();
    let turns = 0;
    const soon = (action: () => void) => {
      turns++;
      return systemTimers.soon(action);
    };
    log = await open({ clock: { monotonicMs: () => 0 }, timers: { ...systemTimers, soon } });
    const answered: number[] = [];
    const answeredInTurn = new Map<number, number>();
    const proposals = Array.from({ length: 1_000 }, (_, i) =>
      propose('a').then(() => {
        answered.push(i);
        answeredInTurn.set(turns, (answeredInTurn.get(turns) ?? 0) + 1);
      }),
    );
    await Promise.all(proposals);
    expect(log.figures.rounds).toBe(1);
    expect(answered).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
    // A turn counts from when it is asked for: the last two slices of 128 share one.
    expect(Math.max(...answeredInTurn.values())).toBeLessThanOrEqual(256);
  });

  test('a full disk refuses commands and takes them again when there is room', async () => {
    await log.close();
    let isFull = false;
    const fill = (file: DiskFile): DiskFile => ({
      ...file,
      path: file.path,
      sizeBytes: () => file.sizeBytes(),
      read: (...args) => file.read(...args),
      readAsync: (...args) => file.readAsync(...args),
      writeAsync: (...args) => file.writeAsync(...args),
      sync: () => file.sync(),
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      close: () => file.close(),
      write: (bytes, position) => {
        if (isFull) throw new BrokerError('storage_full', 'no space');
        file.write(bytes, position);
      },
    });
    const disk = new NodeDisk();
    const filling = Object.assign(Object.create(disk) as Disk, {
      create: (name: string) => fill(disk.create(name)),
      open: (name: string) => fill(disk.open(name)),
    });
    log = await open({}, filling);
    await propose('a');
    isFull = true;
    await expect(propose('b')).rejects.toEqual(failing('storage_full'));
    isFull = false;
    expect(await propose('c')).toBe('2');
    expect([await sum(), fatal]).toEqual(['ac', []]);
  });

  test('damage of durable entries keeps it from starting (L2)', async () => {
    for (const text of ['a', 'b', 'c']) await propose(text);
    await log.close();
    const [file] = readdirSync(directory)
      .filter((name) => name.endsWith('.commit'))
      .sort();
    const bytes = readFileSync(path.join(directory, file!));
    bytes[4096 + 90]! ^= 1;
    writeFileSync(path.join(directory, file!), bytes);
    store = new MemoryStore(['f0', 'f1']);
    await expect(open()).rejects.toEqual(failing('corrupt'));
  });

  test('an idle log leaves a witness: damage to the last command is no torn tail (L2)', async () => {
    await propose('a');
    await propose('b');
    await log.leaveWitness();
    const [file] = readdirSync(directory)
      .filter((name) => name.endsWith('.commit'))
      .sort();
    const copy = mkdtempSync(path.join(tmpdir(), 'solo-log-'));
    const bytes = readFileSync(path.join(directory, file!));
    bytes[4096 + 90]! ^= 1;
    writeFileSync(path.join(copy, file!), bytes);
    const openCopy = (afterPosition: number): ReturnType<SoloLogParts['openLog']> =>
      CommitLog.open(new NodeDisk(), copy, { afterPosition, fileBytes: MiB, maxFrameBytes: MiB });
    const empty = new MemoryStore(['f0', 'f1']);
    await expect(open({ store: empty, openLog: openCopy })).rejects.toEqual(failing('corrupt'));
    rmSync(copy, { recursive: true });
  });

  test('after close nothing is taken', async () => {
    await log.close();
    await expect(propose('a')).rejects.toEqual(failing('unavailable'));
  });

  test('a checkpoint is due after enough bytes, and resets the count', async () => {
    await log.close();
    log = await open({ checkpointBytes: 50_000 });
    await propose('a');
    expect(log.checkpointDue).toBe(false);
    await propose('x'.repeat(60_000));
    expect(log.checkpointDue).toBe(true);
    await Promise.all([log.checkpoint(), log.checkpoint()]);
    expect(log.checkpointDue).toBe(false);
  });
});

describe('bytes', () => {
  const section = (bytes: Buffer, kind = 1) => ({ kind, key: 2, subKey: 0, damaged: false, bytes });

  test.each([
    ['a header', Buffer.from([1, 0, 0, 0, 9])],
    ['an entry', Buffer.concat([Buffer.from([1, 0, 0, 0, 9]), Buffer.alloc(13)])],
  ])('%s that is cut off is corrupt', (_name, bytes) => {
    expect(() => entriesOf(section(bytes))).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });

  test('sections of another kind are skipped', () => {
    expect(entriesOf(section(Buffer.alloc(5), 7))).toEqual([]);
  });

  test('a mark of another size is corrupt', () => {
    expect(() => decodeMark(Buffer.alloc(6, 1))).toThrow(expect.objectContaining({ code: 'corrupt' }));
    expect(decodeMark(undefined)).toEqual({ index: 0, term: 0, position: 0 });
  });
});

describe('Applier', () => {
  const newApplier = (over: Partial<ApplierParts> = {}) => {
    const parts = { store: new MemoryStore(['f0']), groups: [{ family: 'f0', machine: recorder }] };
    const applier = new Applier(
      { ...parts, clock: systemClock, timers: systemTimers, ...over },
      CHECKPOINT_RULE,
      [{ index: 4, term: 1, position: 9 }],
      9,
    );
    return { applier, store: parts.store };
  };
  const entry = (index: number, text = 'a', term = 1): Entry => ({
    group: 0,
    index,
    term,
    kind: 'command',
    command: create(CommandSchema, { entropy: Buffer.from(text) }),
  });

  test('M1: what is in the rows is not applied again, and nothing is passed over', () => {
    const { applier } = newApplier();
    expect(applier.missing([entry(3), entry(4), entry(5), entry(6)]).map(({ index }) => index)).toEqual([
      5, 6,
    ]);
    for (const entries of [[entry(6)], [entry(5), entry(7)]])
      expect(() => applier.missing(entries)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });

  test('an entry that says nothing counts all the same, and its term goes into the mark', async () => {
    const { applier, store } = newApplier();
    const entries: Entry[] = [{ group: 0, index: 5, term: 3, kind: 'noop' }, entry(6, 'b', 3)];
    const outcomes = await applier.apply(entries, 10, await applier.fetch(entries));
    expect(outcomes.map((outcome) => Buffer.from(outcome as Uint8Array).toString())).toEqual(['', '6']);
    expect(decodeMark(await store.get('f0', APPLIED_KEY))).toEqual({ index: 6, term: 3, position: 10 });
    expect([applier.position, applier.indexes()]).toEqual([10, [6]]);
  });

  test('N8: gives the loop a turn when a slice is used up, between commands', async () => {
    let nowMs = 0;
    let turns = 0;
    const clock = { monotonicMs: () => nowMs++ };
    const soon = (action: () => void) => {
      turns++;
      setImmediate(action);
      return () => undefined;
    };
    const { applier, store } = newApplier({ clock, timers: { ...systemTimers, soon } });
    const entries = Array.from({ length: 50 }, (_, i) => entry(5 + i, String(i % 10)));
    await applier.apply(entries, 10, await applier.fetch(entries));
    expect(turns).toBeGreaterThanOrEqual(16);
    expect((await store.get('f0', Buffer.from('sum')))?.toString()).toBe('0123456789'.repeat(5));
  });

  test('N8, M1: many changes are several writes, and a replay goes on behind any of them', async () => {
    const count = 2_500;
    const { applier, store } = newApplier();
    const entries = Array.from({ length: count }, (_, i) => entry(5 + i, String(i % 10)));
    const write = store.write.bind(store);
    const marks: AppliedMark[] = [];
    const sizes: number[] = [];
    const failAt = 2;
    store.write = async (batch) => {
      if (sizes.length === failAt) throw new BrokerError('storage_failed', 'the process dies here');
      sizes.push(batch.changes.length);
      await write(batch);
      marks.push(decodeMark(await store.get('f0', APPLIED_KEY)));
    };
    const fetched = await applier.fetch(entries);
    await expect(applier.apply(entries, 10, fetched)).rejects.toMatchObject({ code: 'storage_failed' });
    store.write = write;
    // A row for each, and the mark.
    expect(sizes).toEqual([1_025, 1_025]);
    expect(marks).toEqual([
      { index: 4 + 1_024, term: 1, position: 9 },
      { index: 4 + 2_048, term: 1, position: 9 },
    ]);
    const parts = { store, groups: [{ family: 'f0', machine: recorder }] };
    const ports = { clock: systemClock, timers: systemTimers };
    const again = new Applier({ ...parts, ...ports }, CHECKPOINT_RULE, [marks[1]!], marks[1]!.position);
    const missing = again.missing(entries);
    expect(missing).toHaveLength(count - 2_048);
    await again.apply(missing, 10, await again.fetch(missing));
    expect((await store.get('f0', Buffer.from('sum')))?.toString()).toBe('0123456789'.repeat(count / 10));
    expect(decodeMark(await store.get('f0', APPLIED_KEY))).toEqual({
      index: 4 + count,
      term: 1,
      position: 10,
    });
  });
});
