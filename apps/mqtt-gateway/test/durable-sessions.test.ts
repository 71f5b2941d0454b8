import { hashPassword } from '@robustmq/access-control/testing';
import { BrokerError } from '@robustmq/errors';
import { RecordBatchBuilder } from '@robustmq/record-batch';
import { deflateBatch } from '@robustmq/batch-compression/testing';
import { RawClient, start, until, type Running } from './running-gateway.ts';

describe('durable sessions and failures', () => {
  let running: Running;

  const client = (version: 3 | 4 | 5 = 5): RawClient => running.client(version);

  const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };

  beforeEach(async () => {
    running = await start();
  });

  afterEach(() => running.stop());

  const publishAll = async (payloads: readonly string[], topic = 'd/1'): Promise<void> => {
    const publisher = client();
    await publisher.connect(`pub-${payloads[0]!}`);
    payloads.forEach((payload, index) => publisher.publish(topic, payload, 1, index + 1));
    await until(() => publisher.received.filter(({ cmd }) => cmd === 'puback').length === payloads.length);
    publisher.close();
  };

  test('X3: the subscription is in meta before SUBACK; what comes while offline is delivered after', async () => {
    const first = client();
    expect((await first.connect('dev', durable)).sessionPresent).toBe(false);
    await first.subscribe('d/#', 1);
    expect(running.meta.sessions.get('dev')?.subscriptions).toMatchObject([{ filter: 'd/#', options: 1 }]);
    first.send({ cmd: 'disconnect' });
    await until(() => running.meta.calls.includes('release dev'));
    expect(running.meta.sessions.get('dev')?.connected).toBe(false);

    const payloads = Array.from({ length: 50 }, (_, index) => `m${index}`);
    await publishAll(payloads);

    const second = client();
    expect((await second.connect('dev', durable)).sessionPresent).toBe(true);
    await until(() => second.payloads().length === payloads.length);
    await publishAll(['live']);
    await until(() => second.payloads().includes('live'));
    expect(second.payloads()).toEqual([...payloads, 'live']);
    expect(running.gateway.serving?.catchUp.counters.backlogReads).toBeGreaterThan(0);
  });

  test('S3: a graceful release hands over what is in flight: same identifier, DUP', async () => {
    const first = client();
    await first.connect('dev', durable);
    await first.subscribe('d/#', 1);
    await publishAll(['a', 'b', 'c']);
    await until(() => first.payloads().length === 3);
    const [a, b] = first.received.filter((packet) => packet.cmd === 'publish');
    // The second is acknowledged, the first and third are not.
    first.send({ cmd: 'puback', messageId: b!.messageId!, reasonCode: 0 });
    await until(
      () => running.gateway.serving!.directory.get('default', 'dev')!.machine.ledger.window.size === 2,
    );
    first.send({ cmd: 'disconnect' });
    await until(() => running.meta.calls.includes('release dev'));
    const stored = running.meta.sessions.get('dev');
    expect(stored?.outbound.map(({ packetId }) => packetId)).toEqual([a!.messageId, expect.any(Number)]);
    expect(stored?.cursors).toMatchObject([{ position: { offset: 0n }, sentBelow: 3n }]);

    const second = client();
    await second.connect('dev', durable);
    await until(() => second.payloads().length === 2);
    await publishAll(['later']);
    await until(() => second.payloads().length === 3);
    expect(second.payloads()).toEqual(['a', 'c', 'later']);
    const again = second.received.filter((packet) => packet.cmd === 'publish');
    expect(again.map(({ dup }) => dup)).toEqual([true, true, false]);
    expect(again[0]!.messageId).toBe(a!.messageId);
  });

  test('cursors are stored at most once per interval, at the lowest unacknowledged offset', async () => {
    const device = client();
    await device.connect('dev', durable);
    await device.subscribe('d/#', 1);
    await publishAll(['a', 'b']);
    await until(() => device.payloads().length === 2);
    const [a] = device.received.filter((packet) => packet.cmd === 'publish');
    device.send({ cmd: 'puback', messageId: a!.messageId!, reasonCode: 0 });
    await until(() => running.meta.calls.includes('commit dev'));
    expect(running.meta.sessions.get('dev')?.cursors).toMatchObject([{ position: { offset: 1n } }]);
  });

  test('I8: a session that does not fit into one answer is read by pages', async () => {
    const first = client();
    await first.connect('dev', durable);
    for (const filter of ['d/a', 'd/b', 'd/c', 'd/#', 'e']) await first.subscribe(filter, 1);
    first.send({ cmd: 'disconnect' });
    await until(() => running.meta.calls.includes('release dev'));
    running.meta.pageRows = 2;

    const second = client();
    expect((await second.connect('dev', durable)).sessionPresent).toBe(true);
    expect(running.meta.calls.filter((call) => call === 'read dev').length).toBe(2);
    const { session } = running.gateway.serving!.directory.get('default', 'dev')!;
    expect([...session!.subscriptions.keys()]).toEqual(['d/a', 'd/b', 'd/c', 'd/#', 'e']);
  });

  test('a clean start forgets the subscriptions', async () => {
    const first = client();
    await first.connect('dev', durable);
    await first.subscribe('d/#', 1);
    first.close();
    await until(() => running.meta.calls.includes('release dev'));
    await publishAll(['missed']);
    const second = client();
    expect((await second.connect('dev', { clean: true })).sessionPresent).toBe(false);
    await publishAll(['x'], 'd/2');
    expect(second.payloads()).toEqual([]);
  });

  test('X5: a window that is full keeps a cursor only, and reads on from the ring in order', async () => {
    const device = client();
    await device.connect('dev', { properties: { receiveMaximum: 2 } });
    await device.subscribe('d/#', 1);
    const payloads = Array.from({ length: 300 }, (_, index) => `m${index}`);
    const acknowledge = setInterval(() => {
      for (const packet of device.received) {
        if (packet.cmd !== 'publish' || packet.qos !== 1 || packet.retain) continue;
        packet.retain = true;
        device.send({ cmd: 'puback', messageId: packet.messageId!, reasonCode: 0 });
      }
    }, 1);
    await publishAll(payloads);
    await until(() => device.payloads().length === payloads.length);
    clearInterval(acknowledge);
    expect(device.payloads()).toEqual(payloads);
    const session = running.gateway.serving!.directory.get('default', 'dev')!.session!;
    await until(() => session.lag === null, 'live again');
  });

  test('an append that fails past its deadline: 0x83 in 5.0, 3.x closes; never an acknowledgement', async () => {
    running.journal.holdAppends = true;
    const five = client(5);
    await five.connect('five');
    const four = client(4);
    await four.connect('four');
    five.publish('t', 'x', 1, 3);
    four.publish('t', 'y', 1, 3);
    expect((await five.take('puback')).reasonCode).toBe(0x83);
    await until(() => four.isClosed);
    expect(four.received.filter(({ cmd }) => cmd === 'puback')).toEqual([]);
  });

  test('S5: acknowledgements leave in receive order', async () => {
    const publisher = client();
    await publisher.connect('pub');
    for (let id = 1; id <= 200; id++) publisher.publish(`t/${id % 7}`, `m${id}`, 1, id);
    await until(() => publisher.received.filter(({ cmd }) => cmd === 'puback').length === 200);
    const ids = publisher.received.flatMap((packet) => (packet.cmd === 'puback' ? [packet.messageId] : []));
    expect(ids).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  });

  test('a journal that does not answer in time: that filter 0x83, 0x80 in 3.x', async () => {
    running.journal.ignoreFilters = true;
    const five = client(5);
    await five.connect('five');
    expect(await five.subscribe('t', 1)).toBe(0x83);
    const four = client(4);
    await four.connect('four');
    expect(await four.subscribe('u', 1)).toBe(0x80);
    expect(running.gateway.serving!.registry.size).toBe(0);
  });

  test('meta that refuses: CONNACK says so, and a subscription that was not stored does not hold', async () => {
    const device = client();
    await device.connect('dev', durable);
    running.meta.sessionError = new BrokerError('quota_exceeded', 'too many');
    expect(await device.subscribe('t', 1)).toBe(0x83);
    expect((await client().connect('other')).reasonCode).toBe(0x97);
  });

  test('Kafka records are seen by their key, also compressed; keys that are no topics are counted', async () => {
    const device = client();
    await device.connect('dev');
    await device.subscribe('k/#', 1);
    const batch = (keys: readonly string[]): Buffer => {
      const builder = new RecordBatchBuilder();
      keys.forEach((key) => builder.append(1, key, Buffer.from(`v-${key}`), [['h', 'x']]));
      return builder.finishCopy();
    };
    running.journal.produce(1, 0, deflateBatch(batch(['k/1', 'k/2']), 0, 'zstd'));
    running.journal.produce(1, 0, batch(['k/3', 'k/+', 'elsewhere']));
    await until(() => device.payloads().length === 3);
    expect(device.payloads()).toEqual(['v-k/1', 'v-k/2', 'v-k/3']);
    const [first] = device.received.filter((packet) => packet.cmd === 'publish');
    expect(first).toMatchObject({ qos: 1, properties: { userProperties: { h: 'x' } } });
    expect(running.gateway.serving!.tails.counters.notVisible).toBe(1);
  });

  test('a compressed batch in the backlog is inflated and matched here (X1, O7)', async () => {
    const first = client();
    await first.connect('dev', durable);
    await first.subscribe('k/#', 1);
    first.send({ cmd: 'disconnect' });
    await until(() => running.meta.calls.includes('release dev'));
    const builder = new RecordBatchBuilder();
    for (const key of ['k/1', 'other', 'k/2']) builder.append(1, key, Buffer.from(key));
    running.journal.produce(1, 0, deflateBatch(builder.finishCopy(), 0, 'lz4'));
    await publishAll(['k3'], 'k/3');
    const second = client();
    await second.connect('dev', durable);
    await until(() => second.payloads().length === 3);
    expect(second.payloads()).toEqual(['k/1', 'k/2', 'k3']);
  });

  test('I8: a shard that does not commit holds its publishers; nothing is lost or reordered', async () => {
    await running.stop();
    running = await start({ flags: ['--journal.appendTimeout=20000'] });
    running.journal.holdAppends = true;
    const publisher = client();
    await publisher.connect('pub');
    const count = 400;
    for (let id = 1; id <= count; id++) publisher.publish('t', `${id} ${'x'.repeat(32 * 1024)}`, 1, id);
    await until(() => running.gateway.serving!.blocked.size === 1, 'a publish waits');
    const late = client();
    await late.connect('late');
    late.publish('t', 'late', 1, 1);
    await until(() => running.gateway.serving!.blocked.size === 2, 'two wait');
    running.journal.holdAppends = false;
    for (const held of running.journal.held.splice(0)) held.commit();
    await until(() => publisher.received.filter(({ cmd }) => cmd === 'puback').length === count);
    await late.take('puback');
    const ids = running.journal
      .records(1)
      .map(({ value }) => Number.parseInt(value, 10))
      .filter((id) => !Number.isNaN(id));
    expect(ids).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  });

  test('O2: a new stream owns its topics at once, is acknowledged, and is tailed from its start', async () => {
    const device = client();
    await device.connect('dev');
    await device.subscribe('orders', 1);
    await publishAll(['old'], 'orders');
    const stream = running.meta.addStream({ name: 'orders', mqttFilter: 'orders' });
    await until(() => running.meta.acknowledgedEpoch === 2n);
    await publishAll(['new'], 'orders');
    device.publish('orders', 'qos0', 0);
    await until(() => running.journal.records(stream.streamId).length === 2);
    expect(running.journal.records(stream.streamId)).toEqual([
      { key: 'orders', value: 'new' },
      { key: 'orders', value: 'qos0' },
    ]);
    await until(() => device.payloads().length === 3);
    expect(device.payloads()).toEqual(['old', 'new', 'qos0']);
  });

  test('the tail goes on after the journal restarted', async () => {
    const device = client();
    await device.connect('dev');
    await device.subscribe('d/#', 1);
    await publishAll(['before']);
    running.journal.breakStreams();
    await until(() => running.gateway.problem !== null);
    await until(() => running.gateway.problem === null);
    await publishAll(['after']);
    await until(() => device.payloads().length === 2);
    expect(device.payloads()).toEqual(['before', 'after']);
  });
});

test('F1: a lost lease ends every session; the node comes back as a new incarnation', async () => {
  const running = await start({ leaseMs: 1_000 });
  const device = new RawClient(running.port, 5);
  let again: RawClient | undefined;
  try {
    await device.connect('dev');
    const before = running.gateway.serving!.registration.node.incarnation;
    running.meta.endLease('mqtt-1');
    expect((await device.take('disconnect')).reasonCode).toBe(0x8b);
    await until(() => running.gateway.serving !== null && running.gateway.problem === null);
    expect(running.gateway.serving!.registration.node.incarnation).toBeGreaterThan(before);
    again = new RawClient(running.port, 5);
    expect((await again.connect('dev')).reasonCode).toBe(0);
  } finally {
    device.close();
    again?.close();
    await running.stop();
  }
});

test('SIGTERM drains: 0x8B, sessions released, lease released', async () => {
  const running = await start();
  const device = new RawClient(running.port, 5);
  await device.connect('dev', { clean: false, properties: { sessionExpiryInterval: 60 } });
  await running.gateway.stop();
  expect((await device.take('disconnect')).reasonCode).toBe(0x8b);
  expect(running.meta.calls).toEqual(expect.arrayContaining(['release dev', 'releaseNode mqtt-1']));
  await running.journal.close();
  await running.meta.close();
});

test('only known users come in: 0x86, 4 in 3.x; anonymous clients need the option', async () => {
  const running = await start({ flags: ['--auth.anonymous=false'] });
  const client = (version: 4 | 5): RawClient => running.client(version);
  try {
    running.meta.addUser('ann', await hashPassword('secret'));
    await until(() => running.gateway.meta.view.users.size === 1);
    const login = (password: string) => ({ username: 'ann', password: Buffer.from(password) });
    expect((await client(5).connect('a', login('secret'))).reasonCode).toBe(0);
    expect((await client(5).connect('b', login('secret'))).reasonCode).toBe(0);
    expect((await client(5).connect('c', login('wrong'))).reasonCode).toBe(0x86);
    expect((await client(4).connect('d', login('wrong'))).returnCode).toBe(4);
    expect((await client(5).connect('e')).reasonCode).toBe(0x86);
    expect(running.gateway.counters.deniedLogins).toBe(3);
  } finally {
    await running.stop();
  }
});
