// What an answer of the journals covers (X3, X5, N5): a shard that nobody spoke of counts as active nowhere, and a tail
// that jumps makes its live sessions read what lies between.

import { RecordBatchBuilder } from '@robustmq/record-batch';
import { type RawClient, start, until, type Running } from './running-gateway.ts';

const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };

let running: Running;

const client = (version: 4 | 5 = 5): RawClient => running.client(version);

beforeEach(async () => {
  running = await start({ flags: ['--journal.maxBacklogReads=2'] });
});

afterEach(() => running.stop());

async function publishAll(topic: string, payloads: readonly string[]): Promise<void> {
  const publisher = client();
  await publisher.connect(`pub-${topic}`);
  for (const [index, payload] of payloads.entries()) {
    publisher.publish(topic, payload, 1, index + 1);
    await publisher.take('puback');
  }
  publisher.close();
}

async function leave(device: RawClient, clientId: string): Promise<void> {
  const before = running.meta.calls.filter((call) => call === `release ${clientId}`).length;
  device.send({ cmd: 'disconnect' });
  await until(
    () => running.meta.calls.filter((call) => call === `release ${clientId}`).length > before,
    'release',
  );
}

test.each([
  [5, 0x83],
  [4, 0x80],
] as const)(
  'X3: no leader of a shard answers by the deadline: SUBACK refuses (version %d)',
  async (version, code) => {
    running.journal.notLed.add('1/0');
    const device = client(version);
    await device.connect('dev');
    expect(await device.subscribe('t', 1)).toBe(code);
    running.journal.notLed.clear();
    expect(await device.subscribe('t', 1)).toBe(1);
  },
);

test('X3: SUBACK waits for the shard whose leader is late; nothing published after it is missed (I5)', async () => {
  running.journal.notLed.add('1/0');
  const device = client();
  await device.connect('dev');
  const granted = device.subscribe('t', 1);
  setTimeout(() => running.journal.notLed.clear(), 100);
  expect(await granted).toBe(1);
  await publishAll('t', ['first']);
  expect((await device.take('publish')).payload.toString()).toBe('first');
});

test('N5: a session resumed while no leader speaks of its shard reads its backlog when one does', async () => {
  const device = client();
  await device.connect('dev', durable);
  await device.subscribe('t', 1);
  await leave(device, 'dev');
  const payloads = ['m1', 'm2', 'm3', 'm4', 'm5'];
  await publishAll('t', payloads);
  running.journal.notLed.add('1/0');
  running.journal.breakStreams();
  const back = client();
  await back.connect('dev', durable);
  running.journal.notLed.clear();
  running.journal.breakStreams();
  await until(() => back.payloads().length === 5, 'the backlog');
  expect(back.payloads()).toEqual(payloads);
});

test.each([
  ['asks for what lies between', 0, 0],
  ['makes live sessions read it when the log start has passed', 2, 1],
])('N5: a tail that goes on behind where it was %s', async (_what, logStartOffset, jumps) => {
  const device = client();
  await device.connect('dev', durable);
  await device.subscribe('t', 1);
  await publishAll('t', ['m1']);
  running.journal.isTailMute = true;
  await publishAll('t', ['m2']);
  running.journal.isTailMute = false;
  running.journal.logStartOffset = logStartOffset;
  await publishAll('t', ['m3', 'm4']);
  await until(() => device.payloads().length >= 4, 'all four');
  expect(device.payloads()).toEqual(['m1', 'm2', 'm3', 'm4']);
  expect(running.gateway.serving!.tails.counters.jumps).toBe(jumps);
});

test('more sessions than reads at a time: they wait without asking the loop, and each gets its turn', async () => {
  const ids = ['d1', 'd2', 'd3', 'd4', 'd5'];
  for (const id of ids) {
    const device = client();
    await device.connect(id, durable);
    await device.subscribe(`d/${id}`, 1);
    await leave(device, id);
  }
  for (const id of ids) await publishAll(`d/${id}`, [id]);
  running.journal.holdReads = true;
  const back = ids.map(() => client());
  for (const [index, id] of ids.entries()) await back[index]!.connect(id, durable);
  const { catchUp } = running.gateway.serving!;
  await until(() => running.journal.heldReads.length > 0 && catchUp.waiting === 3, 'three wait');
  expect(catchUp.counters.backlogReads).toBe(2);
  running.journal.holdReads = false;
  for (const answer of running.journal.heldReads.splice(0)) answer();
  for (const [index, id] of ids.entries())
    expect((await back[index]!.take('publish')).payload.toString()).toBe(id);
  expect(catchUp.waiting).toBe(0);
});

test('N13: a session with more filters than one backlog read takes gets its backlog and is live', async () => {
  const device = client();
  await device.connect('dev', durable);
  for (let from = 0; from < 1_200; from += 200) {
    const subscriptions = Array.from({ length: 200 }, (_, index) => ({
      topic: `f/${from + index}`,
      qos: 1 as const,
      nl: false,
      rap: false,
      rh: 0,
    }));
    device.send({ cmd: 'subscribe', messageId: 1, subscriptions });
    await device.take('suback');
  }
  await leave(device, 'dev');
  await publishAll('f/7', ['offline']);
  const back = client();
  await back.connect('dev', durable);
  expect((await back.take('publish')).payload.toString()).toBe('offline');
  const builder = new RecordBatchBuilder();
  builder.append(1, 'f/1199', Buffer.from('live'));
  running.journal.produce(1, 0, builder.finishCopy());
  expect((await back.take('publish')).payload.toString()).toBe('live');
});
