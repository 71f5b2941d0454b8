// What Kafka producers may write into a stream that MQTT sees: nothing of it ends a client, a session or the gateway.

import { deflateBatch, type SECTION_CODECS } from '@robustmq/batch-compression/testing';
import { batchHeader, MQTT_HEADER_NAME, RecordBatchBuilder, type RecordHeader } from '@robustmq/record-batch';
import { writeMqttFacts } from '@robustmq/record-batch/testing';
import { type RawClient, start, until, type Running } from './running-gateway.ts';

const COUNT_AT = 57;
const LAST_OFFSET_DELTA_AT = 23;
const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };

describe('records of Kafka producers', () => {
  let running: Running;

  const client = (version: 4 | 5 = 5): RawClient => running.client(version);

  /** Two subscribers of `t`: one that is there, and one that is away until the test brings it back. */
  const subscribers = async (): Promise<{ live: RawClient; comeBack(): Promise<RawClient> }> => {
    const live = client();
    await live.connect('live');
    await live.subscribe('t', 1);
    const away = client();
    await away.connect('away', durable);
    await away.subscribe('t', 1);
    away.send({ cmd: 'disconnect' });
    await until(() => running.meta.calls.includes('release away'));
    return {
      live,
      async comeBack() {
        const back = client();
        await back.connect('away', durable);
        return back;
      },
    };
  };

  const produce = (...batches: Buffer[]): void => {
    for (const batch of batches) running.journal.produce(1, 0, batch);
  };

  beforeEach(async () => {
    running = await start();
  });

  afterEach(() => running.stop());

  const odd: readonly (readonly [string, readonly RecordHeader[]])[] = [
    ['a value with U+0000', [['kafka_deliveryAttempt', Buffer.from([0, 0, 0, 1])]]],
    ['a value that is no UTF-8', [['raw', Buffer.from([0xff, 0xfe])]]],
    ['a name with U+0000', [['na\0me', 'v']]],
    ['a value that would grow over 65,535 bytes', [['h', Buffer.alloc(30_000, 0xff)]]],
    ['a value that would grow by three bytes too many', [['n', Buffer.alloc(21_846, 0xff)]]],
    ['a value of more than 65,535 bytes', [['long', Buffer.alloc(65_536, 'x')]]],
  ];

  test.each(odd)('N12: %s is left out and counted, the rest is delivered', async (_name, headers) => {
    const { live, comeBack } = await subscribers();
    const builder = new RecordBatchBuilder();
    builder.append(1, 't', Buffer.from('before'));
    builder.append(1, 't', Buffer.from('odd'), [['plain', 'text'], ...headers]);
    builder.append(1, 't', Buffer.from('behind'));
    produce(builder.finishCopy(), batchOf('later'));
    for (const subscriber of [live, await comeBack()]) {
      await until(() => subscriber.payloads().length === 4, 'all records');
      expect(subscriber.payloads()).toEqual(['before', 'odd', 'behind', 'later']);
      const packet = subscriber.received.find(
        (each) => each.cmd === 'publish' && String(each.payload) === 'odd',
      );
      expect(packet).toMatchObject({ properties: { userProperties: { plain: 'text' } } });
      expect(subscriber.isClosed).toBe(false);
    }
    const { tails, catchUp } = running.gateway.serving!;
    expect(tails.counters.leftOutHeaders).toBe(1);
    expect(catchUp.walked.leftOutHeaders).toBe(1);
  });

  test('O7: header `mqtt` of a foreign batch counts for nothing and is shown to nobody', async () => {
    const { live, comeBack } = await subscribers();
    const packed = Buffer.alloc(200);
    const facts = { qos: 0, retain: true, expiresAtMs: 1, responseTopic: 'stolen' };
    const name = MQTT_HEADER_NAME.toString();
    const value = packed.subarray(0, writeMqttFacts(packed, 0, facts));
    const builder = new RecordBatchBuilder();
    builder.append(1, 't', Buffer.from('copied'), [
      [name, value],
      ['kept', 'v'],
      [name, 'again'],
    ]);
    produce(
      builder.finishCopy(),
      builder.finishCopy({ producerId: 2 ** 40 - 1, producerEpoch: 0, baseSequence: 0 }),
    );
    for (const subscriber of [live, await comeBack()]) {
      await until(() => subscriber.payloads().length === 2, 'both records');
      const packet = await subscriber.take('publish');
      expect(packet).toMatchObject({ qos: 1, retain: false });
      expect(packet.properties).toEqual({ userProperties: { kept: 'v' } });
    }
  });

  test('a record with no value and one with a null header are empty, not broken', async () => {
    const { live } = await subscribers();
    const builder = new RecordBatchBuilder();
    builder.append(1, 't', null, [['none', null]]);
    produce(builder.finishCopy());
    expect((await live.take('publish')).properties).toEqual({ userProperties: { none: '' } });
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'N1: a compressed batch (%s) that claims 30 million records costs nothing but itself',
    async (codec) => {
      const { live, comeBack } = await subscribers();
      const lie = deflateBatch(batchOf('x'), 0, codec);
      lie.writeInt32BE(30_000_000, COUNT_AT);
      lie.writeInt32BE(29_999_999, LAST_OFFSET_DELTA_AT);
      batchHeader.stampCrc(lie, 0);
      const before = process.memoryUsage().rss;
      produce(lie, batchOf('behind'));
      const back = await comeBack();
      for (const subscriber of [live, back]) {
        await until(() => subscriber.payloads().length === 1, 'the record behind');
        expect(subscriber.payloads()).toEqual(['behind']);
      }
      expect(process.memoryUsage().rss - before).toBeLessThan(100 << 20);
      expect(running.gateway.serving!.tails.counters.badBatches).toBe(1);
    },
  );

  test('N1, N9: nor from the backlog, where the session is the only one with its filter', async () => {
    const away = client();
    await away.connect('away', durable);
    await away.subscribe('t', 1);
    away.send({ cmd: 'disconnect' });
    await until(() => running.meta.calls.includes('release away'));
    const lie = deflateBatch(batchOf('x'), 0, 'gzip');
    lie.writeInt32BE(30_000_000, COUNT_AT);
    lie.writeInt32BE(29_999_999, LAST_OFFSET_DELTA_AT);
    batchHeader.stampCrc(lie, 0);
    const grows = new RecordBatchBuilder();
    grows.append(1, 't', Buffer.from('v'), [['n', Buffer.alloc(21_846, 0xff)]]);
    produce(lie, withOffsetDelta('far', 1_000, 'zstd'), grows.finishCopy(), batchOf('behind'));
    for (let times = 1; times <= 2; times++) {
      const back = client();
      await back.connect('away', durable);
      await until(() => back.payloads().length === 2, 'what can be shown');
      expect(back.payloads()).toEqual(['v', 'behind']);
      const { counters } = running.gateway.serving!.catchUp;
      expect(counters.badBatches).toBe(2);
      back.close();
      await until(() => running.meta.calls.filter((call) => call === 'release away').length === times + 1);
    }
  });

  test('N1: an offset outside of its compressed batch is believed neither live nor from the backlog', async () => {
    const { live, comeBack } = await subscribers();
    produce(withOffsetDelta('lie', 1_000_000, 'gzip'));
    const publisher = client();
    await publisher.connect('pub');
    for (let id = 1; id <= 3; id++) {
      publisher.publish('t', `own-${id}`, 1, id);
      await publisher.take('puback');
    }
    for (const subscriber of [live, await comeBack()]) {
      await until(() => subscriber.payloads().length >= 3, 'the acknowledged publishes');
      expect(subscriber.payloads()).toEqual(['own-1', 'own-2', 'own-3']);
    }
    // The cursor is where the log is: nothing is skipped after a further reconnect either.
    const again = await comeBack();
    publisher.publish('t', 'own-4', 1, 4);
    await until(() => again.payloads().includes('own-4'), 'what was published last');
  });

  test('a compressed batch that is none is one bad batch', async () => {
    const { live, comeBack } = await subscribers();
    const broken = deflateBatch(batchOf('x'.repeat(100)), 0, 'gzip');
    broken.fill(0x55, 65);
    batchHeader.stampCrc(broken, 0);
    produce(broken, batchOf('behind'));
    for (const subscriber of [live, await comeBack()]) {
      await until(() => subscriber.payloads().length === 1, 'the record behind');
    }
    expect(running.log.lines.some((line) => line.startsWith('warn unreadable batch'))).toBe(true);
  });

  test('O5: a key under $SYS, one that is no UTF-8 and one that is no topic are counted, not delivered', async () => {
    const live = client();
    await live.connect('live');
    await live.subscribe('#', 1);
    await live.subscribe('$SYS/#', 1);
    const builder = new RecordBatchBuilder();
    for (const key of ['$SYS/broker', Buffer.from([0x61, 0xff]), 'a/+', 'fine\ufffd']) {
      builder.append(1, key, Buffer.from('v'));
    }
    produce(builder.finishCopy());
    expect((await live.take('publish')).topic).toBe('fine\ufffd');
    expect(live.payloads()).toEqual([]);
    expect(running.gateway.serving!.tails.counters.notVisible).toBe(3);
  });
});

function batchOf(...values: readonly string[]): Buffer {
  const builder = new RecordBatchBuilder();
  for (const value of values) builder.append(1, 't', Buffer.from(value));
  return builder.finishCopy();
}

/** A compressed batch of one offset whose only record says that it lies elsewhere. */
function withOffsetDelta(value: string, delta: number, codec: keyof typeof SECTION_CODECS): Buffer {
  const far = new RecordBatchBuilder();
  const record = Buffer.concat([
    Buffer.from([0, 0]),
    zigzag(delta),
    Buffer.from([2, 0x74, value.length * 2]),
  ]);
  const body = Buffer.concat([record, Buffer.from(value), Buffer.from([0])]);
  far.append(1, 't', Buffer.from(value));
  const header = far.finishCopy().subarray(0, 61);
  const batch = Buffer.concat([header, Buffer.from([body.length * 2]), body]);
  batch.writeInt32BE(batch.length - 12, 8);
  return deflateBatch(batch, 0, codec);
}

function zigzag(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value * 2; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) {
      bytes.push(rest);
      return Buffer.from(bytes);
    }
    bytes.push((rest % 128) | 0x80);
  }
}
