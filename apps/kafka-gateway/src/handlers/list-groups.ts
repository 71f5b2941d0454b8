// ListGroups (16): clients ask every broker and join the answers, so each gateway lists what it coordinates, and of
// the groups without a coordinator those for which it is the hint.
import { KAFKA_ERRORS, type ListGroupsRequest, type ListGroupsResponseInput } from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import { claimedAnswer, MAX_ANSWER_BYTES } from '../bounded-answer.ts';
import { rendezvousOrder } from '../brokers.ts';
import type { RequestContext } from '../context.ts';
import { groupErrorOf } from '../error-table.ts';
import type { GroupSummary } from '@robustmq/meta-client';

type Listed = ListGroupsResponseInput['groups'][number];

const CLASSIC = 'classic';

export const listGroups = api(16, {
  answer: 'claimed',
  access: [{ operation: 'describe', resource: 'cluster' }],
  // How many groups there are only meta knows.
  handle: (request, context) =>
    claimedAnswer(
      MAX_ANSWER_BYTES,
      context,
      () => list(request, context),
      () => ({ errorCode: KAFKA_ERRORS.COORDINATOR_LOAD_IN_PROGRESS, groups: [] }),
    ),
});

async function list(request: ListGroupsRequest, context: RequestContext): Promise<ListGroupsResponseInput> {
  const states = new Set(request.statesFilter.map((state) => state.toLowerCase()));
  const types = new Set(request.typesFilter.map((type) => type.toLowerCase()));
  const groups: Listed[] = [];
  if (types.size > 0 && !types.has(CLASSIC)) return { errorCode: KAFKA_ERRORS.NONE, groups };
  try {
    for await (const summary of context.gateway.groupStore.list()) {
      const listed = isOurs(summary, context) ? show(summary, context) : undefined;
      if (listed === undefined) continue;
      if (states.size === 0 || states.has((listed.groupState ?? '').toLowerCase())) groups.push(listed);
    }
  } catch (error) {
    return { errorCode: KAFKA_ERRORS[groupErrorOf(error)], groups: [] };
  }
  return { throttleTimeMs: 0, errorCode: KAFKA_ERRORS.NONE, groups };
}

function isOurs({ groupId, claim }: GroupSummary, { gateway }: RequestContext): boolean {
  const { cluster } = gateway;
  if (claim?.live === true) return claim.nodeId === cluster.selfNodeId;
  return rendezvousOrder(cluster.brokers(), groupId)[0]?.nodeId === cluster.selfNodeId;
}

/** The state in memory is fresher than the stored one. */
function show(summary: GroupSummary, { gateway }: RequestContext): Listed {
  const group = gateway.groups.loaded(summary.groupId)?.group;
  return {
    groupId: summary.groupId,
    protocolType: group?.protocolType ?? summary.protocolType,
    groupState: group?.state ?? (summary.state === '' ? 'Empty' : summary.state),
    groupType: CLASSIC,
  };
}
