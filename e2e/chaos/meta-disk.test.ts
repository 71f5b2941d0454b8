// The disk of meta-service fails, fills up and is taken away from under it: what grows is refused by one code, an exit code says
// whether another start may help, nothing acknowledged is lost, and all goes on once the disk is well (I1, I9, L5, L6, M1).
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type Cluster, LOOPBACK_DEFAULTS, type ManagedProcess, waitUntil } from '@robustmq/testkit/cluster';

import { Program } from '../clients/program.ts';
import { Admin } from '../cluster/admin.ts';
import { READY_TIMEOUT_MS, removeTestCluster, startTestCluster } from '../cluster/test-cluster.ts';
import { fill, makeRoom, remount } from './disk-room.ts';
import { contradictions, freeze, readTopic } from './ledger.ts';
import { LoopImage } from './loop-image.ts';
import { noteRound } from './rounds.ts';
import { KafkaWriter, progress, type Writer } from './writers.ts';

const MiB = 1024 * 1024;
const IMAGE_BYTES = 160 * MiB;
const REFUSE_BELOW = 32 * MiB;
const TOPIC = 'chaos-meta-disk';
const PROGRESS = 20;
const NOTICED_TIMEOUT_MS = 30_000;
/** EX_TEMPFAIL: asks to be started again. */
const TRY_AGAIN = 75;
const MISCONFIGURED = 2;

let scratch: string;
let disk: LoopImage;
let cluster: Cluster;
let meta: ManagedProcess;
let admin: Admin;
let writers: Writer[];
/** Streams whose creation was acknowledged. */
const acknowledged = new Set<string>();

beforeAll(async () => {
  scratch = mkdtempSync(path.join(tmpdir(), 'robustmq-meta-disk-'));
  disk = LoopImage.create(path.join(scratch, 'disk.img'), path.join(scratch, 'disk'), IMAGE_BYTES);
  const dataDir = path.join(scratch, 'data');
  mkdirSync(dataDir);
  mkdirSync(path.join(disk.mountPoint, 'meta'));
  symlinkSync(path.join(disk.mountPoint, 'meta'), path.join(dataDir, 'meta-1'));
  const own = [
    '--commitLog.fileBytes=1MiB',
    `--disk.refuseBelowFree=${REFUSE_BELOW}`,
    `--disk.warnBelowFree=${REFUSE_BELOW}`,
  ];
  cluster = await startTestCluster({
    dataDir,
    extraFlags: {
      ...LOOPBACK_DEFAULTS,
      'meta-service': [...(LOOPBACK_DEFAULTS['meta-service'] ?? []), ...own],
    },
    nodeFlags: { 'meta-service': [`--require=${path.join(__dirname, 'disk-faults.cjs')}`] },
    env: { DISK_FAULT_FILE: control() },
  });
  meta = cluster.first('meta-service');
  admin = new Admin(cluster);
  writers = [new KafkaWriter('kafka-a', cluster.first('kafka-gateway').address('kafka'), TOPIC)];
  await progress(writers, PROGRESS);
}, 60_000);
/** After each fault: everything that was acknowledged is there, new things can be made, and the writer goes on. */
afterEach(async () => {
  await Promise.all(cluster.processes.map((each) => each.ready(READY_TIMEOUT_MS)));
  await progress(writers, PROGRESS);
  await waitUntil('a stream can be made', NOTICED_TIMEOUT_MS, async () => (await create()) === '');
  expect(await admin.streamNames()).toEqual(expect.arrayContaining([...acknowledged]));
  noteRound();
});
afterAll(async () => {
  await Promise.all(writers.map((writer) => writer.stop()));
  const values = await readTopic(cluster.first('kafka-gateway').address('kafka'), TOPIC);
  expect(writers.flatMap((writer) => writer.complaints)).toEqual([]);
  expect(contradictions(freeze(writers), values)).toEqual([]);
  await removeTestCluster(cluster);
  disk.remove();
  rmSync(scratch, { recursive: true, force: true });
});

const control = (): string => path.join(scratch, 'fault');
const plant = (fault: string): void => writeFileSync(control(), fault);
const heal = (): void => rmSync(control(), { force: true });

let made = 0;
/** Makes another stream; answers `''` or what refused it. */
async function create(): Promise<string> {
  made += 1;
  const name = `made-${made}`;
  const refusal = await admin.createStream(name);
  if (refusal === '') acknowledged.add(name);
  return refusal;
}

/** It ended for good: whoever starts it has given up. */
async function endedWith(code: number): Promise<void> {
  await waitUntil('meta-service has ended', NOTICED_TIMEOUT_MS, () => meta.lastExit !== undefined);
  expect(meta.lastExit).toEqual({ code, signal: null });
}

test('L5: after a failed sync of its log it asks to be started again, until the disk is well', async () => {
  for (let n = 0; n < 5; n += 1) expect(await create()).toBe('');
  const { pid } = meta;
  plant('EIO /log/');
  // Whether these are acknowledged or not: what is, must be there.
  while (meta.pid === pid) await create();
  heal();
  // By itself if it was soon enough; a disk that stays sick is given up.
  await waitUntil(
    'an end or a new run',
    NOTICED_TIMEOUT_MS,
    () => meta.running || meta.lastExit !== undefined,
  );
  if (meta.lastExit !== undefined) {
    await endedWith(TRY_AGAIN);
    await cluster.restart([meta], READY_TIMEOUT_MS);
  }
});

test('L6: below its refuse mark it refuses what grows by name, takes deletions, and health says so', async () => {
  const { pid } = meta;
  expect(await create()).toBe('');
  const [old = ''] = acknowledged;
  fill(disk.mountPoint, REFUSE_BELOW / 2);
  await waitUntil('a refusal', NOTICED_TIMEOUT_MS, async () => (await create()) === 'storage_full');
  await waitUntil('the problem', NOTICED_TIMEOUT_MS, async () =>
    (await admin.problems()).some(({ name, detail }) => name === 'disk' && detail.startsWith('meta-service')),
  );
  expect(await admin.health()).toBe('degraded');
  await admin.deleteStream(old);
  acknowledged.delete(old);
  await progress(writers, PROGRESS);
  makeRoom(disk.mountPoint);
  await waitUntil('health', NOTICED_TIMEOUT_MS, async () => (await admin.health()) === 'healthy');
  expect(meta.pid).toBe(pid);
});

test('L6: on a disk without a free block nothing acknowledged is lost, and a start says why it fails', async () => {
  fill(disk.mountPoint, 0);
  await waitUntil('a refusal', NOTICED_TIMEOUT_MS, async () => (await create()) === 'storage_full');
  await cluster.kill([meta]);
  meta.start();
  await waitUntil(
    'a run or an end',
    NOTICED_TIMEOUT_MS,
    async () => meta.lastExit !== undefined || (await isReady()),
  );
  if (meta.lastExit !== undefined) {
    expect([meta.lastExit, meta.endReport()]).toEqual([
      { code: TRY_AGAIN, signal: null },
      expect.stringMatching(/storage_full/),
    ]);
  }
  makeRoom(disk.mountPoint);
  await cluster.restart([meta], READY_TIMEOUT_MS);
});

test('a folder that it may not write ends a start with 2 and its path', async () => {
  await meta.stop(READY_TIMEOUT_MS);
  remount(disk.mountPoint, 'ro');
  try {
    const [program = '', ...args] = meta.spec.argv;
    const { code, stderr } = await new Program(program, args).result();
    expect([code, stderr]).toEqual([
      MISCONFIGURED,
      expect.stringMatching(/meta-1 can not be used for data: EROFS/),
    ]);
  } finally {
    remount(disk.mountPoint, 'rw');
    await cluster.restart([meta], READY_TIMEOUT_MS);
  }
});

async function isReady(): Promise<boolean> {
  try {
    await meta.ready(0);
    return true;
  } catch {
    return false;
  }
}
