// What the gateway needs of the rest of the system. Production adapters wrap the journal and meta clients; unit tests
// bring fakes.
import type { JournalClient } from '@robustmq/journal-client';
import type { BrokerError } from '@robustmq/errors';

export type {
  AppendOutcomeValue,
  FetchRequest,
  FetchSectionResult,
  ProduceRequest,
} from '@robustmq/journal-client';

/** Names a shard. */
interface ShardId {
  readonly streamId: number;
  readonly shard: number;
}

/** One question of ListOffsets: a time in ms, or one of Kafka's negative marks. */
export interface OffsetQuery extends ShardId {
  readonly currentLeaderEpoch: number;
  readonly timestampMs: number;
}

/** Answer to an {@link OffsetQuery}. */
export interface OffsetAnswer {
  readonly error?: BrokerError | undefined;
  /** -1: none. */
  readonly offset: number;
  readonly timestampMs: number;
  readonly leaderEpoch: number;
}

/** One question of OffsetForLeaderEpoch. */
export interface EpochQuery extends ShardId {
  readonly currentLeaderEpoch: number;
  readonly leaderEpoch: number;
}

/** Answer to an {@link EpochQuery}. */
export interface EpochAnswer {
  readonly error?: BrokerError | undefined;
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

/** One request of DeleteRecords; -1 stands for everything that is committed. */
export interface DeleteQuery extends ShardId {
  readonly beforeOffset: number;
}

/** Answer to a {@link DeleteQuery}. */
export interface DeleteAnswer {
  readonly error?: BrokerError | undefined;
  readonly logStartOffset: number;
}

/** The log. It appends in the order of the calls per shard, and nothing is retried here (rule K1). */
export interface JournalPort extends Pick<JournalClient, 'produce' | 'fetch'> {
  /** Answers in the order asked. */
  listOffsets(queries: readonly OffsetQuery[], readCommitted: boolean): Promise<readonly OffsetAnswer[]>;
  /** Answers in the order asked. */
  endOffsetsForEpochs(queries: readonly EpochQuery[]): Promise<readonly EpochAnswer[]>;
  /** Answers in the order asked. */
  deleteRecords(queries: readonly DeleteQuery[]): Promise<readonly DeleteAnswer[]>;
}

/** A partition as meta knows it. */
export interface PartitionView {
  readonly shard: number;
  readonly leaderEpoch: number;
  /** Whether a journal-server leads it now. */
  readonly hasLeader: boolean;
  readonly replicaCount: number;
  readonly isrCount: number;
}

/** A stream, which is a Kafka topic. */
export interface TopicView {
  readonly streamId: number;
  readonly name: string;
  /** Kafka's text form of a UUID. */
  readonly topicId: string;
  readonly internal: boolean;
  /** What was set at creation or altered since; defaults are not repeated. */
  readonly config: Readonly<Record<string, string>>;
  /** What the cluster's settings made of this topic where nothing was set. */
  readonly defaults: Readonly<Record<string, string>>;
  readonly partitions: readonly PartitionView[];
}

/** A live kafka-gateway: to clients, a broker. */
export interface BrokerView {
  readonly nodeId: string;
  readonly incarnation: number;
  /** Kafka's broker id. */
  readonly number: number;
  /** host:port that clients reach. */
  readonly address: string;
  readonly rack: string | null;
}

/** The watched state of the cluster; every method answers from memory. */
export interface ClusterViewPort {
  readonly clusterId: string;
  topicByName(name: string): TopicView | undefined;
  topicById(topicId: string): TopicView | undefined;
  topicByStreamId(streamId: number): TopicView | undefined;
  topics(): readonly TopicView[];
  /** Name of a topic that one of this name would collide with: Kafka's metrics take '.' and '_' for the same. */
  collidingTopic(name: string): string | undefined;
  /** Live kafka-gateways by ascending number, this one included. */
  brokers(): readonly BrokerView[];
  /** Broker id of this gateway. */
  readonly selfNumber: number;
  readonly selfNodeId: string;
  /** Dynamic cluster configuration. */
  config(key: string): string | undefined;
}

/** What to create. 0 stands for the cluster's default. */
export interface CreateTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
  readonly validateOnly: boolean;
  readonly autoCreated: boolean;
  readonly timeoutMs: number;
}

/** Commands on topics; each resolves once this gateway's view contains the change. Rejects with BrokerError. */
export interface TopicCommandsPort {
  createTopic(request: CreateTopic): Promise<TopicView>;
  deleteTopic(topic: TopicView): Promise<void>;
  addPartitions(topic: TopicView, totalCount: number, validateOnly: boolean): Promise<void>;
  alterConfig(
    topic: TopicView,
    set: Readonly<Record<string, string>>,
    remove: readonly string[],
    validateOnly: boolean,
  ): Promise<void>;
  /** A range of producer ids that nobody else gets. */
  allocateProducerIds(count: number): Promise<{ readonly base: number; readonly count: number }>;
}
