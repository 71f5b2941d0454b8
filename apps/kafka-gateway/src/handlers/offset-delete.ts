// OffsetDelete (47): committed offsets of topics that the group does not read.
import {
  KAFKA_ERRORS,
  type OffsetDeleteRequest,
  type OffsetDeleteResponseInput,
} from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import { groupErrorOf } from '../error-table.ts';
import type { OwnedGroup } from '../groups/group-coordinator.ts';

type PartitionResult = OffsetDeleteResponseInput['topics'][number]['partitions'][number];

export const offsetDelete = api(47, {
  access: [
    { operation: 'delete', resource: 'group' },
    { operation: 'read', resource: 'topic' },
  ],
  handle: async (request, context): Promise<OffsetDeleteResponseInput> => {
    const opened =
      request.groupId === '' ? 'INVALID_GROUP_ID' : await context.gateway.groups.open(request.groupId, false);
    if (opened === 'missing') return failed(KAFKA_ERRORS.GROUP_ID_NOT_FOUND);
    if (typeof opened === 'string') return failed(KAFKA_ERRORS[opened]);
    // Of a group of another protocol nobody knows what it reads.
    if (opened.group.checkOffsetDelete('') === 'NON_EMPTY_GROUP') return failed(KAFKA_ERRORS.NON_EMPTY_GROUP);
    return remove(request, opened, context);
  },
});

async function remove(
  request: OffsetDeleteRequest,
  owned: OwnedGroup,
  { gateway }: RequestContext,
): Promise<OffsetDeleteResponseInput> {
  const shards: { readonly streamId: number; readonly shard: number }[] = [];
  const topics = request.topics.map(({ name, partitions }) => {
    const topic = gateway.cluster.topicByName(name);
    const blocked = owned.group.checkOffsetDelete(name);
    return {
      name,
      partitions: partitions.map(({ partitionIndex }): PartitionResult => {
        if (topic?.partitions[partitionIndex] === undefined) {
          return { partitionIndex, errorCode: KAFKA_ERRORS.UNKNOWN_TOPIC_OR_PARTITION };
        }
        if (blocked === 'NONE') shards.push({ streamId: topic.streamId, shard: partitionIndex });
        return { partitionIndex, errorCode: KAFKA_ERRORS[blocked] };
      }),
    };
  });
  try {
    if (shards.length > 0)
      await gateway.groupStore.deleteOffsets(owned.group.groupId, owned.coordinatorEpoch, shards);
  } catch (error) {
    gateway.groups.fencedBy(owned, error);
    return failed(KAFKA_ERRORS[groupErrorOf(error)]);
  }
  return { errorCode: KAFKA_ERRORS.NONE, throttleTimeMs: 0, topics };
}

function failed(errorCode: number): OffsetDeleteResponseInput {
  return { errorCode, topics: [] };
}
