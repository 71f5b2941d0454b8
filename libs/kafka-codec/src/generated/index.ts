// Generated from the message descriptors of Apache Kafka 4.3.1 (Apache-2.0); do not edit.

import type { ApiMessages } from '../api.ts';
import { readProduceRequest, writeProduceRequest } from './produce-request.ts';
import { readProduceResponse, writeProduceResponse } from './produce-response.ts';
import { readFetchRequest, writeFetchRequest } from './fetch-request.ts';
import { readFetchResponse, writeFetchResponse } from './fetch-response.ts';
import { readListOffsetsRequest, writeListOffsetsRequest } from './list-offsets-request.ts';
import { readListOffsetsResponse, writeListOffsetsResponse } from './list-offsets-response.ts';
import { readMetadataRequest, writeMetadataRequest } from './metadata-request.ts';
import { readMetadataResponse, writeMetadataResponse } from './metadata-response.ts';
import { readOffsetCommitRequest, writeOffsetCommitRequest } from './offset-commit-request.ts';
import { readOffsetCommitResponse, writeOffsetCommitResponse } from './offset-commit-response.ts';
import { readOffsetFetchRequest, writeOffsetFetchRequest } from './offset-fetch-request.ts';
import { readOffsetFetchResponse, writeOffsetFetchResponse } from './offset-fetch-response.ts';
import { readFindCoordinatorRequest, writeFindCoordinatorRequest } from './find-coordinator-request.ts';
import { readFindCoordinatorResponse, writeFindCoordinatorResponse } from './find-coordinator-response.ts';
import { readJoinGroupRequest, writeJoinGroupRequest } from './join-group-request.ts';
import { readJoinGroupResponse, writeJoinGroupResponse } from './join-group-response.ts';
import { readHeartbeatRequest, writeHeartbeatRequest } from './heartbeat-request.ts';
import { readHeartbeatResponse, writeHeartbeatResponse } from './heartbeat-response.ts';
import { readLeaveGroupRequest, writeLeaveGroupRequest } from './leave-group-request.ts';
import { readLeaveGroupResponse, writeLeaveGroupResponse } from './leave-group-response.ts';
import { readSyncGroupRequest, writeSyncGroupRequest } from './sync-group-request.ts';
import { readSyncGroupResponse, writeSyncGroupResponse } from './sync-group-response.ts';
import { readDescribeGroupsRequest, writeDescribeGroupsRequest } from './describe-groups-request.ts';
import { readDescribeGroupsResponse, writeDescribeGroupsResponse } from './describe-groups-response.ts';
import { readListGroupsRequest, writeListGroupsRequest } from './list-groups-request.ts';
import { readListGroupsResponse, writeListGroupsResponse } from './list-groups-response.ts';
import { readApiVersionsRequest, writeApiVersionsRequest } from './api-versions-request.ts';
import { readApiVersionsResponse, writeApiVersionsResponse } from './api-versions-response.ts';
import { readCreateTopicsRequest, writeCreateTopicsRequest } from './create-topics-request.ts';
import { readCreateTopicsResponse, writeCreateTopicsResponse } from './create-topics-response.ts';
import { readDeleteTopicsRequest, writeDeleteTopicsRequest } from './delete-topics-request.ts';
import { readDeleteTopicsResponse, writeDeleteTopicsResponse } from './delete-topics-response.ts';
import { readDeleteRecordsRequest, writeDeleteRecordsRequest } from './delete-records-request.ts';
import { readDeleteRecordsResponse, writeDeleteRecordsResponse } from './delete-records-response.ts';
import { readInitProducerIdRequest, writeInitProducerIdRequest } from './init-producer-id-request.ts';
import { readInitProducerIdResponse, writeInitProducerIdResponse } from './init-producer-id-response.ts';
import {
  readOffsetForLeaderEpochRequest,
  writeOffsetForLeaderEpochRequest,
} from './offset-for-leader-epoch-request.ts';
import {
  readOffsetForLeaderEpochResponse,
  writeOffsetForLeaderEpochResponse,
} from './offset-for-leader-epoch-response.ts';
import { readDescribeConfigsRequest, writeDescribeConfigsRequest } from './describe-configs-request.ts';
import { readDescribeConfigsResponse, writeDescribeConfigsResponse } from './describe-configs-response.ts';
import { readAlterConfigsRequest, writeAlterConfigsRequest } from './alter-configs-request.ts';
import { readAlterConfigsResponse, writeAlterConfigsResponse } from './alter-configs-response.ts';
import { readCreatePartitionsRequest, writeCreatePartitionsRequest } from './create-partitions-request.ts';
import { readCreatePartitionsResponse, writeCreatePartitionsResponse } from './create-partitions-response.ts';
import { readDeleteGroupsRequest, writeDeleteGroupsRequest } from './delete-groups-request.ts';
import { readDeleteGroupsResponse, writeDeleteGroupsResponse } from './delete-groups-response.ts';
import {
  readIncrementalAlterConfigsRequest,
  writeIncrementalAlterConfigsRequest,
} from './incremental-alter-configs-request.ts';
import {
  readIncrementalAlterConfigsResponse,
  writeIncrementalAlterConfigsResponse,
} from './incremental-alter-configs-response.ts';
import {
  readListPartitionReassignmentsRequest,
  writeListPartitionReassignmentsRequest,
} from './list-partition-reassignments-request.ts';
import {
  readListPartitionReassignmentsResponse,
  writeListPartitionReassignmentsResponse,
} from './list-partition-reassignments-response.ts';
import { readOffsetDeleteRequest, writeOffsetDeleteRequest } from './offset-delete-request.ts';
import { readOffsetDeleteResponse, writeOffsetDeleteResponse } from './offset-delete-response.ts';
import { readDescribeClusterRequest, writeDescribeClusterRequest } from './describe-cluster-request.ts';
import { readDescribeClusterResponse, writeDescribeClusterResponse } from './describe-cluster-response.ts';
import {
  readDescribeTopicPartitionsRequest,
  writeDescribeTopicPartitionsRequest,
} from './describe-topic-partitions-request.ts';
import {
  readDescribeTopicPartitionsResponse,
  writeDescribeTopicPartitionsResponse,
} from './describe-topic-partitions-response.ts';
export type * from './request-header.ts';
export type * from './response-header.ts';
export type * from './produce-request.ts';
export type * from './produce-response.ts';
export type * from './fetch-request.ts';
export type * from './fetch-response.ts';
export type * from './list-offsets-request.ts';
export type * from './list-offsets-response.ts';
export type * from './metadata-request.ts';
export type * from './metadata-response.ts';
export type * from './offset-commit-request.ts';
export type * from './offset-commit-response.ts';
export type * from './offset-fetch-request.ts';
export type * from './offset-fetch-response.ts';
export type * from './find-coordinator-request.ts';
export type * from './find-coordinator-response.ts';
export type * from './join-group-request.ts';
export type * from './join-group-response.ts';
export type * from './heartbeat-request.ts';
export type * from './heartbeat-response.ts';
export type * from './leave-group-request.ts';
export type * from './leave-group-response.ts';
export type * from './sync-group-request.ts';
export type * from './sync-group-response.ts';
export type * from './describe-groups-request.ts';
export type * from './describe-groups-response.ts';
export type * from './list-groups-request.ts';
export type * from './list-groups-response.ts';
export type * from './api-versions-request.ts';
export type * from './api-versions-response.ts';
export type * from './create-topics-request.ts';
export type * from './create-topics-response.ts';
export type * from './delete-topics-request.ts';
export type * from './delete-topics-response.ts';
export type * from './delete-records-request.ts';
export type * from './delete-records-response.ts';
export type * from './init-producer-id-request.ts';
export type * from './init-producer-id-response.ts';
export type * from './offset-for-leader-epoch-request.ts';
export type * from './offset-for-leader-epoch-response.ts';
export type * from './describe-configs-request.ts';
export type * from './describe-configs-response.ts';
export type * from './alter-configs-request.ts';
export type * from './alter-configs-response.ts';
export type * from './create-partitions-request.ts';
export type * from './create-partitions-response.ts';
export type * from './delete-groups-request.ts';
export type * from './delete-groups-response.ts';
export type * from './incremental-alter-configs-request.ts';
export type * from './incremental-alter-configs-response.ts';
export type * from './list-partition-reassignments-request.ts';
export type * from './list-partition-reassignments-response.ts';
export type * from './offset-delete-request.ts';
export type * from './offset-delete-response.ts';
export type * from './describe-cluster-request.ts';
export type * from './describe-cluster-response.ts';
export type * from './describe-topic-partitions-request.ts';
export type * from './describe-topic-partitions-response.ts';

/** Every API with its versions, readers and writers, by API key. */
export const API_MESSAGES = {
  0: {
    name: 'Produce',
    apiKey: 0,
    minVersion: 3,
    maxVersion: 13,
    flexibleFrom: 9,
    readRequest: readProduceRequest,
    writeRequest: writeProduceRequest,
    readResponse: readProduceResponse,
    writeResponse: writeProduceResponse,
  },
  1: {
    name: 'Fetch',
    apiKey: 1,
    minVersion: 4,
    maxVersion: 18,
    flexibleFrom: 12,
    readRequest: readFetchRequest,
    writeRequest: writeFetchRequest,
    readResponse: readFetchResponse,
    writeResponse: writeFetchResponse,
  },
  2: {
    name: 'ListOffsets',
    apiKey: 2,
    minVersion: 1,
    maxVersion: 11,
    flexibleFrom: 6,
    readRequest: readListOffsetsRequest,
    writeRequest: writeListOffsetsRequest,
    readResponse: readListOffsetsResponse,
    writeResponse: writeListOffsetsResponse,
  },
  3: {
    name: 'Metadata',
    apiKey: 3,
    minVersion: 0,
    maxVersion: 13,
    flexibleFrom: 9,
    readRequest: readMetadataRequest,
    writeRequest: writeMetadataRequest,
    readResponse: readMetadataResponse,
    writeResponse: writeMetadataResponse,
  },
  8: {
    name: 'OffsetCommit',
    apiKey: 8,
    minVersion: 2,
    maxVersion: 10,
    flexibleFrom: 8,
    readRequest: readOffsetCommitRequest,
    writeRequest: writeOffsetCommitRequest,
    readResponse: readOffsetCommitResponse,
    writeResponse: writeOffsetCommitResponse,
  },
  9: {
    name: 'OffsetFetch',
    apiKey: 9,
    minVersion: 1,
    maxVersion: 10,
    flexibleFrom: 6,
    readRequest: readOffsetFetchRequest,
    writeRequest: writeOffsetFetchRequest,
    readResponse: readOffsetFetchResponse,
    writeResponse: writeOffsetFetchResponse,
  },
  10: {
    name: 'FindCoordinator',
    apiKey: 10,
    minVersion: 0,
    maxVersion: 6,
    flexibleFrom: 3,
    readRequest: readFindCoordinatorRequest,
    writeRequest: writeFindCoordinatorRequest,
    readResponse: readFindCoordinatorResponse,
    writeResponse: writeFindCoordinatorResponse,
  },
  11: {
    name: 'JoinGroup',
    apiKey: 11,
    minVersion: 0,
    maxVersion: 9,
    flexibleFrom: 6,
    readRequest: readJoinGroupRequest,
    writeRequest: writeJoinGroupRequest,
    readResponse: readJoinGroupResponse,
    writeResponse: writeJoinGroupResponse,
  },
  12: {
    name: 'Heartbeat',
    apiKey: 12,
    minVersion: 0,
    maxVersion: 4,
    flexibleFrom: 4,
    readRequest: readHeartbeatRequest,
    writeRequest: writeHeartbeatRequest,
    readResponse: readHeartbeatResponse,
    writeResponse: writeHeartbeatResponse,
  },
  13: {
    name: 'LeaveGroup',
    apiKey: 13,
    minVersion: 0,
    maxVersion: 5,
    flexibleFrom: 4,
    readRequest: readLeaveGroupRequest,
    writeRequest: writeLeaveGroupRequest,
    readResponse: readLeaveGroupResponse,
    writeResponse: writeLeaveGroupResponse,
  },
  14: {
    name: 'SyncGroup',
    apiKey: 14,
    minVersion: 0,
    maxVersion: 5,
    flexibleFrom: 4,
    readRequest: readSyncGroupRequest,
    writeRequest: writeSyncGroupRequest,
    readResponse: readSyncGroupResponse,
    writeResponse: writeSyncGroupResponse,
  },
  15: {
    name: 'DescribeGroups',
    apiKey: 15,
    minVersion: 0,
    maxVersion: 6,
    flexibleFrom: 5,
    readRequest: readDescribeGroupsRequest,
    writeRequest: writeDescribeGroupsRequest,
    readResponse: readDescribeGroupsResponse,
    writeResponse: writeDescribeGroupsResponse,
  },
  16: {
    name: 'ListGroups',
    apiKey: 16,
    minVersion: 0,
    maxVersion: 5,
    flexibleFrom: 3,
    readRequest: readListGroupsRequest,
    writeRequest: writeListGroupsRequest,
    readResponse: readListGroupsResponse,
    writeResponse: writeListGroupsResponse,
  },
  18: {
    name: 'ApiVersions',
    apiKey: 18,
    minVersion: 0,
    maxVersion: 4,
    flexibleFrom: 3,
    readRequest: readApiVersionsRequest,
    writeRequest: writeApiVersionsRequest,
    readResponse: readApiVersionsResponse,
    writeResponse: writeApiVersionsResponse,
  },
  19: {
    name: 'CreateTopics',
    apiKey: 19,
    minVersion: 2,
    maxVersion: 7,
    flexibleFrom: 5,
    readRequest: readCreateTopicsRequest,
    writeRequest: writeCreateTopicsRequest,
    readResponse: readCreateTopicsResponse,
    writeResponse: writeCreateTopicsResponse,
  },
  20: {
    name: 'DeleteTopics',
    apiKey: 20,
    minVersion: 1,
    maxVersion: 6,
    flexibleFrom: 4,
    readRequest: readDeleteTopicsRequest,
    writeRequest: writeDeleteTopicsRequest,
    readResponse: readDeleteTopicsResponse,
    writeResponse: writeDeleteTopicsResponse,
  },
  21: {
    name: 'DeleteRecords',
    apiKey: 21,
    minVersion: 0,
    maxVersion: 2,
    flexibleFrom: 2,
    readRequest: readDeleteRecordsRequest,
    writeRequest: writeDeleteRecordsRequest,
    readResponse: readDeleteRecordsResponse,
    writeResponse: writeDeleteRecordsResponse,
  },
  22: {
    name: 'InitProducerId',
    apiKey: 22,
    minVersion: 0,
    maxVersion: 5,
    flexibleFrom: 2,
    readRequest: readInitProducerIdRequest,
    writeRequest: writeInitProducerIdRequest,
    readResponse: readInitProducerIdResponse,
    writeResponse: writeInitProducerIdResponse,
  },
  23: {
    name: 'OffsetForLeaderEpoch',
    apiKey: 23,
    minVersion: 2,
    maxVersion: 4,
    flexibleFrom: 4,
    readRequest: readOffsetForLeaderEpochRequest,
    writeRequest: writeOffsetForLeaderEpochRequest,
    readResponse: readOffsetForLeaderEpochResponse,
    writeResponse: writeOffsetForLeaderEpochResponse,
  },
  32: {
    name: 'DescribeConfigs',
    apiKey: 32,
    minVersion: 1,
    maxVersion: 4,
    flexibleFrom: 4,
    readRequest: readDescribeConfigsRequest,
    writeRequest: writeDescribeConfigsRequest,
    readResponse: readDescribeConfigsResponse,
    writeResponse: writeDescribeConfigsResponse,
  },
  33: {
    name: 'AlterConfigs',
    apiKey: 33,
    minVersion: 0,
    maxVersion: 2,
    flexibleFrom: 2,
    readRequest: readAlterConfigsRequest,
    writeRequest: writeAlterConfigsRequest,
    readResponse: readAlterConfigsResponse,
    writeResponse: writeAlterConfigsResponse,
  },
  37: {
    name: 'CreatePartitions',
    apiKey: 37,
    minVersion: 0,
    maxVersion: 3,
    flexibleFrom: 2,
    readRequest: readCreatePartitionsRequest,
    writeRequest: writeCreatePartitionsRequest,
    readResponse: readCreatePartitionsResponse,
    writeResponse: writeCreatePartitionsResponse,
  },
  42: {
    name: 'DeleteGroups',
    apiKey: 42,
    minVersion: 0,
    maxVersion: 2,
    flexibleFrom: 2,
    readRequest: readDeleteGroupsRequest,
    writeRequest: writeDeleteGroupsRequest,
    readResponse: readDeleteGroupsResponse,
    writeResponse: writeDeleteGroupsResponse,
  },
  44: {
    name: 'IncrementalAlterConfigs',
    apiKey: 44,
    minVersion: 0,
    maxVersion: 1,
    flexibleFrom: 1,
    readRequest: readIncrementalAlterConfigsRequest,
    writeRequest: writeIncrementalAlterConfigsRequest,
    readResponse: readIncrementalAlterConfigsResponse,
    writeResponse: writeIncrementalAlterConfigsResponse,
  },
  46: {
    name: 'ListPartitionReassignments',
    apiKey: 46,
    minVersion: 0,
    maxVersion: 0,
    flexibleFrom: 0,
    readRequest: readListPartitionReassignmentsRequest,
    writeRequest: writeListPartitionReassignmentsRequest,
    readResponse: readListPartitionReassignmentsResponse,
    writeResponse: writeListPartitionReassignmentsResponse,
  },
  47: {
    name: 'OffsetDelete',
    apiKey: 47,
    minVersion: 0,
    maxVersion: 0,
    flexibleFrom: 32767,
    readRequest: readOffsetDeleteRequest,
    writeRequest: writeOffsetDeleteRequest,
    readResponse: readOffsetDeleteResponse,
    writeResponse: writeOffsetDeleteResponse,
  },
  60: {
    name: 'DescribeCluster',
    apiKey: 60,
    minVersion: 0,
    maxVersion: 2,
    flexibleFrom: 0,
    readRequest: readDescribeClusterRequest,
    writeRequest: writeDescribeClusterRequest,
    readResponse: readDescribeClusterResponse,
    writeResponse: writeDescribeClusterResponse,
  },
  75: {
    name: 'DescribeTopicPartitions',
    apiKey: 75,
    minVersion: 0,
    maxVersion: 0,
    flexibleFrom: 0,
    readRequest: readDescribeTopicPartitionsRequest,
    writeRequest: writeDescribeTopicPartitionsRequest,
    readResponse: readDescribeTopicPartitionsResponse,
    writeResponse: writeDescribeTopicPartitionsResponse,
  },
} as const satisfies Record<number, ApiMessages>;
