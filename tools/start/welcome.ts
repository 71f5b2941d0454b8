// What `npm start` prints once everything is ready.
import type { Cluster } from '@robustmq/testkit/cluster';

import type { FirstPassword } from './first-password.ts';

const BEYOND_LOOPBACK = `
  network     MQTT clients need a user; whoever reaches the Kafka port reads and writes without one`;

/** Addresses, where the first password is, and four lines to try. */
export function welcome(cluster: Cluster, password: FirstPassword, onLoopback: boolean): string {
  const mqtt = cluster.first('mqtt-gateway');
  const kafka = cluster.first('kafka-gateway');
  const admin = cluster.first('admin-api');
  const host = mqtt.address('mqtt').split(':').slice(0, -1).join(':').replaceAll(/[[\]]/g, '');
  const broker = `-h ${host} -p ${mqtt.port('mqtt')}`;
  return `RobustMQ is ready.

  MQTT        ${mqtt.address('mqtt')}    WebSocket ws://${mqtt.address('ws')}/mqtt
  Kafka       ${kafka.address('kafka')}
  HTTP API    http://${admin.address('http')}
  data        ${cluster.dataDir}

  admin       ${password.line()}${onLoopback ? '' : BEYOND_LOOPBACK}

Try in two other terminals:

  echo 'from Kafka' | kcat -b ${kafka.address('kafka')} -t orders -P
  mosquitto_sub ${broker} -t orders -v
  mosquitto_pub ${broker} -t orders -q 1 -m 'from MQTT'
  kcat -b ${kafka.address('kafka')} -t orders -C -e

Ctrl-C drains and stops; the data stays.`;
}
