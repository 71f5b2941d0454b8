// Requests that come before those ahead of them are answered: each gets its answer, and none takes another's place.

import { type RawClient, start, until, type Running } from './running-gateway.ts';

const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };

let running: Running;

const client = (): RawClient => running.client(5);

beforeEach(async () => {
  running = await start();
});

afterEach(() => running.stop());

const unsubscribe = (filter: string, messageId = 9) => ({
  cmd: 'unsubscribe' as const,
  messageId,
  unsubscriptions: [filter],
});

const subscribe = (filters: readonly string[], messageId: number) => ({
  cmd: 'subscribe' as const,
  messageId,
  subscriptions: filters.map((topic) => ({ topic, qos: 1 as const, nl: false, rap: false, rh: 0 as const })),
});

const publishAll = async (topic: string, payloads: readonly string[]): Promise<void> => {
  const publisher = client();
  await publisher.connect(`pub-${payloads[0]!}`);
  payloads.forEach((payload, index) => publisher.publish(topic, payload, 1, index + 1));
  await until(() => publisher.received.filter(({ cmd }) => cmd === 'puback').length === payloads.length);
};

const leave = async (device: RawClient): Promise<void> => {
  const before = running.meta.calls.filter((call) => call === 'release dev').length;
  device.send({ cmd: 'disconnect' });
  await until(() => running.meta.calls.filter((call) => call === 'release dev').length > before);
};

test('N7: UNSUBSCRIBE right behind CONNECT does not make the other filters of the session deaf', async () => {
  const first = client();
  await first.connect('dev', durable);
  await first.subscribe('a', 1);
  await first.subscribe('b', 1);
  await leave(first);
  await publishAll('b', ['missed']);

  const second = client();
  second.send(second.connectPacket('dev', durable), unsubscribe('a'), subscribe(['c'], 10));
  expect((await second.take('unsuback')).granted).toEqual([0]);
  expect((await second.take('suback')).granted).toEqual([1]);
  await publishAll('b', ['live']);
  await until(() => second.payloads().length === 2);
  expect(second.payloads()).toEqual(['missed', 'live']);
});

test('N7: an UNSUBSCRIBE while the journal is away does not end the resume of the others', async () => {
  const first = client();
  await first.connect('dev', durable);
  await first.subscribe('a', 1);
  await first.subscribe('b', 1);
  await leave(first);
  await publishAll('b', ['missed']);
  running.journal.ignoreFilters = true;

  const second = client();
  await second.connect('dev', durable);
  second.send(unsubscribe('a'));
  await second.take('unsuback');
  expect(second.payloads()).toEqual([]);
  running.journal.ignoreFilters = false;
  running.journal.breakStreams();
  await until(() => second.payloads().length === 1);
});

test('[MQTT-3.8.4-1]: a SUBSCRIBE that an UNSUBSCRIBE overtakes gets its SUBACK, and later requests do not stall', async () => {
  running.journal.ignoreFilters = true;
  const device = client();
  await device.connect('dev');
  device.send(subscribe(['a'], 7), unsubscribe('a', 8));
  // The second waits for the first as long as input is held, then overtakes it.
  await device.take('unsuback');
  expect((await device.take('suback')).messageId).toBe(7);
  const requests = client();
  await requests.connect('other');
  for (const messageId of [20, 21, 22]) {
    device.send(unsubscribe('a', messageId), { cmd: 'pingreq' });
    await device.take('pingresp');
    expect((await device.take('unsuback')).messageId).toBe(messageId);
  }
});

test('N11: a subscription that was removed while its SUBSCRIBE was under way is not stored afterwards', async () => {
  const other = client();
  await other.connect('other');
  await other.subscribe('a', 1);
  running.journal.ignoreFilters = true;
  const device = client();
  await device.connect('dev', durable);
  // The tails match `a` already; `b` waits for the journal, and with it the row of both.
  device.send(subscribe(['a', 'b'], 1), unsubscribe('a', 2));
  await device.take('unsuback');
  running.journal.ignoreFilters = false;
  running.journal.breakStreams();
  await device.take('suback');
  await leave(device);
  const filters = running.meta.sessions.get('dev')!.subscriptions.map(({ filter }) => filter);
  expect(filters).not.toContain('a');
});

test('N7: a SUBSCRIBE of a session that is being resumed is answered, however long the journal is away', async () => {
  const first = client();
  await first.connect('dev', durable);
  await first.subscribe('a', 1);
  await leave(first);
  running.journal.ignoreFilters = true;
  const second = client();
  await second.connect('dev', durable);
  // One that is being resumed, and one that would be taken along.
  second.send(subscribe(['a'], 5));
  expect(await second.take('suback')).toMatchObject({ messageId: 5, granted: [0x83] });
  second.send(subscribe(['b'], 6));
  expect(await second.take('suback')).toMatchObject({ messageId: 6, granted: [0x83] });
  // What failed has changed nothing: the old subscription holds once the journal is back.
  running.journal.ignoreFilters = false;
  running.journal.breakStreams();
  await publishAll('a', ['x']);
  await until(() => second.payloads().length === 1, 'the session reads');
  expect(second.received.find(({ cmd }) => cmd === 'publish')).toMatchObject({ qos: 1 });
});
