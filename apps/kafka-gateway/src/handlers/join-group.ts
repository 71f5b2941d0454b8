// JoinGroup (11): into the coordinator's core; the answer comes when the rebalance completes.
import { randomUUID } from 'node:crypto';
import { KAFKA_ERRORS, type JoinGroupRequest, type JoinGroupResponseInput } from '@robustmq/kafka-codec';
import { MAX_PROTOCOLS, type JoinResult } from '@robustmq/kafka-group';
import { api } from '../api.ts';
import type { RequestContext } from '../context.ts';
import { openForMember } from '../groups/open-for-member.ts';

/** Before this version a member may enter without an id (KIP-394). */
const MEMBER_ID_REQUIRED_VERSION = 4;
const SKIP_ASSIGNMENT_VERSION = 9;
const NULLABLE_PROTOCOL_VERSION = 7;

export const joinGroup = api(11, {
  answer: 'kept',
  access: [{ operation: 'read', resource: 'group' }],
  handle: async (request, context): Promise<JoinGroupResponseInput> => {
    const create = request.memberId === '';
    const owned = await openForMember(request.groupId, create, context);
    if ('error' in owned) return failed(KAFKA_ERRORS[owned.error], request.memberId, context.apiVersion);
    const result = await context.gateway.groups.join(
      owned,
      joinRequestOf(request, context),
      context.connection.closed,
    );
    return respond(result, context.apiVersion);
  },
});

function joinRequestOf(request: JoinGroupRequest, { apiVersion, clientId, connection }: RequestContext) {
  const prefix = request.groupInstanceId ?? clientId;
  return {
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    clientId,
    clientHost: `/${connection.clientHost}`,
    sessionTimeoutMs: request.sessionTimeoutMs,
    // Version 0 has no rebalance timeout: the session timeout served for both.
    rebalanceTimeoutMs: apiVersion >= 1 ? request.rebalanceTimeoutMs : request.sessionTimeoutMs,
    protocolType: request.protocolType,
    // The group outlives the frame, so the bytes are copied out of it: of as many as are enough to refuse too many.
    protocols: request.protocols
      .slice(0, MAX_PROTOCOLS + 1)
      .map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
    requireKnownMemberId: apiVersion >= MEMBER_ID_REQUIRED_VERSION && request.groupInstanceId === null,
    supportSkippingAssignment: apiVersion >= SKIP_ASSIGNMENT_VERSION,
    newMemberId: `${prefix}-${randomUUID()}`,
  };
}

function respond(result: JoinResult, apiVersion: number): JoinGroupResponseInput {
  return {
    throttleTimeMs: 0,
    errorCode: KAFKA_ERRORS[result.error],
    generationId: result.generationId,
    protocolType: result.protocolType,
    protocolName: result.protocolName ?? noProtocol(apiVersion),
    leader: result.leaderId,
    ...(apiVersion >= SKIP_ASSIGNMENT_VERSION ? { skipAssignment: result.skipAssignment } : {}),
    memberId: result.memberId,
    members: result.members,
  };
}

function noProtocol(apiVersion: number): string | null {
  return apiVersion >= NULLABLE_PROTOCOL_VERSION ? null : '';
}

function failed(errorCode: number, memberId: string, apiVersion: number): JoinGroupResponseInput {
  const protocolName = noProtocol(apiVersion);
  return { errorCode, generationId: -1, protocolName, leader: '', memberId, members: [] };
}
