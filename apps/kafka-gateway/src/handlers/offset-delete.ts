// OffsetDelete (47): committed offsets of topics that the group does not read.
import type { Turn } from '@robustmq/batch-compression';
import {
  KAFKA_ERRORS,
  type OffsetDeleteRequest,
  type OffsetDeleteResponseInput,
} from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import { groupErrorOf } from '../error-table.ts';
import type { OwnedGroup } from '../groups/group-coordinator.ts';
import { mapInTurns } from '../map-in-turns.ts';

type PartitionResult = OffsetDeleteResponseInput['topics'][number]['partitions'][number];

export const offsetDelete = api(47, {
  answer: 2,
  access: [
    { operation: 'delete', resource: 'group' },
    { operation: 'read', resource: 'topic' },
  ],
  handle: async (request, context): Promise<OffsetDeleteResponseInput> => {
    const opened =
      request.groupId === '' ? 'INVALID_GROUP_ID' : await context.gateway.groups.open(request.groupId, false);
    if (opened === 'missing') return failed(KAFKA_ERRORS.GROUP_ID_NOT_FOUND);
    if (typeof opened === 'string') return failed(KAFKA_ERRORS[opened]);
    const refusal = opened.group.checkOffsetDelete();
    if (refusal !== 'NONE') return failed(KAFKA_ERRORS[refusal]);
    return remove(request, opened, context);
  },
});

async function remove(
  request: OffsetDeleteRequest,
  owned: OwnedGroup,
  { gateway }: RequestContext,
): Promise<OffsetDeleteResponseInput> {
  const { turns } = gateway;
  const shards: { readonly streamId: number; readonly shard: number }[] = [];
  const isRead = await subscribed(owned, turns);
  const topics = await mapInTurns(request.topics, turns, async ({ name, partitions }) => {
    const topic = gateway.cluster.topicByName(name);
    const blocked = isRead(name) ? 'GROUP_SUBSCRIBED_TO_TOPIC' : 'NONE';
    return {
      name,
      partitions: await mapInTurns(partitions, turns, ({ partitionIndex }): PartitionResult => {
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

/** Whether a member reads the topic, or may do so: of a subscription that cannot be read nothing can be said. */
async function subscribed({ group }: OwnedGroup, turns: Turn): Promise<(topic: string) => boolean> {
  const read = new Set<string>();
  for (const topics of group.subscriptions()) {
    if (turns.isSpent) await turns.yield();
    if (topics === undefined) return () => true;
    for (const topic of topics) read.add(topic);
  }
  return (topic) => read.has(topic);
}

function failed(errorCode: number): OffsetDeleteResponseInput {
  return { errorCode, topics: [] };
}
