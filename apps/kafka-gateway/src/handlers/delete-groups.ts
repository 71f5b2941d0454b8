// DeleteGroups (42): empty groups with all their offsets.
import { KAFKA_ERRORS, type DeleteGroupsResponseInput, type KafkaErrorName } from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import { groupErrorOf } from '../error-table.ts';
import { mapBounded } from '../map-bounded.ts';

export const deleteGroups = api(42, {
  answer: 4,
  access: [{ operation: 'delete', resource: 'group' }],
  handle: async (request, context): Promise<DeleteGroupsResponseInput> => ({
    throttleTimeMs: 0,
    results: await mapBounded([...new Set(request.groupsNames)], context.gateway.turns, async (groupId) => ({
      groupId,
      errorCode: KAFKA_ERRORS[await remove(groupId, context)],
    })),
  }),
});

async function remove(groupId: string, { gateway }: RequestContext): Promise<KafkaErrorName> {
  const opened = await gateway.groups.open(groupId, false);
  if (opened === 'missing') return 'GROUP_ID_NOT_FOUND';
  if (typeof opened === 'string') return opened;
  const error = opened.group.delete();
  if (error !== 'NONE') return error;
  // Dead in memory from here on: a member that comes meanwhile claims the group anew, after the delete.
  try {
    await gateway.groupStore.deleteGroup(groupId, opened.coordinatorEpoch);
    return 'NONE';
  } catch (failure) {
    return groupErrorOf(failure);
  } finally {
    gateway.groups.forget(opened);
  }
}
