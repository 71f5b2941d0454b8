// LeaveGroup (13): one member before version 3, several after it (KIP-345).
import {
  KAFKA_ERRORS,
  type KafkaErrorName,
  type LeaveGroupRequest,
  type LeaveGroupResponseInput,
} from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import { openForMember } from '../groups/open-for-member.ts';
import { mapInTurns } from '../map-in-turns.ts';

const SEVERAL_MEMBERS_VERSION = 3;

export const leaveGroup = api(13, {
  answer: 2,
  access: [{ operation: 'read', resource: 'group' }],
  handle: async (request, context): Promise<LeaveGroupResponseInput> => {
    const owned = await openForMember(request.groupId, false, context);
    if ('error' in owned) return refused(owned.error, request, context.apiVersion);
    const { groups, turns } = context.gateway;
    if (context.apiVersion < SEVERAL_MEMBERS_VERSION) {
      const identity = { memberId: request.memberId, groupInstanceId: null };
      const error = owned.group.leave(identity, groups.nowMs());
      return { throttleTimeMs: 0, errorCode: KAFKA_ERRORS[error] };
    }
    const members = await mapInTurns(request.members, turns, ({ memberId, groupInstanceId }) => ({
      memberId,
      groupInstanceId,
      errorCode: KAFKA_ERRORS[owned.group.leave({ memberId, groupInstanceId }, groups.nowMs())],
    }));
    return { throttleTimeMs: 0, errorCode: KAFKA_ERRORS.NONE, members };
  },
});

/** Of a group that is not there nobody is a member: newer clients look for that at each member. */
function refused(
  error: KafkaErrorName,
  { members }: LeaveGroupRequest,
  apiVersion: number,
): LeaveGroupResponseInput {
  const errorCode = KAFKA_ERRORS[error];
  if (error !== 'UNKNOWN_MEMBER_ID' || apiVersion < SEVERAL_MEMBERS_VERSION) return { errorCode };
  return {
    throttleTimeMs: 0,
    errorCode: KAFKA_ERRORS.NONE,
    members: members.map(({ memberId, groupInstanceId }) => ({ memberId, groupInstanceId, errorCode })),
  };
}
