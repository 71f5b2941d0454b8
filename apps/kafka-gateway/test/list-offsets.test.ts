// Where partitions begin and end: ListOffsets and OffsetForLeaderEpoch.

import { BrokerError } from '@robustmq/errors';
import { KAFKA_ERRORS, ZERO_UUID } from '@robustmq/kafka-codec';
import { kafkaErrorName } from '@robustmq/kafka-codec/testing';
import { RunningGateway, type TestOptions } from './fakes/running-gateway.ts';
import type { WireClient } from './fakes/wire-client.ts';

const LIST_OFFSETS = 2;
const LEADER_EPOCH = 23;

let running: RunningGateway;
let client: WireClient;

async function start(options: TestOptions = {}): Promise<void> {
  ({ running, client } = await RunningGateway.withClient(options));
}

afterEach(() => running.stop());

describe('ListOffsets', () => {
  const ask = async (version: number, timestamp: number, name = 't', partitionIndex = 0) =>
    (
      await client.call(LIST_OFFSETS, version, {
        replicaId: -1,
        topics: [{ name, partitions: [{ partitionIndex, timestamp }] }],
      })
    ).topics[0]?.partitions[0];

  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])(
    'version %i: earliest, latest, by time, and the newer marks',
    async (version) => {
      await start();
      const { streamId } = running.meta.add('t');
      const shard = running.journal.shard(streamId, 0);
      shard.startOffset = 4;
      shard.endOffset = 9;
      expect(await ask(version, -2)).toMatchObject({ errorCode: 0, offset: 4 });
      expect(await ask(version, -1)).toMatchObject({ errorCode: 0, offset: 9 });
      expect(await ask(version, 5_000)).toMatchObject({ errorCode: 0, offset: -1, timestamp: -1 });
      const mark = async (timestamp: number) => {
        const { errorCode = -1, offset } = (await ask(version, timestamp)) ?? {};
        return errorCode === 0 ? offset : kafkaErrorName(errorCode);
      };
      const from = (least: number, offset: number) => (version >= least ? offset : 'UNSUPPORTED_VERSION');
      expect(await mark(-3)).toBe(from(7, -1));
      // Earliest local is the earliest; nothing is tiered.
      expect(await mark(-4)).toBe(from(8, 4));
      expect(await mark(-5)).toBe(from(9, -1));
      expect(await mark(-6)).toBe(from(11, -1));
      expect(await mark(-9)).toBe('UNSUPPORTED_VERSION');
    },
  );

  test('errors', async () => {
    await start();
    running.meta.add('t');
    expect((await ask(7, -1, 'nope'))?.errorCode).toBe(KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION);
    expect((await ask(7, -1, 't', 5))?.errorCode).toBe(KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION);
    running.journal.queryError = new BrokerError('offset_not_available', '');
    expect((await ask(7, -1))?.errorCode).toBe(KAFKA_ERRORS.OFFSET_NOT_AVAILABLE);
  });
});

test.each([2, 3, 4])('OffsetForLeaderEpoch version %i (KIP-320)', async (version) => {
  await start();
  const { streamId } = running.meta.add('t');
  running.journal.shard(streamId, 0).endOffset = 9;
  const ask = async (partition: number) =>
    (
      await client.call(LEADER_EPOCH, version, {
        topics: [{ topic: 't', partitions: [{ partition, currentLeaderEpoch: 3, leaderEpoch: 2 }] }],
      })
    ).topics[0]?.partitions[0];
  expect(await ask(0)).toMatchObject({ errorCode: 0, leaderEpoch: 2, endOffset: 9 });
  expect((await ask(4))?.errorCode).toBe(KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION);
  running.journal.queryError = new BrokerError('stale_epoch', '');
  expect((await ask(0))?.errorCode).toBe(KAFKA_ERRORS.FENCED_LEADER_EPOCH);
  expect(ZERO_UUID).toHaveLength(22);
});
