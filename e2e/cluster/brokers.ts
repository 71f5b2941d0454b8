// What a client suite talks to: our cluster, or a peer when one is named, to prove that the suite itself is right.
import type { Cluster } from '@robustmq/testkit/cluster';

import { removeTestCluster, startTestCluster } from './test-cluster.ts';

/** Where clients connect. */
export interface Brokers {
  /** `host:port` of the Kafka listener. */
  readonly kafka: string;
  readonly mqttPort: number;
  /** `ws://` address of the MQTT listener for WebSocket. */
  readonly mqttWebSocket: string;
  /** Undefined when a peer is tested. */
  readonly cluster: Cluster | undefined;
  remove(): Promise<void>;
}

/**
 * Starts a cluster for a suite. With `E2E_PEER_KAFKA=host:port` or `E2E_PEER_MQTT=port` the suite runs against a broker
 * that is running already, such as Apache Kafka or Mosquitto.
 */
export async function startBrokers(): Promise<Brokers> {
  const kafkaPeer = process.env['E2E_PEER_KAFKA'];
  const mqttPeer = process.env['E2E_PEER_MQTT'];
  if (kafkaPeer !== undefined || mqttPeer !== undefined) {
    return {
      kafka: kafkaPeer ?? '',
      mqttPort: Number(mqttPeer ?? 0),
      mqttWebSocket: '',
      cluster: undefined,
      remove: () => Promise.resolve(),
    };
  }
  const cluster = await startTestCluster();
  const mqtt = cluster.first('mqtt-gateway');
  return {
    kafka: cluster.first('kafka-gateway').address('kafka'),
    mqttPort: mqtt.port('mqtt'),
    mqttWebSocket: `ws://${mqtt.address('ws')}/mqtt`,
    cluster,
    remove: () => removeTestCluster(cluster),
  };
}
