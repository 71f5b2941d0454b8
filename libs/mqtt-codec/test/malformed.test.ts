// What the specification forbids, a row per normative statement; the same bytes split in two end in the same error.

import type { BrokerError } from '@robustmq/errors';
import { REASON, type ProtocolVersion } from '../src/index.ts';
import { reasonCodeOf } from '../src/decode-error.ts';
import { MqttDecoder, TopicCache } from '../src/index.ts';
import { DEFAULT_PACKET_LIMITS } from '../src/packet-limits.ts';
import { RecordingSink } from './recording-sink.ts';
import { bytes, connectBytes, connectedDecoder, errorOf, packet, section } from './wire.ts';

const MALFORMED = REASON.malformedPacket;
const PROTOCOL = REASON.protocolError;

type Row = readonly [anchor: string, version: ProtocolVersion, input: Buffer, reasonCode: number];

const noProperties = Buffer.of(0);

const rows: readonly Row[] = [
  // Fixed header
  ['[MQTT-2.1.3-1] flags of PUBACK', 4, packet(0x41, 0, 1), MALFORMED],
  ['[MQTT-2.1.3-1] flags of PUBREL', 5, packet(0x60, 0, 1), MALFORMED],
  ['[MQTT-3.8.1-1] flags of SUBSCRIBE', 5, packet(0x80, 0, 1, noProperties, 'a', 0), MALFORMED],
  ['[MQTT-3.10.1-1] flags of UNSUBSCRIBE', 4, packet(0xa0, 0, 1, 'a'), MALFORMED],
  ['[MQTT-2.1.3-1] flags of PINGREQ', 4, packet(0xc1), MALFORMED],
  ['[MQTT-3.14.1-1] flags of DISCONNECT', 4, packet(0xe1), MALFORMED],
  ['type 0 is reserved', 4, packet(0x00), PROTOCOL],
  ['CONNACK from a client', 4, packet(0x20, 0, 0), PROTOCOL],
  ['SUBACK from a client', 4, packet(0x90, 0, 1, 0), PROTOCOL],
  ['PINGRESP from a client', 4, packet(0xd0), PROTOCOL],
  ['[MQTT-3.1.0-2] second CONNECT', 5, connectBytes(5), PROTOCOL],
  ['1.5.5: remaining length of five bytes', 4, bytes(0x30, 0xff, 0xff, 0xff, 0xff, 0x01), MALFORMED],
  ['[MQTT-1.5.5-1] remaining length that is not minimal', 5, bytes(0xc0, 0x80, 0x00), MALFORMED],
  ['3.1.2.11.4: packet above the limit', 4, bytes(0x30, 0xff, 0xff, 0xff, 0x7f), REASON.packetTooLarge],
  // PUBLISH
  ['[MQTT-3.3.1-4] QoS 3', 4, packet(0x36, 'a', 0, 1), MALFORMED],
  ['[MQTT-3.3.1-2] DUP at QoS 0', 4, packet(0x38, 'a'), MALFORMED],
  ['PUBLISH without a topic', 4, packet(0x30), MALFORMED],
  ['topic beyond the packet', 4, packet(0x30, 0, 5, 0x61), MALFORMED],
  ['[MQTT-3.3.2-2] wildcard #', 4, packet(0x30, 'a/#'), REASON.topicNameInvalid],
  ['[MQTT-3.3.2-2] wildcard +', 5, packet(0x30, '+', noProperties), REASON.topicNameInvalid],
  ['[MQTT-4.7.3-1] empty topic', 4, packet(0x30, ''), PROTOCOL],
  ['3.3.2.1: empty topic without an alias', 5, packet(0x30, '', noProperties), PROTOCOL],
  ['[MQTT-4.7.3-2] U+0000 in the topic', 4, packet(0x30, 'a\0b'), MALFORMED],
  ['[MQTT-1.5.4-1] surrogate in the topic', 4, packet(0x30, 0, 3, 0xed, 0xa0, 0x80), MALFORMED],
  ['[MQTT-1.5.4-1] overlong slash', 4, packet(0x30, 0, 2, 0xc0, 0xaf), MALFORMED],
  ['[MQTT-1.5.4-1] cut sequence', 4, packet(0x30, 0, 2, 0x61, 0xe2), MALFORMED],
  ['[MQTT-2.2.1-3] packet identifier 0', 4, packet(0x32, 'a', 0, 0), PROTOCOL],
  ['packet identifier missing', 4, packet(0x32, 'a', 1), MALFORMED],
  ['properties missing', 5, packet(0x30, 'a'), MALFORMED],
  ['properties missing at QoS 1', 5, packet(0x32, 'a', 0, 1), MALFORMED],
  ['properties beyond the packet', 5, packet(0x30, 'a', 9, 0x01, 0), MALFORMED],
  ['[MQTT-1.5.5-1] property length that is not minimal', 5, packet(0x30, 'a', 0x80, 0), MALFORMED],
  ['unknown property', 5, packet(0x30, 'a', section(0x7f, 0)), MALFORMED],
  ['2.2.2.2: property of another packet', 5, packet(0x30, 'a', section(0x11, 0, 0, 0, 1)), MALFORMED],
  ['[MQTT-3.3.4-6] subscription identifier from a client', 5, packet(0x30, 'a', section(0x0b, 1)), PROTOCOL],
  ['property twice', 5, packet(0x30, 'a', section(0x01, 0, 0x01, 0)), PROTOCOL],
  ['property above 0x1f twice', 5, packet(0x30, 'a', section(0x23, 0, 1, 0x23, 0, 1)), PROTOCOL],
  ['value beyond the properties', 5, packet(0x30, 'a', section(0x02, 0, 0), 0, 0), MALFORMED],
  ['payload format indicator 2', 5, packet(0x30, 'a', section(0x01, 2)), PROTOCOL],
  ['[MQTT-3.3.2-8] topic alias 0', 5, packet(0x30, 'a', section(0x23, 0, 0)), REASON.topicAliasInvalid],
  ['[MQTT-3.3.2-14] wildcard in the response topic', 5, packet(0x30, 'a', section(0x08, 'b/+')), PROTOCOL],
  ['[MQTT-4.7.3-1] empty response topic', 5, packet(0x30, 'a', section(0x08, '')), MALFORMED],
  ['[MQTT-3.3.2-13] response topic is no UTF-8', 5, packet(0x30, 'a', section(0x08, 0, 1, 0xff)), MALFORMED],
  [
    '[MQTT-1.5.7-1] user property is no UTF-8',
    5,
    packet(0x30, 'a', section(0x26, 'k', 0, 1, 0xc0)),
    MALFORMED,
  ],
  ['user property without a value', 5, packet(0x30, 'a', section(0x26, 'k')), MALFORMED],
  // Acknowledgements
  ['PUBACK too short', 4, packet(0x40, 1), MALFORMED],
  ['PUBACK too long for 3.1.1', 4, packet(0x40, 0, 1, 0), MALFORMED],
  ['[MQTT-2.2.1-3] PUBACK of 0', 4, packet(0x40, 0, 0), PROTOCOL],
  ['[MQTT-3.4.2-1] reason code of PUBACK', 5, packet(0x40, 0, 1, 0x92), PROTOCOL],
  ['[MQTT-3.7.2-1] reason code of PUBCOMP', 5, packet(0x70, 0, 1, 0x87), PROTOCOL],
  ['bytes behind PUBACK', 5, packet(0x40, 0, 1, 0, noProperties, 1), MALFORMED],
  ['2.2.2.2: property of another packet in PUBACK', 5, packet(0x40, 0, 1, 0, section(0x01, 0)), MALFORMED],
  ['reason string twice', 5, packet(0x40, 0, 1, 0, section(0x1f, 'a', 0x1f, 'b')), PROTOCOL],
  ['PINGREQ with content', 4, packet(0xc0, 0), MALFORMED],
  // SUBSCRIBE, UNSUBSCRIBE
  ['[MQTT-3.8.3-2] no filter', 4, packet(0x82, 0, 1), PROTOCOL],
  ['[MQTT-3.8.3-2] no filter', 5, packet(0x82, 0, 1, noProperties), PROTOCOL],
  ['[MQTT-2.2.1-3] SUBSCRIBE 0', 4, packet(0x82, 0, 0, 'a', 0), PROTOCOL],
  ['filter without options', 4, packet(0x82, 0, 1, 'a'), MALFORMED],
  ['filter beyond the packet', 4, packet(0x82, 0, 1, 0, 9, 0x61, 0), MALFORMED],
  ['[MQTT-3.8.3-1] filter is no UTF-8', 4, packet(0x82, 0, 1, 0, 1, 0xff, 0), MALFORMED],
  ['[MQTT-3.8.3-4] of 3.1.1: options', 4, packet(0x82, 0, 1, 'a', 0x04), MALFORMED],
  ['[MQTT-3.8.3-5] reserved options', 5, packet(0x82, 0, 1, noProperties, 'a', 0x40), MALFORMED],
  ['3.8.3.1: QoS 3', 5, packet(0x82, 0, 1, noProperties, 'a', 0x03), PROTOCOL],
  ['3.8.3.1: Retain Handling 3', 5, packet(0x82, 0, 1, noProperties, 'a', 0x30), PROTOCOL],
  ['3.8.2.1.2: subscription identifier 0', 5, packet(0x82, 0, 1, section(0x0b, 0), 'a', 0), PROTOCOL],
  [
    '3.8.2.1.2: subscription identifier twice',
    5,
    packet(0x82, 0, 1, section(0x0b, 1, 0x0b, 2), 'a', 0),
    PROTOCOL,
  ],
  [
    'subscription identifier of five bytes',
    5,
    packet(0x82, 0, 1, section(0x0b, 0x80, 0x80, 0x80, 0x80, 1), 'a', 0),
    MALFORMED,
  ],
  ['[MQTT-3.10.3-2] no filter', 4, packet(0xa2, 0, 1), PROTOCOL],
  ['UNSUBSCRIBE 0', 4, packet(0xa2, 0, 0, 'a'), PROTOCOL],
  ['UNSUBSCRIBE cut', 4, packet(0xa2, 0, 1, 0, 2, 0x61), MALFORMED],
  // DISCONNECT, AUTH
  ['DISCONNECT of 3.1.1 is empty', 4, packet(0xe0, 0), MALFORMED],
  ['[MQTT-3.14.2-1] reason code of DISCONNECT', 5, packet(0xe0, 0x8e), PROTOCOL],
  ['bytes behind DISCONNECT', 5, packet(0xe0, 0, noProperties, 0), MALFORMED],
  ['3.14.2.2.5: server reference from a client', 5, packet(0xe0, 0, section(0x1c, 's')), PROTOCOL],
  ['AUTH before MQTT 5', 4, packet(0xf0, 0x18), PROTOCOL],
  ['[MQTT-3.15.2-1] AUTH with success', 5, packet(0xf0, 0x00), PROTOCOL],
  ['AUTH without anything', 5, packet(0xf0), PROTOCOL],
  ['AUTH data without method', 5, packet(0xf0, 0x18, section(0x16, 0, 1, 9)), PROTOCOL],
];

test.each(rows)('%s (level %d)', (_anchor, version, input, reasonCode) => {
  const error = errorOf(connectedDecoder(version, 65_536), input);
  expect(error?.code).toBe(reasonCode === REASON.packetTooLarge ? 'too_large' : 'malformed');
  expect(reasonCodeOf(error!)).toBe(reasonCode);
  for (let cut = 1; cut < input.length; cut++) {
    const decoder = connectedDecoder(version, 65_536);
    const split = errorOf(decoder, input.subarray(0, cut)) ?? errorOf(decoder, input.subarray(cut));
    expect(reasonCodeOf(split!)).toBe(reasonCode);
    // After an error nothing is read any more.
    expect(errorOf(decoder, packet(0x00))).toBeNull();
  }
});

const name = bytes('MQTT');

const connects: readonly (readonly [anchor: string, input: Buffer, reasonCode: number, code: string])[] = [
  ['[MQTT-3.1.0-1] something else first', packet(0x30, 'a'), PROTOCOL, 'malformed'],
  ['[MQTT-3.1.2-1] protocol name', packet(0x10, 'MQTt', 4, 2, 0, 0, 'c'), PROTOCOL, 'malformed'],
  ['[MQTT-3.1.2-2] level 6', packet(0x10, name, 6, 2, 0, 0, 0, 'c'), 0x84, 'unsupported'],
  ['[MQTT-3.1.2-2] level 3 of MQTT', packet(0x10, name, 3, 2, 0, 0, 'c'), 0x84, 'unsupported'],
  ['[MQTT-3.1.2-2] level 4 of MQIsdp', packet(0x10, 'MQIsdp', 4, 2, 0, 0, 'c'), 0x84, 'unsupported'],
  ['[MQTT-3.1.2-2] level 6 of a bridge', packet(0x10, name, 0x86, 2, 0, 0, 'c'), 0x84, 'unsupported'],
  [
    '[MQTT-3.1.2-2] MQTT 5 knows no bridge bit',
    packet(0x10, name, 0x85, 2, 0, 0, 0, 'c'),
    0x84,
    'unsupported',
  ],
  ['[MQTT-1.5.5-1] padded length', bytes(0x10, 0x8e, 0x00, name, 5, 2, 0, 0, 0, 'c'), MALFORMED, 'malformed'],
  ['[MQTT-3.1.2-3] reserved flag', packet(0x10, name, 4, 3, 0, 0, 'c'), MALFORMED, 'malformed'],
  ['[MQTT-3.1.2-11] will QoS without will', packet(0x10, name, 4, 0x0a, 0, 0, 'c'), MALFORMED, 'malformed'],
  [
    '[MQTT-3.1.2-13] will retain without will',
    packet(0x10, name, 4, 0x22, 0, 0, 'c'),
    MALFORMED,
    'malformed',
  ],
  ['[MQTT-3.1.2-12] will QoS 3', packet(0x10, name, 4, 0x1e, 0, 0, 'c', 'w', ''), MALFORMED, 'malformed'],
  [
    '[MQTT-3.1.2-22] of 3.1.1: password alone',
    packet(0x10, name, 4, 0x42, 0, 0, 'c', 'p'),
    MALFORMED,
    'malformed',
  ],
  ['will topic with a wildcard', packet(0x10, name, 4, 6, 0, 0, 'c', 'w/#', ''), MALFORMED, 'malformed'],
  [
    '[MQTT-3.1.3-4] client id is no UTF-8',
    packet(0x10, name, 4, 2, 0, 0, 0, 1, 0xff),
    MALFORMED,
    'malformed',
  ],
  [
    '[MQTT-3.1.3-12] user name is no UTF-8',
    packet(0x10, name, 4, 0x82, 0, 0, 'c', 0, 1, 0),
    MALFORMED,
    'malformed',
  ],
  ['user name missing', packet(0x10, name, 4, 0x82, 0, 0, 'c'), MALFORMED, 'malformed'],
  ['bytes behind the last field', packet(0x10, name, 4, 2, 0, 0, 'c', 0), MALFORMED, 'malformed'],
  ['cut in the keep alive', packet(0x10, name, 4, 2, 0), MALFORMED, 'malformed'],
  [
    '3.1.2.11.3: receive maximum 0',
    packet(0x10, name, 5, 2, 0, 0, section(0x21, 0, 0), 'c'),
    PROTOCOL,
    'malformed',
  ],
  [
    '3.1.2.11.4: maximum packet size 0',
    packet(0x10, name, 5, 2, 0, 0, section(0x27, 0, 0, 0, 0), 'c'),
    PROTOCOL,
    'malformed',
  ],
  [
    '3.1.2.11.7: request problem information 2',
    packet(0x10, name, 5, 2, 0, 0, section(0x17, 2), 'c'),
    PROTOCOL,
    'malformed',
  ],
  [
    '3.1.2.11.10: data without method',
    packet(0x10, name, 5, 2, 0, 0, section(0x16, 0, 1, 1), 'c'),
    PROTOCOL,
    'malformed',
  ],
  [
    'will properties: response topic with a wildcard',
    packet(0x10, name, 5, 6, 0, 0, 0, 'c', section(0x08, '#'), 'w', ''),
    PROTOCOL,
    'malformed',
  ],
];

test.each(connects)('CONNECT, %s', (_anchor, input, reasonCode, code) => {
  const error = errorOf(new MqttDecoder({ topics: new TopicCache() }), input);
  expect(error?.code).toBe(code);
  expect(reasonCodeOf(error!)).toBe(reasonCode);
});

test('4.13.1: what is wrong with a CONNECT of MQTT 5 can be answered in its words', () => {
  const levelOf = (input: Buffer): unknown =>
    errorOf(new MqttDecoder({ topics: new TopicCache() }), input)?.details['protocolLevel'];
  expect(levelOf(packet(0x10, name, 5, 3, 0, 0, 0, 'c'))).toBe(5);
  expect(levelOf(packet(0x10, name, 5, 2, 0, 0, section(0x21, 0, 0), 'c'))).toBe(5);
  expect(levelOf(packet(0x10, name, 4, 3, 0, 0, 'c'))).toBeUndefined();
  expect(levelOf(packet(0x10, 'MQTt', 5, 2, 0, 0, 0, 'c'))).toBeUndefined();
});

test('before authentication a packet is small; afterwards it may be large (I8)', () => {
  const decoder = new MqttDecoder({ topics: new TopicCache(), firstPacketMaxBytes: 100 });
  expect(errorOf(decoder, bytes(0x10, 0xe8, 0x07))?.details).toMatchObject({
    sizeBytes: 1003,
    limitBytes: 100,
  });
  const large = packet(0x30, 'a', Buffer.alloc(70_000));
  expect(errorOf(connectedDecoder(4, large.length), large)).toBeNull();
  expect(errorOf(connectedDecoder(4, large.length - 1), large)?.code).toBe('too_large');
});

test.each([
  [
    '3.1.1 with the bit of a bridge',
    packet(0x10, 'MQTT', 0x84, 2, 0, 0, 'c'),
    { protocolVersion: 4, bridgeMode: true },
  ],
  [
    '3.1 with the bit of a bridge',
    packet(0x10, 'MQIsdp', 0x83, 2, 0, 0, 'c'),
    { protocolVersion: 3, bridgeMode: true },
  ],
  ['3.1 with a bit that it does not know', packet(0x10, 'MQIsdp', 3, 3, 0, 0, 'c'), { protocolVersion: 3 }],
  ['3.1.1 with a padded length', bytes(0x10, 0x8d, 0x00, 'MQTT', 4, 2, 0, 0, 'c'), { protocolVersion: 4 }],
])('CONNECT of %s is taken, as every broker takes it', (_what, input, expected) => {
  const sink = new RecordingSink();
  const decoder = new MqttDecoder({ topics: new TopicCache() });
  expect(errorOf(decoder, input, sink)).toBeNull();
  expect(sink.packets).toMatchObject([{ cmd: 'connect', clientId: 'c', ...expected }]);
  expect(decoder.protocolVersion).toBe(expected.protocolVersion);
});

describe('N8: what one packet may hold is bounded, with 0x97', () => {
  const limits = { maxUserProperties: 3, maxTopicFilters: 4, maxTopicLevels: 5 };
  const limited = (version: ProtocolVersion): MqttDecoder => {
    const decoder = new MqttDecoder({ topics: new TopicCache(), limits });
    decoder.push(connectBytes(version), new RecordingSink());
    return decoder;
  };
  const pairs = (count: number): Buffer => section(...new Array<Buffer>(count).fill(bytes(0x26, 'k', 'v')));
  const filters = (count: number, options: readonly number[]): Buffer =>
    bytes(...new Array<Buffer>(count).fill(bytes('a', ...options)));

  const holding: readonly (readonly [
    what: string,
    version: ProtocolVersion,
    of: (count: number) => Buffer,
    limit: number,
  ])[] = [
    ['user properties of PUBLISH', 5, (count) => packet(0x30, 'a', pairs(count)), 3],
    ['user properties of PUBACK', 5, (count) => packet(0x40, 0, 1, 0, pairs(count)), 3],
    ['user properties of SUBSCRIBE', 5, (count) => packet(0x82, 0, 1, pairs(count), 'a', 0), 3],
    ['user properties of UNSUBSCRIBE', 5, (count) => packet(0xa2, 0, 1, pairs(count), 'a'), 3],
    ['user properties of DISCONNECT', 5, (count) => packet(0xe0, 0, pairs(count)), 3],
    ['filters of SUBSCRIBE', 5, (count) => packet(0x82, 0, 1, 0, filters(count, [0])), 4],
    ['filters of SUBSCRIBE', 4, (count) => packet(0x82, 0, 1, filters(count, [0])), 4],
    ['filters of UNSUBSCRIBE', 4, (count) => packet(0xa2, 0, 1, filters(count, [])), 4],
  ];

  test.each(holding)('%s, level %d (N13: at the limit and one above)', (_what, version, of, limit) => {
    expect(errorOf(limited(version), of(limit))).toBeNull();
    const error = errorOf(limited(version), of(limit + 1));
    expect([error?.code, reasonCodeOf(error!)]).toEqual(['quota_exceeded', REASON.quotaExceeded]);
  });

  test.each([
    ['itself', (count: number) => packet(0x10, 'MQTT', 5, 2, 0, 0, pairs(count), 'c')],
    ['its will', (count: number) => packet(0x10, 'MQTT', 5, 6, 0, 0, 0, 'c', pairs(count), 'w', '')],
  ])('user properties of a CONNECT, of %s: it can be answered in words of MQTT 5', (_what, of) => {
    const read = (count: number): BrokerError | null =>
      errorOf(new MqttDecoder({ topics: new TopicCache(), limits }), of(count));
    expect(read(3)).toBeNull();
    expect(read(4)?.details).toMatchObject({ reasonCode: REASON.quotaExceeded, protocolLevel: 5 });
  });

  test('a topic with more levels than are served is handed on as such, also when it comes again', () => {
    const decoder = limited(4);
    const depths: [string, boolean][] = [];
    const sink = new RecordingSink();
    sink.publish = (view): void => void depths.push([view.topic, view.isTopicTooDeep]);
    for (const topic of ['a/b/c/d/e', 'a/b/c/d/e/f', 'a/b/c/d/e/f', 'a', '/////'])
      decoder.push(packet(0x30, topic), sink);
    expect(depths).toEqual([
      ['a/b/c/d/e', false],
      ['a/b/c/d/e/f', true],
      ['a/b/c/d/e/f', true],
      ['a', false],
      ['/////', true],
    ]);
  });

  // A limit of milliseconds would measure the machine. That the cost grows with the count, never faster, is what the
  // limits rely on: a tenth of each limit takes far less than a slice.
  test.each([
    [
      'topic filters',
      (count: number): Buffer =>
        packet(0x82, 0, 1, 0, ...new Array<Buffer>(count).fill(bytes('a/b/c/d/e/f/g/h', 1))),
      DEFAULT_PACKET_LIMITS.maxTopicFilters,
    ],
    ['bytes of user properties', userProperties, DEFAULT_PACKET_LIMITS.maxUserProperties],
    [
      'levels of a topic that is too deep',
      (count: number): Buffer => packet(0x30, new Array<string>(count).fill('a').join('/'), 0),
      32_767,
    ],
  ])('the dearest packet costs no more than its count of %s', (_name, input, limit) => {
    const decoder = connectedDecoder(5, 1 << 20);
    const sizes = [limit, Math.floor(limit / 8)].map((count) => input(count));
    const best = sizes.map(() => Number.POSITIVE_INFINITY);
    // In turns, so that a busy moment of the machine meets both.
    for (let round = 0; round < 40; round++)
      for (const [at, size] of sizes.entries()) {
        const startMs = performance.now();
        for (let repeat = 0; repeat < 4; repeat++)
          expect(errorOf(decoder, size, new RecordingSink())).toBeNull();
        best[at] = Math.min(best[at]!, performance.now() - startMs);
      }
    // Eight times the count: quadratic work would cost sixty-four times as much.
    expect(best[0]! / best[1]!).toBeLessThan(24);
  });
});

function userProperties(count: number): Buffer {
  const long = bytes(0x26, 'k'.repeat(7_000), 'v'.repeat(7_000));
  const content = bytes(...new Array<Buffer>(count).fill(long));
  const length = content.length;
  return packet(0x30, 'a', (length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14, content);
}
