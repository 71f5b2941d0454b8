// Heartbeat (12).
import { KAFKA_ERRORS, type HeartbeatResponseInput } from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import { openForMember } from '../groups/open-for-member.ts';

export const heartbeat = api(12, {
  answer: 'fixed',
  access: [{ operation: 'read', resource: 'group' }],
  handle: async (request, context): Promise<HeartbeatResponseInput> => {
    const owned = await openForMember(request.groupId, false, context);
    if ('error' in owned) return { errorCode: KAFKA_ERRORS[owned.error] };
    const error = owned.group.heartbeat(request, request.generationId, context.gateway.groups.nowMs());
    return { throttleTimeMs: 0, errorCode: KAFKA_ERRORS[error] };
  },
});
