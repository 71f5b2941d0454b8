// Batches of very many records: what they cost the journal in one turn of the loop does not grow with them (N8).

import { RecordBatchBuilder } from '@robustmq/record-batch';
import type { PendingBatch } from '../src/shard/pending.ts';
import type { Shard } from '../src/shard/shard.ts';
import type { StreamFacts } from '../src/shard/stream-facts.ts';
import { MAX_TOLD_RECORDS, topicsOfBatch } from '../src/shard/stream-topics.ts';
import { WritePath } from './write-path.ts';

/** A batch of so many records, each with a topic. */
function keyed(records: number): Buffer {
  const builder = new RecordBatchBuilder();
  for (let index = 0; index < records; index++) builder.append(1, 'a/b', null);
  return builder.finishCopy();
}

describe('N8: topics of one batch', () => {
  test('are told of as many records as a turn has time for', () => {
    expect(topicsOfBatch(keyed(MAX_TOLD_RECORDS), 0)).toHaveLength(MAX_TOLD_RECORDS);
  });

  test('of more records are left to whoever may want some: it is opaque, as if it were compressed', () => {
    expect(topicsOfBatch(keyed(MAX_TOLD_RECORDS + 1), 0)).toBe('opaque');
  });
});

describe('N8: topics of all batches of one tick', () => {
  const THIRD = Math.ceil(MAX_TOLD_RECORDS / 3);
  let path: WritePath;
  let told: boolean[];

  /** A shard of the built-in stream, or of one whose MQTT topics are these. */
  const shardOf = (streamId: number, facts: Pick<StreamFacts, 'mqttFilter' | 'ownsRest'>): Shard => {
    const shard = path.leading(streamId);
    shard.describe({ streamId, topicId: '', tenant: 'default', name: `s${streamId}`, config: {}, ...facts });
    return shard;
  };

  /** Appends them in one tick, and lets HW pass them. */
  const commit = async (...appends: readonly (readonly [Shard, number])[]): Promise<void> => {
    for (const [index, [shard, records]] of appends.entries()) path.append(shard, index, keyed(records));
    await path.sync();
  };

  beforeEach(() => {
    path = new WritePath();
    told = [];
    path.onCommitted = (_shard: Shard, batches: readonly PendingBatch[]) =>
      void told.push(...batches.map(({ topics }) => topics !== 'opaque'));
  });

  test('are told up to the limit; what is beyond is opaque, and the next tick begins anew', async () => {
    const shard = shardOf(1, { mqttFilter: '', ownsRest: true });
    await commit([shard, THIRD], [shard, THIRD], [shard, THIRD], [shard, 1]);
    expect(told).toEqual([true, true, false, true]);
    await commit([shard, MAX_TOLD_RECORDS]);
    expect(told.at(-1)).toBe(true);
  });

  test('are not used up by streams whose records need no look', async () => {
    const invisible = shardOf(1, { mqttFilter: '', ownsRest: false });
    const exact = shardOf(2, { mqttFilter: 'a/b', ownsRest: false });
    const wild = shardOf(3, { mqttFilter: 'a/#', ownsRest: false });
    await commit([invisible, MAX_TOLD_RECORDS], [exact, MAX_TOLD_RECORDS], [wild, MAX_TOLD_RECORDS]);
    expect(told).toEqual([true, true, true]);
  });
});
