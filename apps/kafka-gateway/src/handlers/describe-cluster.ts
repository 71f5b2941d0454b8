// DescribeCluster (60): the live gateways as brokers. Controllers are internal here and answer no clients.
import { KAFKA_ERRORS, type DescribeClusterResponseInput } from '@robustmq/kafka-codec';
import { api } from '../api.ts';
import { CLUSTER_OPERATIONS } from '../authorized-operations.ts';
import { endpointOf } from '../brokers.ts';

const BROKERS = 1;
const CONTROLLERS = 2;
/** MISMATCHED_ENDPOINT_TYPE: there is such a type, but not here. */
const MISMATCHED_ENDPOINT_TYPE = 114;
/** UNSUPPORTED_ENDPOINT_TYPE. */
const UNSUPPORTED_ENDPOINT_TYPE = 115;

export const describeCluster = api(60, {
  answer: 'fixed',
  access: [{ operation: 'describe', resource: 'cluster' }],
  handle: ({ endpointType, includeClusterAuthorizedOperations }, context): DescribeClusterResponseInput => {
    if (endpointType !== BROKERS) {
      return {
        ...empty(endpointType === CONTROLLERS ? MISMATCHED_ENDPOINT_TYPE : UNSUPPORTED_ENDPOINT_TYPE),
        errorMessage: 'only brokers can be described here',
        endpointType,
      };
    }
    const { cluster } = context.gateway;
    return {
      ...empty(KAFKA_ERRORS.NONE),
      clusterId: cluster.clusterId,
      controllerId: cluster.selfNumber,
      ...(includeClusterAuthorizedOperations ? { clusterAuthorizedOperations: CLUSTER_OPERATIONS } : {}),
      brokers: cluster.brokers().map((broker) => {
        const { nodeId, host, port, rack } = endpointOf(broker, context);
        return { brokerId: nodeId, host, port, rack };
      }),
    };
  },
});

function empty(errorCode: number): DescribeClusterResponseInput {
  return { throttleTimeMs: 0, errorCode, clusterId: '', brokers: [] };
}
