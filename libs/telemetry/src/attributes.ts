// Names of span and metric attributes, in one place. Those of OpenTelemetry's messaging conventions are incubating, so
// they are spelled out here: a change of theirs is a change of this file, not of a package version.

export const ATTRIBUTES = {
  /** 'kafka', or 'mqtt' where the conventions name no system. */
  messagingSystem: 'messaging.system',
  /** 'send', 'receive', 'process', 'settle'. */
  messagingOperationType: 'messaging.operation.type',
  messagingOperationName: 'messaging.operation.name',
  /** MQTT topic or Kafka topic. */
  messagingDestinationName: 'messaging.destination.name',
  messagingDestinationPartition: 'messaging.destination.partition.id',
  messagingClientId: 'messaging.client.id',
  messagingConsumerGroup: 'messaging.consumer.group.name',
  messagingMessageBodySize: 'messaging.message.body.size',
  messagingBatchMessageCount: 'messaging.batch.message_count',
  kafkaOffset: 'messaging.kafka.offset',
  errorType: 'error.type',
  tenant: 'robustmq.tenant',
  streamId: 'robustmq.stream_id',
  shard: 'robustmq.shard',
  leaderEpoch: 'robustmq.leader_epoch',
  offset: 'robustmq.offset',
  batchBytes: 'robustmq.batch_bytes',
  mqttQos: 'robustmq.mqtt.qos',
  mqttRetain: 'robustmq.mqtt.retain',
} as const;

/** `messaging.system` of spans about MQTT packets. */
export const SYSTEM_MQTT = 'mqtt';
