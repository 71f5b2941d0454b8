// Repeats while their first copy is in flight (rules R6, I1): an answer says that HW has passed it, never less.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeDisk } from '@robustmq/commit-log';
import { FakeCluster } from './fake-cluster.ts';
import { GatedDisk } from './gated-disk.ts';
import { batchOf } from './records.ts';
import { REPLICA, startJournal, until, type RunningJournal } from './running-journal.ts';

let dataDirectory: string;
let cluster: FakeCluster;
let running: RunningJournal;
const gate = new GatedDisk();

beforeEach(async () => {
  dataDirectory = await mkdtemp(path.join(tmpdir(), 'journal-'));
  cluster = new FakeCluster();
  cluster.create(1, REPLICA);
  running = await startJournal({ dataDirectory, cluster, incarnation: 1, disk: gate.wrap(new NodeDisk()) });
});

afterEach(async () => {
  gate.release();
  await running.close();
  await rm(dataDirectory, { recursive: true, force: true });
});

test('R6, I1: a repeat is answered once HW has passed its first copy, not when it comes', async () => {
  const client = running.client();
  await until(() => client.connected && running.journal.problem === null, 'the journal');
  const answers: string[] = [];
  const send = (name: string): void =>
    client.produce(
      {
        streamId: 1,
        shard: 0,
        batch: batchOf(['x'], { producerId: 7, producerEpoch: 0, baseSequence: 0 }),
        acks: -1,
        timeoutMs: 60_000,
      },
      (error, outcome) => answers.push(`${name} ${error?.code ?? outcome!.baseOffset}`),
    );
  gate.held = true;
  send('first');
  await until(() => gate.waiting > 0, 'the sync of the first copy');
  send('repeat');
  await until(() => running.journal.commits.queuedAppends === 1, 'the repeat');
  // Other streams of appends go on being judged meanwhile: nothing of this batch is durable yet.
  expect(answers).toEqual([]);
  gate.release();
  await until(() => answers.length === 2, 'both answers');
  expect(answers).toEqual(['first 0', 'repeat 0']);
});

test('R6, N7: a repeat whose first copy HW does not pass hears its deadline', async () => {
  const client = running.client();
  await until(() => client.connected && running.journal.problem === null, 'the journal');
  cluster.configure(1, { 'min.insync.replicas': '2' });
  const batch = batchOf(['x'], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
  const sent = (acks: -1 | 1): Promise<string | undefined> =>
    new Promise((resolve) => {
      client.produce({ streamId: 1, shard: 0, batch: Buffer.from(batch), acks, timeoutMs: 300 }, (error) =>
        resolve(error?.code),
      );
    });
  expect(await sent(1)).toBeUndefined();
  expect(await sent(-1)).toBe('deadline_exceeded');
});
