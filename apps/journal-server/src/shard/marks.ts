// What a shard's leader says of its log: start, HW, LSO, LEO.

import { create } from '@bufbuild/protobuf';
import { ShardMarksSchema, type ShardMarks } from '@robustmq/rpc';
import type { Shard } from './shard.ts';

/** Marks of a shard as its leader knows them. */
export function marksOf(shard: Shard): ShardMarks {
  return create(ShardMarksSchema, {
    streamId: shard.streamId,
    shard: shard.shard,
    leaderEpoch: shard.leaderEpoch,
    logStartOffset: BigInt(shard.log.logStartOffset),
    highWatermark: BigInt(shard.highWatermark),
    lastStableOffset: BigInt(shard.lastStableOffset),
    logEndOffset: BigInt(shard.log.logEndOffset),
    durableLogEndOffset: BigInt(shard.leader?.durableLogEndOffset ?? shard.log.logEndOffset),
  });
}
