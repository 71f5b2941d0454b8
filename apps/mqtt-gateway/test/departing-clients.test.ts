// A record that makes its client leave again and again is skipped: with a client that closes on a certain payload.

import { RawClient, start, until, type Running } from './running-gateway.ts';

const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };

let running: Running;
const clients: RawClient[] = [];

const client = (): RawClient => {
  const made = new RawClient(running.port, 5);
  clients.push(made);
  return made;
};

const begin = async (flags: readonly string[] = []): Promise<void> => {
  running = await start({ flags });
};

afterEach(async () => {
  for (const each of clients.splice(0)) each.close();
  await running.stop();
});

const releases = (): number => running.meta.calls.filter((call) => call === 'release dev').length;

/** A device subscribes and goes; then these are published. */
async function backlog(qos: 0 | 1, payloads: readonly string[]): Promise<void> {
  const device = client();
  await device.connect('dev', durable);
  await device.subscribe('t', qos);
  device.send({ cmd: 'disconnect' });
  await until(() => releases() === 1, 'the device is gone');
  const publisher = client();
  await publisher.connect('pub');
  payloads.forEach((payload, index) => publisher.publish('t', payload, 1, index + 1));
  const acknowledged = (): number => publisher.received.filter(({ cmd }) => cmd === 'puback').length;
  await until(() => acknowledged() === payloads.length, 'the backlog');
}

/** One life of a device that goes, as `leave` does, at the payload `poison`; answers what it took before. */
async function live(leave: (device: RawClient) => void, last: string): Promise<string[]> {
  const device = client();
  await device.connect('dev', durable);
  const before = releases();
  const taken: string[] = [];
  let isGone = false;
  const look = (): boolean => {
    for (const packet of device.received.splice(0)) {
      if (packet.cmd !== 'publish' || isGone) continue;
      const { payload, messageId, qos } = packet;
      taken.push(payload.toString());
      isGone = payload.toString() === 'poison';
      if (isGone) leave(device);
      else if (qos > 0) device.send({ cmd: 'puback', messageId: messageId!, reasonCode: 0 });
    }
    return isGone || taken.includes(last);
  };
  await until(look, 'the device has what it takes');
  if (isGone) await until(() => releases() > before, 'the device is gone');
  return taken;
}

const close = (device: RawClient): void => device.close();

/** Lives until the last payload arrives, at most so many. */
async function livesUntil(
  last: string,
  leave: (device: RawClient) => void,
  most: number,
): Promise<string[][]> {
  const lives: string[][] = [];
  while (!lives.some((taken) => taken.includes(last)) && lives.length < most)
    lives.push(await live(leave, last));
  return lives;
}

const tries = (lives: readonly string[][]): number =>
  lives.flat().filter((payload) => payload === 'poison').length;

test.each([
  ['closes', close],
  ['sends what is malformed', (device: RawClient) => void device.socket.write(Buffer.from([0xf1, 0]))],
  [
    'says that the packet was malformed',
    (device: RawClient) => device.send({ cmd: 'disconnect', reasonCode: 0x81 }),
  ],
])(
  'a QoS 1 message at which its client %s is skipped after six tries, the last three alone, and nothing else',
  async (_how, leave) => {
    await begin();
    await backlog(1, ['a', 'b', 'poison', 'c', 'd']);
    const lives = await livesUntil('d', leave, 16);
    for (const payload of ['a', 'b', 'c', 'd']) expect(lives.flat()).toContain(payload);
    expect(tries(lives)).toBeGreaterThanOrEqual(6);
    expect(tries(lives)).toBeLessThanOrEqual(8);
    expect(running.gateway.counters.skippedMessages).toBe(1);
    const lines = running.log.records.filter(({ message }) => String(message).includes('is skipped'));
    expect(lines).toMatchObject([{ client_id: 'dev', departures: 6 }]);
    // It is settled for good: the next life gets none of it.
    const last = clients.at(-1)!;
    last.send({ cmd: 'disconnect' });
    await until(() => last.isClosed, 'the device is gone');
    await until(() => running.meta.sessions.get('dev')!.outbound.length === 0, 'nothing is owed any more');
  },
);

test('at QoS 0 it is sent once', async () => {
  await begin();
  await backlog(0, ['a', 'poison', 'c']);
  const lives = [await live(close, 'c')];
  const publisher = client();
  await publisher.connect('pub2');
  publisher.publish('t', 'later', 1, 1);
  lives.push(await live(close, 'later'));
  expect(tries(lives)).toBe(1);
  expect(running.gateway.counters.skippedMessages).toBe(0);
});

test.each([
  ['who says goodbye', [], (device: RawClient): void => device.send({ cmd: 'disconnect', reasonCode: 0 })],
  ['if it is turned off', ['--session.maxDepartures=0'], close],
])('a message is not skipped: %s', async (_name, flags, leave) => {
  await begin(flags);
  await backlog(1, ['poison']);
  const lives: string[][] = [];
  for (let life = 0; life < 9; life++) lives.push(await live(leave, 'never'));
  expect(tries(lives)).toBe(9);
  expect(running.gateway.counters.skippedMessages).toBe(0);
});

test('[MQTT-4.4.0-1]: what was in flight when a connection broke is sent again whole, twice over', async () => {
  await begin();
  await backlog(1, ['a', 'b', 'c']);
  for (let times = 1; times <= 3; times++) {
    const before = releases();
    const device = client();
    await device.connect('dev', durable);
    await until(() => device.payloads().length === 3, 'all that is owed');
    expect(device.payloads()).toEqual(['a', 'b', 'c']);
    device.close();
    await until(() => releases() > before, 'the device is gone');
  }
});
