// What the gateway shows to Prometheus: plain counters that are read at a scrape.
import type { Metrics } from '@robustmq/telemetry';
import type { KafkaGateway } from './gateway.ts';

/** Registers the gateway's instruments. */
export function registerGatewayMetrics(metrics: Metrics, gateway: KafkaGateway): void {
  const { counters } = gateway;
  metrics.registerCounters([
    { name: 'robustmq_kafka_requests_total', help: 'Requests read.', read: () => counters.requests },
    {
      name: 'robustmq_kafka_unsupported_versions_total',
      help: 'Requests in an API version that is not served.',
      read: () => counters.unsupportedVersions,
    },
    {
      name: 'robustmq_kafka_malformed_frames_total',
      help: 'Connections closed because of a frame that cannot be read.',
      read: () => counters.malformedFrames,
    },
    {
      name: 'robustmq_kafka_produced_batches_total',
      help: 'Record batches handed to the journal.',
      read: () => counters.producedBatches,
    },
    {
      name: 'robustmq_kafka_produced_bytes_total',
      help: 'Bytes of record batches handed to the journal.',
      unit: 'By',
      read: () => counters.producedBytes,
    },
    {
      name: 'robustmq_kafka_fetched_bytes_total',
      help: 'Bytes of record batches sent to consumers.',
      unit: 'By',
      read: () => counters.fetchedBytes,
    },
  ]);
  metrics.registerGauges([
    { name: 'robustmq_kafka_connections', help: 'Open connections.', read: () => counters.connections },
    { name: 'robustmq_kafka_groups', help: 'Groups in memory.', read: () => gateway.groups.groupCount },
    { name: 'robustmq_kafka_fetch_sessions', help: 'Fetch sessions.', read: () => gateway.fetchSessionCount },
    {
      name: 'robustmq_kafka_request_memory_bytes',
      help: 'Bytes of requests held by all connections.',
      unit: 'By',
      read: () => gateway.requestBytes,
    },
    {
      name: 'robustmq_kafka_answer_memory_bytes',
      help: 'Bytes of answers that clients have not taken.',
      unit: 'By',
      read: () => gateway.answerBytes,
    },
    {
      name: 'robustmq_kafka_claimed_answer_memory_bytes',
      help: 'Bytes that reads under way may bring.',
      unit: 'By',
      read: () => gateway.claimedAnswerBytes,
    },
    {
      name: 'robustmq_kafka_waiting_fetches',
      help: 'Fetches that wait for memory for their answers.',
      read: () => gateway.waitingFetches,
    },
  ]);
}
