import { EventEmitter } from 'node:events';

import type { MeshRequest } from '@robustmq/rpc';
import { VirtualClock } from '@robustmq/testkit';
import { Message } from '../src/delivery/message.ts';
import { MeshPeer } from '../src/mesh/mesh-peer.ts';
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

describe('a gateway that does not keep up (I8)', () => {
  const MIB = 1024 * 1024;

  /** Takes what is written only when it is told to; like a stream of gRPC it counts messages, not their bytes. */
  class SlowStream extends EventEmitter {
    writableLength = 0;
    heldBytes = 0;
    readonly #taken: (() => void)[] = [];

    write({ frame }: MeshRequest, taken?: () => void): boolean {
      const bytes = frame.case === 'publish' ? frame.value.batch.length : 0;
      this.writableLength++;
      this.heldBytes += bytes;
      this.#taken.push(() => {
        this.writableLength--;
        this.heldBytes -= bytes;
        taken?.();
      });
      return false;
    }

    take(): void {
      for (const taken of this.#taken.splice(0)) taken();
    }

    cancel(): void {
      this.removeAllListeners();
    }
  }

  test('costs a bounded number of bytes, whatever the messages are; what is beyond is lost and counted', async () => {
    const clock = new VirtualClock();
    const streams: SlowStream[] = [];
    const mesh = (): SlowStream => {
      const stream = new SlowStream();
      streams.push(stream);
      return stream;
    };
    const counters = { sent: 0, received: 0, framesSent: 0, lost: 0 };
    const boundary = { run: (_where: string, work: () => void) => work(), failed: () => undefined };
    const peer = new MeshPeer(
      { nodeId: 'slow', incarnation: 1, address: 'slow' },
      {
        identity: { nodeId: 'self', incarnation: 1n, directoryId: 'self' },
        credentials: {} as never,
        connect: () => ({ mesh, close: () => undefined }) as never,
        timers: clock,
        boundary,
      },
      counters,
    );
    const publish = (count: number): void => {
      const message = Object.assign(new Message(), {
        topic: 't',
        payload: Buffer.alloc(MIB),
        payloadEnd: MIB,
      });
      for (let index = 0; index < count; index++)
        peer.publish('default', message, { qos: 0, retain: false }, null, 0);
    };
    const subscribe = (stream: SlowStream): void => {
      const value = { snapshot: true, add: [{ tenant: 'default', filter: 't' }], remove: [], sequence: 1n };
      stream.emit('data', { frame: { case: 'routes', value } });
    };
    subscribe(streams[0]!);
    publish(100);
    await clock.advance(10);
    expect(streams[0]!.heldBytes).toBeGreaterThan(8 * MIB);
    expect(streams[0]!.heldBytes).toBeLessThan(11 * MIB);
    expect(counters.lost + counters.sent).toBe(100);

    // It has caught up, and falls behind again.
    streams[0]!.take();
    const { lost } = counters;
    publish(4);
    await clock.advance(10);
    expect(counters.lost).toBe(lost);
    publish(100);
    expect(counters.lost).toBeGreaterThan(lost);

    // Another stream starts from nothing, whatever becomes of what the old one had.
    streams[0]!.emit('end');
    await clock.advance(100);
    streams[0]!.take();
    subscribe(streams[1]!);
    const before = counters.lost;
    publish(100);
    await clock.advance(10);
    expect(counters.lost - before).toBeGreaterThan(85);
    expect(streams[1]!.heldBytes).toBeLessThan(11 * MIB);
    peer.close();
    expect(clock.pending).toBe(0);
  });
});
