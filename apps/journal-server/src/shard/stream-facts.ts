// What a journal knows of a stream: the part of the cluster view that shards, topics and filters look at.

/** What the cluster view says of a shard's stream. */
export interface StreamFacts {
  readonly streamId: number;
  /** Kafka's topic id, which tells the stream from another under the same id. */
  readonly topicId: string;
  readonly tenant: string;
  readonly name: string;
  /** Topic filter of the stream; empty: not visible to MQTT. Of the tenant's built-in stream it means nothing. */
  readonly mqttFilter: string;
  /** The tenant's built-in stream: owns every topic that no other does, those with a leading `$` included. */
  readonly ownsRest: boolean;
  readonly config: Readonly<Record<string, string>>;
}
