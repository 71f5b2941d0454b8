// What the encoders write is what mqtt-packet reads, and has the size that was promised.

import fc from 'fast-check';
import { generate, parser, type Packet } from 'mqtt-packet';
import {
  ABSENT,
  acknowledgement,
  encodeForwardedProperties,
  encodePacket,
  OutboundPublish,
  PACKET_TYPE,
  PINGRESP,
  type AckType,
  type ProtocolVersion,
} from '../src/index.ts';
import { patchPacketId } from '../src/encode-publish.ts';
import { ackPacket, mqttText, topicName } from './arbitrary-packets.ts';

function readOne(bytes: Buffer, version: ProtocolVersion): Packet {
  const library = parser({ protocolVersion: version });
  const found: Packet[] = [];
  library.on('packet', (packet) => found.push(packet));
  library.on('error', (error: unknown) => {
    throw error;
  });
  expect(library.parse(bytes)).toBe(0);
  expect(found).toHaveLength(1);
  return found[0]!;
}

const packetId = fc.integer({ min: 1, max: 65_535 });
const text = mqttText.filter((each) => each !== '');
const outbound = fc.record({
  version: fc.constantFrom<ProtocolVersion>(3, 4, 5),
  topic: fc.oneof(topicName, fc.constant('long/'.repeat(20)), fc.constant('ü'.repeat(60))),
  qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
  retain: fc.boolean(),
  dup: fc.boolean(),
  packetId,
  payload: fc.uint8Array({ maxLength: 20_000, size: 'medium' }).map((array) => Buffer.from(array)),
  start: fc.nat(5),
  expiry: fc.oneof(fc.constant(ABSENT), fc.nat(0xffff_ffff)),
  alias: fc.oneof(fc.constant(0), packetId),
  omitTopic: fc.boolean(),
  ids: fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 4 }),
  forwarded: fc.record({
    payloadFormatIndicator: fc.constantFrom(ABSENT, 0, 1),
    contentType: fc.option(text, { nil: undefined }),
    responseTopic: fc.option(topicName, { nil: undefined }),
    correlationData: fc.option(fc.uint8Array({ minLength: 1, maxLength: 200 }), { nil: undefined }),
    userProperties: fc
      .uniqueArray(text, { maxLength: 3 })
      .map((names) => names.flatMap((name) => [name, `${name}!`])),
  }),
});

test('PUBLISH: mqtt-packet reads back every field, level 3, 4 and 5', () => {
  fc.assert(
    fc.property(outbound, fc.nat(30), packetId, (fields, position, otherId) => {
      const publish = new OutboundPublish();
      const { version, payload, forwarded } = fields;
      const omitTopic = fields.omitTopic && fields.alias > 0 && version === 5;
      Object.assign(publish, {
        version,
        topic: fields.topic,
        qos: fields.qos,
        retain: fields.retain,
        dup: fields.dup,
        packetId: fields.packetId,
        payload,
        payloadStart: Math.min(fields.start, payload.length),
        payloadEnd: payload.length,
        messageExpiryIntervalS: fields.expiry,
        topicAlias: fields.alias,
        omitTopic,
        subscriptionIdentifiers: fields.ids,
        forwardedProperties: encodeForwardedProperties(forwarded),
      });
      const size = publish.sizeBytes;
      const target = Buffer.alloc(position + size);
      expect(publish.encode(target, position)).toBe(position + size);
      const read = readOne(target.subarray(position), version);
      expect(read).toMatchObject({
        cmd: 'publish',
        topic: omitTopic ? '' : fields.topic,
        qos: fields.qos,
        retain: fields.retain,
        dup: fields.dup,
        ...(fields.qos > 0 ? { messageId: fields.packetId } : {}),
      });
      expect(payload.subarray(publish.payloadStart).equals((read as { payload: Buffer }).payload)).toBe(true);
      const ids = fields.ids.length === 1 ? fields.ids[0] : fields.ids;
      const pairs = Array.from({ length: forwarded.userProperties.length / 2 }, (_, index) =>
        forwarded.userProperties.slice(2 * index, 2 * index + 2),
      );
      const expected = {
        ...(fields.expiry === ABSENT ? {} : { messageExpiryInterval: fields.expiry }),
        ...(fields.alias === 0 ? {} : { topicAlias: fields.alias }),
        ...(fields.ids.length === 0 ? {} : { subscriptionIdentifier: ids }),
        ...(forwarded.payloadFormatIndicator === ABSENT
          ? {}
          : { payloadFormatIndicator: forwarded.payloadFormatIndicator === 1 }),
        ...(forwarded.contentType === undefined ? {} : { contentType: forwarded.contentType }),
        ...(forwarded.responseTopic === undefined ? {} : { responseTopic: forwarded.responseTopic }),
        ...(forwarded.correlationData === undefined
          ? {}
          : { correlationData: Buffer.from(forwarded.correlationData) }),
        ...(pairs.length === 0 ? {} : { userProperties: { ...Object.fromEntries(pairs) } }),
      };
      const properties = (read as { properties?: Record<string, unknown> }).properties ?? {};
      if (version === 5) {
        const plain = { ...properties };
        if ('userProperties' in plain) plain['userProperties'] = { ...(plain['userProperties'] as object) };
        expect(plain).toEqual(expected);
      }
      // The one thing that differs between the receivers of a shape.
      expect(publish.packetIdPosition >= 0).toBe(fields.qos > 0);
      if (fields.qos > 0) {
        patchPacketId(target, publish.packetIdPosition, otherId);
        expect(readOne(target.subarray(position), version).messageId).toBe(otherId);
      }
      // The head is the packet without its payload.
      const head = Buffer.alloc(size);
      const headEnd = publish.encodeHead(head, 0);
      expect(headEnd).toBe(size - (publish.payloadEnd - publish.payloadStart));
    }),
    { numRuns: 600 },
  );
});

test('a payload that is no Buffer is copied all the same', () => {
  const publish = new OutboundPublish();
  publish.topic = 'a';
  publish.payload = new Uint8Array([9, 1, 2, 9]);
  publish.payloadStart = 1;
  publish.payloadEnd = 3;
  const target = Buffer.alloc(publish.sizeBytes);
  publish.encode(target, 0);
  expect(target).toEqual(Buffer.of(0x30, 5, 0, 1, 0x61, 1, 2));
});

test.each([3, 4, 5] as ProtocolVersion[])(
  'acknowledgements of level %d read back as they were meant',
  (version) => {
    fc.assert(
      fc.property(ackPacket(version), (packet) => {
        const target = Buffer.alloc(acknowledgement.maxBytes);
        const type = PACKET_TYPE[packet.cmd as 'puback'] as AckType;
        const reasonCode = (packet as { reasonCode?: number }).reasonCode ?? 0;
        const end = acknowledgement.encode(target, 0, type, packet.messageId!, reasonCode, version);
        expect(readOne(target.subarray(0, end), version)).toMatchObject({
          cmd: packet.cmd,
          messageId: packet.messageId,
          ...(version === 5 ? { reasonCode } : {}),
        });
      }),
    );
  },
);

test('3.x acknowledgements have no reason code to carry', () => {
  const target = Buffer.alloc(acknowledgement.maxBytes);
  expect(acknowledgement.encode(target, 0, PACKET_TYPE.puback, 258, 0x97, 4)).toBe(4);
  expect(target.subarray(0, 4)).toEqual(Buffer.of(0x40, 2, 1, 2));
});

test('PINGRESP is what mqtt-packet writes', () => {
  expect(PINGRESP).toEqual(generate({ cmd: 'pingresp' } as unknown as Packet));
});

test.each([0, 123, 124, 125, 16_378, 16_379, 16_380, 16_381, 2_097_146, 2_097_147, 2_097_148, 2_097_149])(
  'a payload of %d bytes: the size is right where Remaining Length grows by a byte',
  (payloadEnd) => {
    const publish = new OutboundPublish();
    publish.topic = 'a';
    publish.payload = Buffer.alloc(payloadEnd);
    publish.payloadEnd = payloadEnd;
    const size = publish.sizeBytes;
    const target = Buffer.alloc(size);
    expect(publish.encode(target, 0)).toBe(size);
    // Not toEqual: it walks two megabytes byte by byte.
    expect(target.equals(generate({ ...readOne(target, 4), dup: false } as Packet))).toBe(true);
  },
);

describe('a packet above the client’s Maximum Packet Size', () => {
  const disconnect: Packet = {
    cmd: 'disconnect',
    reasonCode: 0x8b,
    properties: { reasonString: 'x'.repeat(50), userProperties: { a: 'b' }, serverReference: 'other' },
  };

  test('goes whole when it fits', () => {
    expect(encodePacket(disconnect, 5)).toEqual(generate(disconnect, { protocolVersion: 5 }));
  });

  test('[MQTT-3.14.2-3] [MQTT-3.14.2-4]: goes without what is optional', () => {
    const bytes = encodePacket(disconnect, 5, 40)!;
    expect(bytes.length).toBeLessThanOrEqual(40);
    expect(readOne(bytes, 5)).toMatchObject({ properties: { serverReference: 'other' } });
  });

  test('[MQTT-3.1.2-24]: is not sent when it is still too large', () => {
    expect(encodePacket(disconnect, 5, 5)).toBeNull();
    expect(encodePacket({ cmd: 'suback', messageId: 1, granted: [0, 0, 0] }, 5, 5)).toBeNull();
  });
});
