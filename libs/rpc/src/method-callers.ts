// Which kinds of service may call which method (N15). Total by type: a method that has no row here does not compile.
import type { DescService } from '@bufbuild/protobuf';
import { ServiceKind } from './generated/robustmq/common/v1/common_pb.ts';
import { GatewayService } from './generated/robustmq/gateway/v1/gateway_pb.ts';
import { JournalService } from './generated/robustmq/journal/v1/journal_pb.ts';
import { ClusterService } from './generated/robustmq/meta/v1/cluster_pb.ts';
import { GroupService } from './generated/robustmq/meta/v1/group_pb.ts';
import { SessionService } from './generated/robustmq/meta/v1/session_pb.ts';

type Callers = readonly ServiceKind[];
type Rows<S extends DescService> = Readonly<Record<keyof S['method'], Callers>>;

const { JOURNAL, MQTT_GATEWAY, KAFKA_GATEWAY, ADMIN_API, RULE_ENGINE } = ServiceKind;
const GATEWAYS: Callers = [MQTT_GATEWAY, KAFKA_GATEWAY, RULE_ENGINE];
/** Everybody but meta itself, which calls nobody. */
const NODES: Callers = [JOURNAL, ...GATEWAYS, ADMIN_API];
const TOPIC_ADMINS: Callers = [KAFKA_GATEWAY, RULE_ENGINE, ADMIN_API];
const GROUP_MEMBERS: Callers = [KAFKA_GATEWAY, RULE_ENGINE];

const CLUSTER: Rows<typeof ClusterService> = {
  registerNode: NODES,
  renewLease: NODES,
  releaseNode: NODES,
  watchCluster: NODES,
  createStream: TOPIC_ADMINS,
  deleteStream: TOPIC_ADMINS,
  addShards: TOPIC_ADMINS,
  alterStreamConfig: TOPIC_ADMINS,
  acknowledgeOwnership: GATEWAYS,
  claimLeadership: [JOURNAL],
  alterIsr: [JOURNAL],
  listDeletions: [JOURNAL],
  acknowledgeDeletions: [JOURNAL],
  allocateProducerIds: GATEWAYS,
  putUser: [ADMIN_API],
  deleteUser: [ADMIN_API],
  putDynamicConfig: [ADMIN_API],
  raiseFeatureLevel: [ADMIN_API],
};

const SESSIONS: Rows<typeof SessionService> = {
  openSessions: [MQTT_GATEWAY],
  readSession: [MQTT_GATEWAY],
  releaseSessions: [MQTT_GATEWAY],
  updateSessions: [MQTT_GATEWAY],
  listSessions: [MQTT_GATEWAY, ADMIN_API],
  dropSessions: [MQTT_GATEWAY, ADMIN_API],
  reassignSession: [ADMIN_API],
};

const GROUPS: Rows<typeof GroupService> = {
  claimGroup: GROUP_MEMBERS,
  lookupGroups: GROUP_MEMBERS,
  putGroupRows: GROUP_MEMBERS,
  readGroupRows: GROUP_MEMBERS,
  commitOffsets: GROUP_MEMBERS,
  fetchOffsets: GROUP_MEMBERS,
  deleteOffsets: GROUP_MEMBERS,
  deleteGroups: GROUP_MEMBERS,
  listGroups: [...GROUP_MEMBERS, ADMIN_API],
};

const JOURNALS: Rows<typeof JournalService> = {
  exchange: [JOURNAL, ...GATEWAYS],
  listOffsets: [...GATEWAYS, ADMIN_API],
  endOffsetsForEpochs: [JOURNAL, ...GATEWAYS],
  describeShards: [...GATEWAYS, ADMIN_API],
  deleteRecords: [KAFKA_GATEWAY, ADMIN_API],
};

const PEERS: Rows<typeof GatewayService> = {
  mesh: [MQTT_GATEWAY],
  takeOver: [MQTT_GATEWAY],
  endSessions: [ADMIN_API],
};

const CALLERS: ReadonlyMap<string, Callers> = new Map([
  ...rowsOf(ClusterService, CLUSTER),
  ...rowsOf(SessionService, SESSIONS),
  ...rowsOf(GroupService, GROUPS),
  ...rowsOf(JournalService, JOURNALS),
  ...rowsOf(GatewayService, PEERS),
]);

function rowsOf<S extends DescService>(service: S, rows: Rows<S>): [string, Callers][] {
  const byName: Readonly<Record<string, Callers>> = rows;
  return service.methods.map((method) => [
    `/${service.typeName}/${method.name}`,
    byName[method.localName] ?? [],
  ]);
}

/** The kinds that may call a method, given as `/package.Service/Method`; none for a method that nobody knows. */
export function callersOf(method: string): Callers {
  return CALLERS.get(method) ?? [];
}
