// DescribeGroups (15): by the coordinator, which loads the group if it has to.
import {
  EMPTY_BYTES,
  KAFKA_ERRORS,
  type DescribeGroupsResponseInput,
  type KafkaErrorName,
} from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import { GROUP_OPERATIONS } from '../authorized-operations.ts';
import { boundedAnswer } from '../bounded-answer.ts';
import type { RequestContext } from '../context.ts';

type Described = DescribeGroupsResponseInput['groups'][number];

/** Before it a group that does not exist was described as dead (KIP-1043). */
const NOT_FOUND_VERSION = 6;

export const describeGroups = api(15, {
  answer: 'claimed',
  access: [{ operation: 'describe', resource: 'group' }],
  handle: async (request, context): Promise<DescribeGroupsResponseInput> => ({
    throttleTimeMs: 0,
    groups: await boundedAnswer([...new Set(request.groups)], context, {
      read: async (groupId) => {
        const described = await describe(groupId, context);
        const isKnown = described.errorCode === KAFKA_ERRORS.NONE && request.includeAuthorizedOperations;
        return isKnown ? { ...described, authorizedOperations: GROUP_OPERATIONS } : described;
      },
      sizeOf,
      refuse: (groupId) => empty(groupId, 'COORDINATOR_LOAD_IN_PROGRESS'),
    }),
  }),
});

async function describe(groupId: string, { gateway, apiVersion }: RequestContext): Promise<Described> {
  // The empty id is one of simple consumers: whoever describes all groups that are listed describes it too.
  const opened = await gateway.groups.open(groupId, false);
  if (opened === 'missing') {
    if (apiVersion < NOT_FOUND_VERSION) return { ...empty(groupId, 'NONE'), groupState: 'Dead' };
    return {
      ...empty(groupId, 'GROUP_ID_NOT_FOUND'),
      groupState: 'Dead',
      errorMessage: `Group ${groupId} not found.`,
    };
  }
  if (typeof opened === 'string') return empty(groupId, opened);
  const { state, protocolType, protocolName, members } = opened.group.describe();
  return {
    ...empty(groupId, 'NONE'),
    groupState: state,
    protocolType,
    protocolData: protocolName,
    members: members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: apiVersion >= 4 ? member.groupInstanceId : null,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: member.metadata.length === 0 ? EMPTY_BYTES : member.metadata,
      memberAssignment: member.assignment,
    })),
  };
}

function sizeOf({ members }: Described): number {
  let sizeBytes = 0;
  for (const { memberId, memberMetadata, memberAssignment } of members)
    sizeBytes += memberId.length + memberMetadata.length + memberAssignment.length;
  return sizeBytes;
}

function empty(groupId: string, error: KafkaErrorName): Described {
  return {
    errorCode: KAFKA_ERRORS[error],
    groupId,
    groupState: '',
    protocolType: '',
    protocolData: '',
    members: [],
  };
}
