// Changes of subscriptions that meta-service does not take: what a session has, what its rows say and what its client was told
// are one and the same (I5, N12), in this connection and in the next.

import { BrokerError } from '@robustmq/errors';
import { DURABLE, DurableClients } from './durable-clients.ts';
import { RawClient, until, type Running } from './running-gateway.ts';

const REFUSED = new BrokerError('quota_exceeded', 'no');

let running: Running;
let devices: DurableClients;

beforeEach(async () => {
  devices = await DurableClients.start();
  ({ running } = devices);
});

afterEach(() => devices.stop());

const storedFilters = (): string[] =>
  (running.meta.sessions.get('dev')?.subscriptions ?? []).map(({ filter }) => filter);
const optionsOf = (filter: string): number | undefined =>
  running.meta.sessions.get('dev')!.subscriptions.find((row) => row.filter === filter)?.options;
const storedQos = (filter: string): number | undefined =>
  optionsOf(filter) === undefined ? undefined : optionsOf(filter)! & 3;

async function unsubscribed(device: RawClient, ...filters: string[]): Promise<unknown> {
  device.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: filters });
  return (await device.take('unsuback')).granted;
}

describe('UNSUBSCRIBE', () => {
  test('[MQTT-3.11.3]: a row that could not be removed is no success, and goes when the client asks again', async () => {
    const device = devices.client();
    await device.connect('dev', DURABLE);
    await device.subscribe('d/1', 1);
    running.meta.sessionError = REFUSED;
    expect(await unsubscribed(device, 'd/1', 'never/there')).toEqual([0x83, 0x11]);
    expect(storedFilters()).toEqual(['d/1']);
    running.meta.sessionError = undefined;
    expect(await unsubscribed(device, 'd/1')).toEqual([0]);
    expect(storedFilters()).toEqual([]);
    expect(await unsubscribed(device, 'd/1')).toEqual([0x11]);
  });

  test('3.1.1 has no code for it: the connection ends without UNSUBACK [MQTT-3.10.4-4]', async () => {
    const device = new RawClient(running.port, 4);
    try {
      await device.connect('dev', { clean: false });
      await device.subscribe('d/1', 1);
      running.meta.sessionError = REFUSED;
      device.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions: ['d/1'] });
      await until(() => device.isClosed, 'the end of the connection');
      expect(device.received.filter(({ cmd }) => cmd === 'unsuback')).toEqual([]);
    } finally {
      running.meta.sessionError = undefined;
      device.close();
    }
  });

  test('I5: a row that stayed goes with the next cursors, without another request of the client', async () => {
    const device = devices.client();
    await device.connect('dev', DURABLE);
    await device.subscribe('d/1', 0);
    await device.subscribe('d/2', 0);
    running.meta.sessionError = REFUSED;
    expect(await unsubscribed(device, 'd/1')).toEqual([0x83]);
    running.meta.sessionError = undefined;
    await devices.publishAll(['moves the cursor'], 'd/2');
    await until(() => storedFilters().join() === 'd/2', 'the row goes');
    await devices.leave(device);
    const second = devices.client();
    await second.connect('dev', DURABLE);
    await devices.publishAll(['unwanted']);
    await devices.publishAll(['wanted'], 'd/2');
    await until(() => second.payloads().length > 0, 'a message');
    expect(second.payloads()).toEqual(['wanted']);
  });

  test('X3: a filter that is subscribed to again after a failed removal starts anew', async () => {
    const device = devices.client();
    await device.connect('dev', DURABLE);
    await device.subscribe('d/1', 1);
    const before = running.meta.sessions.get('dev')!.subscriptions[0]!.start;
    running.meta.sessionError = REFUSED;
    expect(await unsubscribed(device, 'd/1')).toEqual([0x83]);
    await devices.client().connect('unheard of');
    running.meta.sessionError = undefined;
    await devices.publishAll(['while it was gone']);
    expect(await device.subscribe('d/1', 1)).toBe(1);
    expect(storedFilters()).toEqual(['d/1']);
    expect(running.meta.sessions.get('dev')!.subscriptions[0]!.start).not.toBe(before);
    expect(device.payloads()).toEqual([]);
  });
});

describe('SUBSCRIBE to a filter that the session has', () => {
  /** It subscribes at QoS 1, then at 0, which is refused. */
  async function refusedAgain(): Promise<RawClient> {
    const device = devices.client();
    await device.connect('dev', DURABLE);
    expect(await device.subscribe('d/1', 1)).toBe(1);
    running.meta.sessionError = REFUSED;
    expect(await device.subscribe('d/1', 0)).toBe(0x83);
    running.meta.sessionError = undefined;
    return device;
  }

  test('X3: one that fails changes nothing: the options are those of the row', async () => {
    const device = await refusedAgain();
    await devices.publishAll(['still at 1']);
    await until(() => device.payloads().length === 1, 'the message');
    expect(device.received.find(({ cmd }) => cmd === 'publish')).toMatchObject({ qos: 1 });
    expect(storedQos('d/1')).toBe(1);
  });

  test('X3: when meta has taken what failed, the row is put back with the next change', async () => {
    const device = await refusedAgain();
    // The answer was lost, not the change.
    running.meta.sessions.get('dev')!.subscriptions[0]!.options = 0;
    await device.subscribe('d/2', 1);
    await until(() => storedQos('d/1') === 1, 'the row as it was');
    await devices.leave(device);
    const second = devices.client();
    await second.connect('dev', DURABLE);
    await devices.publishAll(['at 1']);
    await until(() => second.payloads().length === 1, 'the message');
    expect(second.received.find(({ cmd }) => cmd === 'publish')).toMatchObject({ qos: 1 });
  });

  test('[MQTT-3.8.4-3]: one that succeeds holds once it is stored, and the last of a packet is the one that counts', async () => {
    const device = await refusedAgain();
    const options = { nl: false, rap: false, rh: 0 as const };
    device.send({
      cmd: 'subscribe',
      messageId: 3,
      subscriptions: [
        { topic: 'd/1', qos: 1, ...options },
        { topic: 'd/1', qos: 0, ...options },
        { topic: 'd/3', qos: 0, ...options },
        { topic: 'd/3', qos: 1, ...options },
      ],
    });
    expect((await device.take('suback')).granted).toEqual([1, 0, 0, 1]);
    expect([storedQos('d/1'), storedQos('d/3')]).toEqual([0, 1]);
    await devices.publishAll(['x']);
    await devices.publishAll(['y'], 'd/3');
    await until(() => device.payloads().length === 2, 'the messages');
    const sent = device.received.flatMap((packet) => (packet.cmd === 'publish' ? [packet.qos] : []));
    expect(sent).toEqual([0, 1]);
  });
});
