// What `npm start` prints once everything is ready.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import type { Cluster } from '@robustmq/testkit/cluster';

/** Addresses, where the first password is, and four lines to try. */
export function welcome(cluster: Cluster): string {
  const mqtt = cluster.first('mqtt-gateway');
  const kafka = cluster.first('kafka-gateway');
  const admin = cluster.first('admin-api');
  const mqttPort = mqtt.port('mqtt');
  return `RobustMQ is ready.

  MQTT        ${mqtt.address('mqtt')}    WebSocket ws://${mqtt.address('ws')}/mqtt
  Kafka       ${kafka.address('kafka')}
  HTTP API    http://${admin.address('http')}
  data        ${cluster.dataDir}

${adminPassword(cluster)}

Try in two other terminals:

  kcat -b ${kafka.address('kafka')} -t orders -P <<< 'from Kafka'
  mosquitto_sub -p ${mqttPort} -t orders -v
  mosquitto_pub -p ${mqttPort} -t orders -q 1 -m 'from MQTT'
  kcat -b ${kafka.address('kafka')} -t orders -C -e

Ctrl-C drains and stops; the data stays.`;
}

/** meta-service writes the first password once, to a file that only its owner may read; it is kept until someone removes it. */
function adminPassword(cluster: Cluster): string {
  const file = path.join(cluster.first('meta-service').spec.dataDir, 'initial-admin-password');
  if (!existsSync(file)) return '  admin       the password is the one you have set';
  return `  admin       first password ${readFileSync(file, 'utf8').trim()}   (kept in ${file}; change it and delete the file)`;
}
