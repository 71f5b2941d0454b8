// Limits that meet at a seam are one number (N13): what a gateway may be configured to allow its clients, the packets, batches
// and rows behind it take. A test stands at each.

import { MAX_BATCH_BYTES } from '@robustmq/record-batch';
import { generate, type IPublishPacket } from 'mqtt-packet';
import { mqttGatewayConfig } from '../src/config.ts';
import { RECORD_OVERHEAD_BYTES } from '../src/publish/record-overhead.ts';
import { RawClient, start, until, type Running } from './running-gateway.ts';

const LARGEST_PACKET_BYTES = MAX_BATCH_BYTES - RECORD_OVERHEAD_BYTES;
const LONGEST_CLIENT_ID_BYTES = 32 * 1024;

const load = (...argv: string[]) => mqttGatewayConfig.load({ argv, environment: {} });

test.each([
  ['maxSubscriptionsPerSession', 10_000],
  ['maxClientIdBytes', LONGEST_CLIENT_ID_BYTES],
  ['maxPacketBytes', LARGEST_PACKET_BYTES],
] as const)('N13: limits.%s ends at %d, and a start beyond is refused by name', (name, highest) => {
  expect(load(`--limits.${name}=${highest}`).values.limits[name]).toBe(highest);
  expect(() => load(`--limits.${name}=${highest + 1}`)).toThrow(new RegExp(`limits\\.${name}.*${highest}`));
});

describe('at the highest limits', () => {
  let running: Running;
  let client: RawClient;

  beforeEach(async () => {
    running = await start({
      streams: [{ name: 'mqtt', config: { 'max.message.bytes': String(MAX_BATCH_BYTES) } }],
      flags: [
        `--limits.maxPacketBytes=${LARGEST_PACKET_BYTES}`,
        `--limits.maxClientIdBytes=${LONGEST_CLIENT_ID_BYTES}`,
        '--journal.appendTimeout=30000',
      ],
    });
    client = new RawClient(running.port, 5);
  });

  afterEach(async () => {
    client.close();
    await running.stop();
  });

  test('N13: the longest client id connects, with nearly as much beside it', async () => {
    const connack = await client.connect('i'.repeat(LONGEST_CLIENT_ID_BYTES), {
      properties: { userProperties: { beside: 'b'.repeat(LONGEST_CLIENT_ID_BYTES - 100) } },
    });
    expect(connack.reasonCode).toBe(0);
    const longer = new RawClient(running.port, 5);
    expect((await longer.connect('i'.repeat(LONGEST_CLIENT_ID_BYTES + 1))).reasonCode).toBe(0x85);
    longer.close();
  });

  /** A PUBLISH of exactly so many bytes. */
  function packetOf(sizeBytes: number, fields: Partial<IPublishPacket>): Buffer {
    const empty: IPublishPacket = {
      cmd: 'publish',
      topic: '',
      payload: Buffer.alloc(0),
      qos: 1,
      messageId: 2,
      dup: false,
      retain: false,
      ...fields,
    };
    // The Remaining Length of the large one has three bytes more.
    const around = generate(empty, { protocolVersion: 5 }).length + 3;
    const packet = generate({ ...empty, payload: Buffer.alloc(sizeBytes - around) }, { protocolVersion: 5 });
    const missing = sizeBytes - packet.length;
    if (missing === 0) return packet;
    return generate(
      { ...empty, payload: Buffer.alloc(sizeBytes - around + missing) },
      { protocolVersion: 5 },
    );
  }

  test.each([
    ['with its topic', { topic: 't' }],
    ['whose topic of 65,535 bytes is an alias', { properties: { topicAlias: 1 } }],
    [
      'with user properties',
      {
        properties: {
          topicAlias: 1,
          userProperties: Object.fromEntries(
            Array.from({ length: 60 }, (_, at) => [`${at}`.padEnd(9_000, 'k'), 'v'.repeat(9_000)]),
          ),
        },
      },
    ],
  ])('N13: a QoS 1 publish of the largest packet is taken, %s', async (_name, fields) => {
    await client.connect('publisher');
    client.publish('t'.repeat(65_535), '', 1, 1, { properties: { topicAlias: 1 } });
    expect((await client.take('puback')).reasonCode ?? 0).toBeLessThan(0x80);
    const packet = packetOf(LARGEST_PACKET_BYTES, fields);
    expect(packet.length).toBe(LARGEST_PACKET_BYTES);
    client.socket.write(packet);
    const puback = await client.take('puback');
    expect([puback.messageId, puback.reasonCode ?? 0]).toEqual([2, 0]);
  });

  test('a packet that is one byte larger ends the connection (0x95)', async () => {
    await client.connect('publisher');
    client.socket.write(packetOf(LARGEST_PACKET_BYTES + 1, { topic: 't' }));
    expect((await client.take('disconnect')).reasonCode).toBe(0x95);
    await until(() => client.isClosed, 'closed');
  });
});
