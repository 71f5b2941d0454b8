// What is asked of all streams, counted as rows are committed.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ShardSchema, StreamSchema, type Stream } from '@robustmq/rpc';
import { StreamIndex } from '../src/cluster/stream-index.ts';

const NOTHING = { streams: 0, shards: 0, mqttShards: 0 };

const streamOf = (
  streamId: number,
  shards: number,
  init: MessageInitShape<typeof StreamSchema> = {},
): Stream =>
  create(StreamSchema, {
    streamId,
    tenant: 't',
    name: `s${streamId}`,
    shardsAtCreation: shards,
    shards: Array.from({ length: shards }, (_, shard) => create(ShardSchema, { shard })),
    ...init,
  });

describe('the index of streams', () => {
  let index: StreamIndex;
  beforeEach(() => (index = new StreamIndex()));

  test('O1, I8: counts streams and shards of a tenant, and those that own MQTT topics by their number at creation', () => {
    const plain = streamOf(1, 2);
    const owner = streamOf(2, 3, { mqttFilter: 'a/#' });
    for (const stream of [
      plain,
      owner,
      streamOf(3, 4, { name: 'mqtt' }),
      streamOf(4, 5, { tenant: 'other' }),
    ])
      index.changed(undefined, stream);
    expect(index.usageOf('t')).toEqual({ streams: 3, shards: 9, mqttShards: 7 });
    const grown = streamOf(2, 6, { mqttFilter: 'a/#', shardsAtCreation: 3 });
    index.changed(owner, grown);
    expect(index.usageOf('t')).toEqual({ streams: 3, shards: 12, mqttShards: 7 });
    index.changed(grown, undefined);
    expect(index.usageOf('t')).toEqual({ streams: 2, shards: 6, mqttShards: 4 });
    expect(index.usageOf('other')).toEqual({ streams: 1, shards: 5, mqttShards: 0 });
    expect(index.usageOf('nobody')).toEqual(NOTHING);
  });

  test('O1: filters and names go with their stream, those of the last one too', () => {
    const stream = streamOf(1, 1, { mqttFilter: 'a/+' });
    index.changed(undefined, stream);
    expect(index.conflict('t', '+/b')).toMatchObject({ filter: 'a/+', owner: 1 });
    expect([index.idOf('t', 's1'), index.idOf('other', 's1')]).toEqual([1, undefined]);
    expect(index.conflict('other', '+/b')).toBeUndefined();
    index.changed(stream, undefined);
    expect([index.conflict('t', '+/b'), index.idOf('t', 's1')]).toEqual([undefined, undefined]);
    expect(index.usageOf('t')).toEqual(NOTHING);
  });

  test('O2: a stream is unsettled until its ownership is active, or it is gone', () => {
    const [one, two] = [streamOf(1, 1), streamOf(2, 1)];
    index.changed(undefined, one);
    index.changed(undefined, two);
    expect([...index.unsettled]).toEqual([1, 2]);
    index.changed(one, { ...one, ownershipActive: true });
    expect([...index.unsettled]).toEqual([2]);
    index.changed(two, undefined);
    expect([...index.unsettled]).toEqual([]);
  });
});
