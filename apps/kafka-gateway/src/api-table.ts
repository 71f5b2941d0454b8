// Every API that is served; an API is here and complete, or it is not advertised.
import type { ApiRow } from './api.ts';
import { alterConfigs } from './handlers/alter-configs.ts';
import { apiVersions } from './handlers/api-versions.ts';
import { createPartitions } from './handlers/create-partitions.ts';
import { createTopics } from './handlers/create-topics.ts';
import { deleteGroups } from './handlers/delete-groups.ts';
import { deleteRecords } from './handlers/delete-records.ts';
import { deleteTopics } from './handlers/delete-topics.ts';
import { describeCluster } from './handlers/describe-cluster.ts';
import { describeConfigs } from './handlers/describe-configs.ts';
import { describeGroups } from './handlers/describe-groups.ts';
import { describeTopicPartitions } from './handlers/describe-topic-partitions.ts';
import { fetch } from './handlers/fetch.ts';
import { findCoordinator } from './handlers/find-coordinator.ts';
import { heartbeat } from './handlers/heartbeat.ts';
import { incrementalAlterConfigs } from './handlers/incremental-alter-configs.ts';
import { initProducerId } from './handlers/init-producer-id.ts';
import { joinGroup } from './handlers/join-group.ts';
import { leaveGroup } from './handlers/leave-group.ts';
import { listGroups } from './handlers/list-groups.ts';
import { listOffsets } from './handlers/list-offsets.ts';
import { listPartitionReassignments } from './handlers/list-partition-reassignments.ts';
import { metadata } from './handlers/metadata.ts';
import { offsetCommit } from './handlers/offset-commit.ts';
import { offsetDelete } from './handlers/offset-delete.ts';
import { offsetFetch } from './handlers/offset-fetch.ts';
import { offsetForLeaderEpoch } from './handlers/offset-for-leader-epoch.ts';
import { produce } from './handlers/produce.ts';
import { syncGroup } from './handlers/sync-group.ts';

const ROWS: readonly ApiRow[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  apiVersions(() => ROWS),
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  describeConfigs,
  alterConfigs,
  createPartitions,
  deleteGroups,
  incrementalAlterConfigs,
  listPartitionReassignments,
  offsetDelete,
  describeCluster,
  describeTopicPartitions,
];

/** The served APIs by key. */
export const API_TABLE: ReadonlyMap<number, ApiRow> = new Map(ROWS.map((row) => [row.apiKey, row]));
