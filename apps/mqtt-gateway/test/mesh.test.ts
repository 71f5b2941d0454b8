import {
  RawClient,
  RecordingLog,
  portOf,
  start,
  startGateway,
  until,
  type Running,
} from './running-gateway.ts';
import type { Gateway } from '../src/gateway.ts';

describe('two gateways', () => {
  let running: Running;
  let other: Gateway;
  const clients: RawClient[] = [];

  const client = (gateway: Gateway, version: 4 | 5 = 5): RawClient => {
    const made = new RawClient(portOf(gateway.addresses.mqtt), version);
    clients.push(made);
    return made;
  };

  beforeEach(async () => {
    running = await start();
    other = await startGateway(running.meta, new RecordingLog(), ['--node.id=mqtt-2']);
    await until(
      () =>
        running.gateway.serving!.mesh.routes.peerCount === 1 && other.serving!.mesh.routes.peerCount === 1,
      'mesh',
    );
  });

  afterEach(async () => {
    for (const each of clients.splice(0)) each.close();
    await other.stop();
    await running.stop();
  });

  test('S6: a QoS 0 publish right after SUBACK on another gateway arrives, once, with its properties', async () => {
    const subscriber = client(other);
    await subscriber.connect('sub');
    await subscriber.subscribe('m/#', 0);
    const publisher = client(running.gateway);
    await publisher.connect('pub');
    publisher.publish('m/1', 'across', 0, 0, { properties: { userProperties: { k: 'v' } } });
    publisher.publish('other', 'nobody', 0);
    const message = await subscriber.take('publish');
    expect(message.payload.toString()).toBe('across');
    expect(message.properties?.userProperties).toEqual({ k: 'v' });
    expect(running.gateway.serving!.mesh.counters).toMatchObject({ sent: 1, lost: 0 });
    subscriber.send({ cmd: 'unsubscribe', messageId: 3, unsubscriptions: ['m/#'] });
    await subscriber.take('unsuback');
    await new Promise((resolve) => setImmediate(resolve));
    publisher.publish('m/1', 'late', 1, 4);
    await publisher.take('puback');
    expect(subscriber.payloads()).toEqual([]);
  });

  test('QoS 1 goes through the log to subscribers of both', async () => {
    const here = client(running.gateway);
    await here.connect('here');
    await here.subscribe('m/#', 1);
    const there = client(other);
    await there.connect('there');
    await there.subscribe('m/#', 0);
    here.publish('m/1', 'x', 1, 3);
    await until(() => here.payloads().length === 1 && there.payloads().length === 1);
    expect(other.serving!.mesh.counters.received).toBe(0);
  });

  test('S1: a session that another gateway serves is stopped there first', async () => {
    const first = client(running.gateway);
    await first.connect('roaming', { clean: false, properties: { sessionExpiryInterval: 60 } });
    await first.subscribe('r', 1);
    const { identity } = running.gateway.serving!.registration;
    running.meta.previousOwner = { nodeId: identity.nodeId, incarnation: identity.incarnation };
    const second = client(other);
    expect(
      (await second.connect('roaming', { clean: false, properties: { sessionExpiryInterval: 60 } }))
        .sessionPresent,
    ).toBe(true);
    expect((await first.take('disconnect')).reasonCode).toBe(0x8e);
    second.publish('r', 'mine', 1, 4);
    await until(() => second.payloads().length === 1);
  });

  test('a gateway that is gone leaves the mesh', async () => {
    await other.stop();
    running.meta.endLease('mqtt-2');
    await until(() => !running.gateway.serving!.mesh.hasPeers);
    other = await startGateway(running.meta, new RecordingLog(), ['--node.id=mqtt-2']);
    await until(() => running.gateway.serving!.mesh.hasPeers);
  });
});
