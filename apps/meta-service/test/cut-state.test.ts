// One file of a meta-service's folder cut short or gone, its log recycled (L2, M1): a cut log is refused; a cut state is older than
// the log reaches, or as it was. So all that was acknowledged is there, or the start is refused.
import { create } from '@bufbuild/protobuf';
import { CommitLog, NodeDisk } from '@robustmq/commit-log';
import { BrokerError } from '@robustmq/errors';
import { openRocksDb, type KeyValueStore } from '@robustmq/kv-store';
import { CommandSchema } from '@robustmq/rpc';
import { systemClock, systemTimers } from '@robustmq/runtime';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { GroupMachine } from '../src/group-machine.ts';
import { SoloLog } from '../src/log/solo-log.ts';

const MiB = 1024 * 1024;
const FAMILIES = ['f0', 'f1'];
const SUM = Buffer.from('sum');
/** Files that say nothing about the state. */
const NO_DATA = /^(LOCK|LOG.*|IDENTITY|OPTIONS-.*)$/;

/** Counts the commands of its group. */
const counter: GroupMachine = {
  keysOf: () => [SUM],
  apply: (_command, _index, view) => {
    const count = Number(view.get(SUM) ?? 0) + 1;
    view.put(SUM, Buffer.from(String(count)));
    return Buffer.from(String(count));
  },
};

/** Files of a log, and the bytes that its list says they have; without a spare file that was in the making. */
function listedFiles(directory: string): (readonly [name: string, bytes: number])[] {
  const [, list] = /"facts":(.*),"crc32c"/.exec(readFileSync(path.join(directory, 'files.json'), 'utf8'))!;
  const { slots, syncedBytes } = JSON.parse(list!) as { slots: number[]; syncedBytes: number[] };
  return readdirSync(directory)
    .filter((name) => name.endsWith('.commit'))
    .map((name) => [name, syncedBytes[slots.indexOf(Number(/-(\d{6})\./.exec(name)![1]))] ?? 0] as const)
    .filter(([, bytes]) => bytes > 0);
}

interface Opened {
  readonly log: SoloLog;
  readonly store: KeyValueStore;
}

async function open(directory: string): Promise<Opened> {
  const store = await openRocksDb(path.join(directory, 'state'), { families: FAMILIES });
  try {
    const log = await SoloLog.open({
      store,
      groups: FAMILIES.map((family) => ({ family, machine: counter })),
      openLog: (afterPosition) =>
        CommitLog.open(new NodeDisk(), path.join(directory, 'log'), {
          afterPosition,
          fileBytes: MiB,
          maxFrameBytes: MiB,
          spareFiles: 1,
        }),
      maxFrameBytes: MiB,
      clock: systemClock,
      timers: systemTimers,
      onFatal: (error) => {
        throw error;
      },
    });
    return { log, store };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function close({ log, store }: Opened): Promise<void> {
  await log.close();
  await store.close();
}

const counts = ({ store }: Opened): Promise<string[]> =>
  Promise.all(FAMILIES.map(async (family) => String(await store.get(family, SUM))));

describe.each(['kill', 'clean stop'] as const)('after a %s', (stop) => {
  let scratch: string;
  let image: string;
  let acknowledged: string[];

  beforeAll(async () => {
    scratch = mkdtempSync(path.join(tmpdir(), 'cut-state-'));
    image = path.join(scratch, 'image');
    const running = path.join(scratch, 'running');
    const opened = await open(running);
    const propose = (group: number, bytes: number): Promise<Uint8Array> =>
      opened.log.propose(group, create(CommandSchema, { entropy: Buffer.alloc(bytes, 1) }));
    // Twice, so that what the first checkpoint freed is written over.
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 8; i++) await propose(i % 2, 400_000);
      if (round < 2) await opened.log.checkpoint();
    }
    acknowledged = await counts(opened);
    if (stop === 'clean stop') await close(opened);
    cpSync(running, image, { recursive: true });
    if (stop === 'kill') await close(opened);
  });
  afterAll(() => rmSync(scratch, { recursive: true }));

  /** What a start makes of the image with one file changed. */
  async function outcome(name: string, change: (file: string) => void): Promise<string> {
    const directory = path.join(scratch, 'changed');
    cpSync(image, directory, { recursive: true });
    try {
      change(path.join(directory, name));
      const opened = await open(directory);
      const found = await counts(opened);
      await close(opened);
      return found.join() === acknowledged.join() ? 'whole' : `other counts: ${found.join()}`;
    } catch (error) {
      if (error instanceof BrokerError) return 'refused';
      throw error;
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  test('the state as it was left is whole', async () => {
    expect(acknowledged).toEqual(['12', '12']);
    expect(await outcome('state/CURRENT', () => undefined)).toBe('whole');
  });

  test('any file of the log cut short, or gone, is refused (L2, I1)', async () => {
    const files = listedFiles(path.join(image, 'log'));
    expect(files.length).toBeGreaterThan(2);
    for (const [name, bytes] of files) {
      for (const length of [0, 64, 450_000, bytes - 1, undefined]) {
        const found = await outcome(path.join('log', name), (file) =>
          length === undefined ? rmSync(file) : truncateSync(file, length),
        );
        expect([name, length, found]).toEqual([name, length, 'refused']);
      }
    }
  }, 120_000);

  test('any file of the state cut short, or gone: whole or refused (L2, I1)', async () => {
    const names = readdirSync(path.join(image, 'state')).filter((name) => !NO_DATA.test(name));
    expect(names.some((name) => name.endsWith('.sst'))).toBe(true);
    const wrong: string[] = [];
    let refused = 0;
    for (const name of names) {
      const bytes = statSync(path.join(image, 'state', name)).size;
      for (const length of new Set([0, 1, Math.floor(bytes / 2), bytes - 1, undefined])) {
        if (length !== undefined && (length < 0 || length >= bytes)) continue;
        const found = await outcome(path.join('state', name), (file) =>
          length === undefined ? rmSync(file) : truncateSync(file, length),
        );
        if (found === 'refused') refused++;
        else if (found !== 'whole') wrong.push(`${name} with ${length ?? 'no'} of ${bytes} bytes: ${found}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(refused).toBeGreaterThan(5);
  }, 120_000);
});
