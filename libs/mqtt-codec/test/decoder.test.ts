import { BrokerError } from '@robustmq/errors';
import { generate } from 'mqtt-packet';
import { MqttDecoder, TopicCache, type DecoderSink, type PublishView } from '../src/index.ts';
import { RecordingSink } from './recording-sink.ts';
import { bytes, connectBytes, connectedDecoder, errorOf, packet, section } from './wire.ts';

/** A sink whose `publish` does what the test says. */
class PublishSink extends RecordingSink implements DecoderSink {
  readonly #run: (view: PublishView) => void;
  constructor(run: (view: PublishView) => void) {
    super();
    this.#run = run;
  }
  override publish(view: PublishView): void {
    this.#run(view);
  }
}

test('strings of a publish are decoded when asked for, in the order of the packet [MQTT-3.3.2-18]', () => {
  const input = packet(
    0x30,
    'a/ä',
    section(
      0x26,
      'k',
      'v',
      0x03,
      'text/plain',
      0x26,
      'k',
      '',
      0x08,
      'reply',
      0x09,
      0,
      2,
      1,
      2,
      0x02,
      0,
      0,
      0,
      9,
    ),
    Buffer.from('payload'),
  );
  let seen = 0;
  const sink = new PublishSink((view) => {
    seen++;
    expect(view.topic).toBe('a/ä');
    expect(view.userProperties()).toEqual(['k', 'v', 'k', '']);
    expect(view.userPropertyCount).toBe(2);
    expect(view.contentType).toBe('text/plain');
    expect(view.responseTopic).toBe('reply');
    expect(view.correlationData).toEqual(Buffer.of(1, 2));
    expect(view.messageExpiryIntervalS).toBe(9);
    expect(view.payload.toString()).toBe('payload');
    expect(view.buffer.subarray(view.propertiesStart, view.propertiesEnd).length).toBe(input[8]);
  });
  connectedDecoder(5).push(input, sink);
  expect(seen).toBe(1);
});

test('properties do not stay from one publish to the next', () => {
  const views: [number, string | undefined, number, string[]][] = [];
  const sink = new PublishSink((view) =>
    views.push([view.topicAlias, view.contentType, view.messageExpiryIntervalS, view.userProperties()]),
  );
  const first = packet(0x30, 'a', section(0x23, 0, 1, 0x03, 'x', 0x02, 0, 0, 0, 1, 0x26, 'k', 'v'));
  const second = packet(0x30, 'a', section(0x01, 1));
  connectedDecoder(5).push(Buffer.concat([first, second, packet(0x30, 'a', 0)]), sink);
  expect(views).toEqual([
    [1, 'x', 1, ['k', 'v']],
    [0, undefined, -1, []],
    [0, undefined, -1, []],
  ]);
});

test('a property section of more than 127 bytes has a longer length', () => {
  const value = 'v'.repeat(200);
  const content = bytes(0x26, 'k', value);
  const input = packet(
    0x30,
    'a',
    0x80 | (content.length & 0x7f),
    content.length >> 7,
    content,
    Buffer.from('p'),
  );
  let pairs: string[] = [];
  connectedDecoder(5).push(input, new PublishSink((view) => (pairs = view.userProperties())));
  expect(pairs).toEqual(['k', value]);
});

test('MQTT 3.1 may repeat PUBREL, SUBSCRIBE and UNSUBSCRIBE with DUP', () => {
  const sink = new RecordingSink();
  const input = [packet(0x6a, 0, 1), packet(0x8a, 0, 2, 'a', 1), packet(0xaa, 0, 3, 'a')];
  connectedDecoder(3).push(Buffer.concat(input), sink);
  expect(sink.packets.map((each) => each['cmd'])).toEqual(['pubrel', 'subscribe', 'unsubscribe']);
  expect(errorOf(connectedDecoder(4), packet(0x6a, 0, 1))?.code).toBe('malformed');
});

test('[MQTT-3.14.4-1]: nothing is read behind DISCONNECT', () => {
  for (const version of [3, 4, 5] as const) {
    const sink = new RecordingSink();
    const decoder = connectedDecoder(version);
    decoder.push(Buffer.concat([packet(0xe0), packet(0xc0)]), sink);
    decoder.push(packet(0xc0), sink);
    expect(sink.packets.map((each) => each['cmd'])).toEqual(['disconnect']);
  }
});

test.each([
  ['reason only', packet(0xe0, 0x04), { reasonCode: 4 }],
  [
    'expiry',
    packet(0xe0, 0, section(0x11, 0, 0, 0, 5)),
    { reasonCode: 0, properties: { sessionExpiryInterval: 5 } },
  ],
  ['AUTH', packet(0xf0, 0x18, section(0x15, 'm')), { cmd: 'auth', reasonCode: 0x18 }],
])('short forms of MQTT 5: %s', (_name, input, expected) => {
  const sink = new RecordingSink();
  connectedDecoder(5).push(input, sink);
  expect(sink.packets[0]).toMatchObject(expected);
});

test('close inside a callback drops the rest of the chunk', () => {
  const decoder = connectedDecoder(4);
  let count = 0;
  const sink = new PublishSink(() => {
    count++;
    decoder.close();
  });
  decoder.push(Buffer.concat([packet(0x30, 'a'), packet(0x30, 'a')]), sink);
  expect(count).toBe(1);
});

test('an error of the sink closes the decoder and reaches the caller', () => {
  const decoder = connectedDecoder(4);
  const sink = new PublishSink(() => {
    throw new BrokerError('quota_exceeded', 'enough');
  });
  expect(errorOf(decoder, packet(0x30, 'a'), sink)?.code).toBe('quota_exceeded');
  expect(errorOf(decoder, packet(0x30, 'a'), sink)).toBeNull();
});

test('what arrives while paused is bounded (I8)', () => {
  const decoder = connectedDecoder(4, 100);
  decoder.pause();
  const sink = new RecordingSink();
  for (let count = 0; count < 16; count++) expect(errorOf(decoder, Buffer.alloc(65_536), sink)).toBeNull();
  expect(errorOf(decoder, Buffer.alloc(1), sink)?.code).toBe('quota_exceeded');
  expect(errorOf(decoder, packet(0xc0), sink)).toBeNull();
  decoder.resume(sink);
  expect(sink.packets).toEqual([]);
});

test('resume of nothing reads nothing, and reading goes on', () => {
  const decoder = connectedDecoder(4);
  const sink = new RecordingSink();
  decoder.pause();
  decoder.resume(sink);
  decoder.push(packet(0xc0), sink);
  expect(sink.packets).toEqual([{ cmd: 'pingreq' }]);
});

test('a control packet has memory of its own', () => {
  const decoder = new MqttDecoder({ topics: new TopicCache() });
  const input = generate({
    cmd: 'connect',
    clientId: 'c',
    username: 'u',
    password: Buffer.from('secret'),
    protocolVersion: 4,
  });
  let password: Buffer | undefined;
  const sink = new RecordingSink();
  sink.packet = (found) => {
    if (found.cmd === 'connect') password = found.password;
  };
  decoder.push(input, sink);
  input.fill(0);
  expect(password?.toString()).toBe('secret');
});

test('a header alone claims no memory for its body (I8)', () => {
  const before = process.memoryUsage().external;
  const decoders = Array.from({ length: 200 }, () => connectedDecoder(4, 1 << 29));
  for (const decoder of decoders)
    decoder.push(bytes(0x30, 0xff, 0xff, 0xff, 0x7f, 0x00), new RecordingSink());
  expect(process.memoryUsage().external - before).toBeLessThan(8 << 20);
  expect(decoders).toHaveLength(200);
});

test('I8: what a packet that has come in part keeps is told, and gone when it is complete or the decoder closed', () => {
  const decoder = connectedDecoder(4);
  const publish = Buffer.concat([bytes(0x30, 0x88, 0x27, 0, 1, 0x61), Buffer.alloc(5_000 - 3)]);
  const sink = new RecordingSink();
  decoder.push(publish, sink);
  expect([decoder.unfinishedBytes, decoder.splitPackets]).toEqual([0, 0]);
  decoder.push(publish.subarray(0, 2), sink);
  expect([decoder.unfinishedBytes, decoder.splitPackets]).toEqual([0, 0]);
  decoder.push(publish.subarray(2, 10), sink);
  expect([decoder.unfinishedBytes, decoder.splitPackets]).toEqual([4096, 1]);
  decoder.push(publish.subarray(10, 4_999), sink);
  expect([decoder.unfinishedBytes, decoder.splitPackets]).toEqual([5_000, 1]);
  decoder.push(Buffer.concat([publish.subarray(4_999), publish.subarray(0, 100)]), sink);
  expect([decoder.unfinishedBytes, decoder.splitPackets]).toEqual([4096, 2]);
  decoder.close();
  expect(decoder.unfinishedBytes).toBe(0);
});

test('CONNECT of every level, byte by byte', () => {
  for (const version of [3, 4, 5] as const) {
    const decoder = new MqttDecoder({ topics: new TopicCache() });
    const sink = new RecordingSink();
    for (const byte of connectBytes(version)) decoder.push(Buffer.of(byte), sink);
    expect(sink.packets).toMatchObject([{ cmd: 'connect', protocolVersion: version, clientId: 'c' }]);
    expect(decoder.protocolVersion).toBe(version);
  }
});

describe('N8: input that takes more than a turn', () => {
  /** A clock that moves with every packet read, and the pings that were read in each turn. */
  function reading(packetsPerTurn: number): { turns: number[]; decoder: MqttDecoder; sink: RecordingSink } {
    const turns = [0];
    const sink = new RecordingSink();
    const decoder = new MqttDecoder({
      topics: new TopicCache(),
      maxHeldBytes: 1 << 22,
      isTurnSpent: () => turns.at(-1)! >= packetsPerTurn,
    });
    decoder.push(connectBytes(4), sink);
    sink.pingreq = (): void => void turns[turns.length - 1]!++;
    return { turns, decoder, sink };
  }

  test('stops between packets and goes on when it is told to', () => {
    const { turns, decoder, sink } = reading(1_000);
    decoder.push(Buffer.alloc(20_000).fill(packet(0xc0)), sink);
    while (decoder.isYielding) {
      turns.push(0);
      decoder.resume(sink);
    }
    expect(turns.reduce((sum, count) => sum + count)).toBe(10_000);
    // It looks at the clock behind each such packet: one that thousands of filters match takes a turn of its own.
    expect(turns).toEqual(new Array<number>(10).fill(1_000));
    expect(decoder.holdsInput).toBe(false);
  });

  test('looks at the clock once per few acknowledgements, which cost less than the look', () => {
    let looks = 0;
    const decoder = new MqttDecoder({ topics: new TopicCache(), isTurnSpent: () => ++looks > 5 });
    const sink = new RecordingSink();
    decoder.push(connectBytes(4), sink);
    let acks = 0;
    sink.ack = (): void => void acks++;
    decoder.push(Buffer.alloc(4_000).fill(Buffer.of(0x40, 2, 0, 1)), sink);
    expect(decoder.isYielding).toBe(true);
    expect(acks).toBeLessThanOrEqual(6 * 16);
    expect(acks).toBeGreaterThan(3 * 16);
  });

  test('what comes while it yields waits behind what is left', () => {
    const order: string[] = [];
    let isSpent = true;
    const decoder = new MqttDecoder({ topics: new TopicCache(), isTurnSpent: () => isSpent });
    const sink = new PublishSink(({ topic }) => void order.push(topic));
    const topics = Array.from({ length: 100 }, (_, index) => `t${index}`);
    decoder.push(connectBytes(4), sink);
    decoder.push(Buffer.concat(topics.slice(0, 60).map((topic) => packet(0x30, topic))), sink);
    expect(decoder.isYielding && decoder.holdsInput).toBe(true);
    for (const topic of topics.slice(60)) decoder.push(packet(0x30, topic), sink);
    isSpent = false;
    decoder.resume(sink);
    expect(order).toEqual(topics);
    expect(decoder.isYielding || decoder.holdsInput).toBe(false);
  });

  test('a turn that is spent with the last packet of a chunk leaves nothing to resume', () => {
    const { decoder, sink } = reading(1);
    decoder.push(packet(0xc0), sink);
    expect(decoder.isYielding || decoder.holdsInput).toBe(false);
  });
});

test('N13: a whole frame of a WebSocket may wait, and is read without copying the rest for every packet', () => {
  const decoder = new MqttDecoder({ topics: new TopicCache(), maxHeldBytes: 1 << 24 });
  let count = 0;
  const sink = new PublishSink((view) => {
    count++;
    // A byte of the payload is a view of the pushed chunk itself, however often reading paused before.
    if (view.payload.buffer !== frame.buffer) throw new BrokerError('internal', 'copied');
    decoder.pause();
  });
  decoder.push(connectBytes(4), sink);
  const publish = packet(0x30, 't', Buffer.alloc(995));
  const frame = Buffer.alloc(12_000 * publish.length).fill(publish);
  decoder.push(frame, sink);
  while (decoder.holdsInput) decoder.resume(sink);
  expect(count).toBe(12_000);
});

test('I8: a drip of bytes while paused is joined, not listed', () => {
  const decoder = connectedDecoder(4);
  const sink = new RecordingSink();
  decoder.pause();
  const input = Buffer.alloc(10_000).fill(packet(0xc0));
  for (const byte of input) decoder.push(Buffer.of(byte), sink);
  decoder.resume(sink);
  expect(sink.packets).toHaveLength(5_000);
});
