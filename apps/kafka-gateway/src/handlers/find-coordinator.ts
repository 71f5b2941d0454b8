// FindCoordinator (10): the live claim of the group, or a stable hint where there is none (rules F1, K2).
import { KAFKA_ERRORS, type FindCoordinatorResponseInput } from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import { endpointOf, rendezvousOrder } from '../brokers.ts';
import type { RequestContext } from '../context.ts';
import { groupErrorOf } from '../error-table.ts';
import { mapInTurns } from '../map-in-turns.ts';
import type { GroupClaim } from '@robustmq/meta-client';

type Coordinator = NonNullable<FindCoordinatorResponseInput['coordinators']>[number];

const GROUP = 0;
const TRANSACTION = 1;
/** From here on several keys are asked for at once. */
const BATCH_VERSION = 4;

export const findCoordinator = api(10, {
  answer: 64,
  access: [{ operation: 'describe', resource: 'group' }],
  handle: async (request, context): Promise<FindCoordinatorResponseInput> => {
    const batch = context.apiVersion >= BATCH_VERSION;
    const keys = batch ? request.coordinatorKeys : [request.key];
    const coordinators = await find(keys, request.keyType, context);
    if (batch) return { throttleTimeMs: 0, coordinators };
    const [only] = coordinators;
    if (only === undefined)
      return { errorCode: KAFKA_ERRORS.INVALID_REQUEST, nodeId: -1, host: '', port: -1 };
    const { errorCode, errorMessage, nodeId, host, port } = only;
    return { throttleTimeMs: 0, errorCode, errorMessage: errorMessage ?? null, nodeId, host, port };
  },
});

async function find(
  keys: readonly string[],
  keyType: number,
  context: RequestContext,
): Promise<Coordinator[]> {
  if (keyType !== GROUP) {
    // Until transactions work: librdkafka repeats its question after every code but those of authorization.
    const errorCode =
      keyType === TRANSACTION
        ? KAFKA_ERRORS.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        : KAFKA_ERRORS.INVALID_REQUEST;
    return keys.map((key) => failed(key, errorCode, 'only consumer groups have coordinators here'));
  }
  const { turns } = context.gateway;
  let claims: readonly (GroupClaim | undefined)[];
  try {
    claims = await context.gateway.groupStore.lookup(keys);
  } catch (error) {
    const errorCode = KAFKA_ERRORS[groupErrorOf(error)];
    return keys.map((key) => failed(key, errorCode, 'the metadata service cannot be reached'));
  }
  return mapInTurns(keys, turns, (key, index) => coordinatorOf(key, claims[index], context));
}

function coordinatorOf(key: string, claim: GroupClaim | undefined, context: RequestContext): Coordinator {
  const brokers = context.gateway.cluster.brokers();
  const holder = claim?.live === true ? brokers.find(({ nodeId }) => nodeId === claim.nodeId) : undefined;
  const broker = holder ?? rendezvousOrder(brokers, key)[0];
  if (broker === undefined) return failed(key, KAFKA_ERRORS.COORDINATOR_NOT_AVAILABLE, 'no gateway is live');
  const { nodeId, host, port } = endpointOf(broker, context);
  return { key, nodeId, host, port, errorCode: KAFKA_ERRORS.NONE, errorMessage: null };
}

function failed(key: string, errorCode: number, errorMessage: string): Coordinator {
  return { key, nodeId: -1, host: '', port: -1, errorCode, errorMessage };
}
