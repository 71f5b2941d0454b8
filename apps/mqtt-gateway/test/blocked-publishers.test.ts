// Publishers whose shard takes nothing: each wait has an end that needs nobody's help (N7).

import { type RawClient, start, until, type Running } from './running-gateway.ts';

const MIB_ALMOST = 900_000;

let running: Running;

const client = (version: 4 | 5 = 5): RawClient => running.client(version);

beforeEach(async () => {
  running = await start({ flags: ['--limits.receiveMaximum=100'] });
});

afterEach(() => running.stop());

/** Publishes until the connection is held because its shard's queue is full. */
async function block(publisher: RawClient, topic: string): Promise<number> {
  running.journal.holdAppends = true;
  let id = 0;
  while (running.gateway.serving!.blocked.size === 0) {
    publisher.publish(topic, 'x'.repeat(MIB_ALMOST), 1, ++id);
    await until(() => running.gateway.serving!.publisher.counters.receivedQos1 === id, 'the publish is read');
  }
  return id;
}

test('a blocked publish fails at its deadline, and its connection reads on', async () => {
  const publisher = client();
  await publisher.connect('pub');
  const published = await block(publisher, 't');
  publisher.send({ cmd: 'pingreq' });
  await until(
    () => publisher.received.filter(({ cmd }) => cmd === 'puback').length === published,
    'all answers',
  );
  const codes = publisher.received.flatMap((packet) => (packet.cmd === 'puback' ? [packet.reasonCode] : []));
  expect(new Set(codes)).toEqual(new Set([0x83]));
  await publisher.take('pingresp');
  expect(running.gateway.serving!.blocked.size).toBe(0);
});

test('the stream is deleted under its publishers: they are served by the new owner of the topic', async () => {
  await running.stop();
  running = await start({ flags: ['--limits.receiveMaximum=100', '--journal.appendTimeout=20000'] });
  const stream = running.meta.addStream({ name: 'orders', mqttFilter: 'orders' });
  await until(() => running.meta.acknowledgedEpoch === 2n, 'the new owner');
  const subscriber = client();
  await subscriber.connect('sub');
  await subscriber.subscribe('orders', 1);
  const publisher = client();
  await publisher.connect('pub');
  const published = await block(publisher, 'orders');
  running.meta.deleteStream(stream.streamId);
  await until(() => running.meta.acknowledgedEpoch === 3n, 'the deletion');
  // Only now: an append to the deleted stream that the journal still took would be one that arrived.
  running.journal.holdAppends = false;
  for (const held of running.journal.held.splice(0)) if (held.shard === 1) held.commit();
  await until(
    () => publisher.received.filter(({ cmd }) => cmd === 'puback').length === published,
    'all answers',
  );
  const codes = publisher.received.flatMap((packet) => (packet.cmd === 'puback' ? [packet.reasonCode] : []));
  expect(new Set(codes)).toEqual(new Set([0]));
  expect(running.journal.records(1).filter(({ key }) => key === 'orders')).toHaveLength(published);
  publisher.send({ cmd: 'pingreq' });
  await publisher.take('pingresp');
});

test('a full disk is said at once: 0x97, and 3.x is closed instead of being acknowledged', async () => {
  running.journal.holdAppends = true;
  const publisher = client();
  await publisher.connect('pub');
  publisher.publish('t', 'x', 1, 1);
  await until(() => running.journal.held.length === 1, 'append');
  running.journal.held.shift()!.fail('storage_full');
  expect((await publisher.take('puback')).reasonCode).toBe(0x97);
  const old = client(4);
  await old.connect('old');
  old.publish('t', 'x', 1, 1);
  await until(() => running.journal.held.length === 1, 'append');
  running.journal.held.shift()!.fail('storage_full');
  await until(() => old.isClosed, 'closed');
});

test('N13: a burst goes in batches that its stream takes; only what is too large alone is refused', async () => {
  const config = { 'max.message.bytes': '2000' };
  running.meta.addStream({ name: 'small', mqttFilter: 'small/#', config });
  await until(() => running.meta.acknowledgedEpoch === 2n, 'the new owner');
  running.journal.maxMessageBytes = 2000;
  const publisher = client();
  await publisher.connect('pub');
  const sizes = [...Array.from({ length: 20 }, () => 300), 2001];
  publisher.send(
    ...sizes.map((bytes, at) => ({
      cmd: 'publish' as const,
      topic: 'small/t',
      payload: 'x'.repeat(bytes),
      qos: 1 as const,
      messageId: at + 1,
      dup: false,
      retain: false,
    })),
  );
  const answers = (): number[] =>
    publisher.received.flatMap((packet) => (packet.cmd === 'puback' ? [packet.reasonCode ?? 0] : []));
  await until(() => answers().length === 21, 'all answers');
  expect(answers().filter((code) => code === 0)).toHaveLength(20);
  expect(answers().filter((code) => code === 0x97)).toHaveLength(1);
});
