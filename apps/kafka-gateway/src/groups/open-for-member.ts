// Opens a group for a request, with the answer that Kafka gives where it cannot be opened.
import type { KafkaErrorName } from '@robustmq/kafka-codec';
import type { RequestContext } from '../context.ts';
import type { OwnedGroup } from './group-coordinator.ts';

/** The group, or the error for a member request: of a group that never was, nobody is a member. */
export async function openForMember(
  groupId: string,
  create: boolean,
  { gateway }: RequestContext,
): Promise<OwnedGroup | { readonly error: KafkaErrorName }> {
  if (groupId === '') return { error: 'INVALID_GROUP_ID' };
  const opened = await gateway.groups.open(groupId, create);
  if (opened === 'missing') return { error: 'UNKNOWN_MEMBER_ID' };
  return typeof opened === 'string' ? { error: opened } : opened;
}
