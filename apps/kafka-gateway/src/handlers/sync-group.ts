// SyncGroup (14): the leader brings the assignment, everyone takes its part.
import { EMPTY_BYTES, KAFKA_ERRORS, type SyncGroupResponseInput } from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import { openForMember } from '../groups/open-for-member.ts';
import { mapInTurns } from '../map-in-turns.ts';

/** From here on a member has to say in which protocol it is (KIP-559). */
const PROTOCOL_VERSION = 5;

export const syncGroup = api(14, {
  answer: 'kept',
  access: [{ operation: 'read', resource: 'group' }],
  handle: async (request, context): Promise<SyncGroupResponseInput> => {
    const { generationId, memberId, groupInstanceId, protocolType, protocolName } = request;
    if (context.apiVersion >= PROTOCOL_VERSION && (protocolType === null || protocolName === null))
      return failed(KAFKA_ERRORS.INCONSISTENT_GROUP_PROTOCOL);
    const owned = await openForMember(request.groupId, false, context);
    if ('error' in owned) return failed(KAFKA_ERRORS[owned.error]);
    // The group outlives the frame, so the bytes are copied out of it.
    const assignments = await mapInTurns(request.assignments, context.gateway.turns, (one) => ({
      memberId: one.memberId,
      assignment: Buffer.from(one.assignment),
    }));
    const result = await context.gateway.groups.sync(
      owned,
      { memberId, groupInstanceId, generationId, protocolType, protocolName, assignments },
      context.connection.closed,
    );
    return {
      throttleTimeMs: 0,
      errorCode: KAFKA_ERRORS[result.error],
      protocolType: result.protocolType,
      protocolName: result.protocolName,
      assignment: result.assignment,
    };
  },
});

function failed(errorCode: number): SyncGroupResponseInput {
  return { errorCode, assignment: EMPTY_BYTES };
}
