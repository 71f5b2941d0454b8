// Which messages are generated: the APIs that the gateway serves (facts: the "basic" and "groups" sets).

/** Name of the API in the descriptors, with the highest version of it that is stable in Apache Kafka 4.3. */
export const APIS: readonly { readonly name: string; readonly maxVersion?: number }[] = [
  { name: 'Produce' },
  { name: 'Fetch' },
  { name: 'ListOffsets' },
  { name: 'Metadata' },
  { name: 'OffsetCommit' },
  { name: 'OffsetFetch' },
  { name: 'FindCoordinator' },
  { name: 'JoinGroup' },
  { name: 'Heartbeat' },
  { name: 'LeaveGroup' },
  { name: 'SyncGroup' },
  { name: 'DescribeGroups' },
  { name: 'ListGroups' },
  { name: 'ApiVersions' },
  { name: 'CreateTopics' },
  { name: 'DeleteTopics' },
  { name: 'DeleteRecords' },
  // Version 6 (two-phase commit, KIP-939) is marked unstable.
  { name: 'InitProducerId', maxVersion: 5 },
  { name: 'OffsetForLeaderEpoch' },
  { name: 'DescribeConfigs' },
  { name: 'AlterConfigs' },
  { name: 'CreatePartitions' },
  { name: 'DeleteGroups' },
  { name: 'IncrementalAlterConfigs' },
  { name: 'ListPartitionReassignments' },
  { name: 'OffsetDelete' },
  { name: 'DescribeCluster' },
  { name: 'DescribeTopicPartitions' },
];

/** Messages that are not one side of an API. */
export const HEADERS = ['RequestHeader', 'ResponseHeader'] as const;
