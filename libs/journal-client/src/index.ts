// Client of the log: appends, fetches, tail and backlog over one stream per journal-server.

export { JournalClient } from './client.ts';
export type { ShardAppender } from './shard-queues.ts';
export { AppendQueue } from './append-queue.ts';
export { clusterDirectory } from './cluster-directory.ts';
export type { FilterAnswer } from './link-tail.ts';
export type {
  AppendOutcomeValue,
  ProduceRequest,
  TailBatches,
  BacklogResult,
  FetchRequest,
  FetchSectionResult,
} from './types.ts';
