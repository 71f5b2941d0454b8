// The launcher itself: ready, described, drained, started again with its data; mistakes told by name.
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';

import {
  answersOk,
  type Cluster,
  type ClusterFile,
  LOOPBACK_DEFAULTS,
  ONE_OF_EACH,
  Cluster as Launcher,
} from '@robustmq/testkit/cluster';
import mqtt from 'mqtt';

import { readTopic } from '../chaos/ledger.ts';
import { READY_TIMEOUT_MS, removeTestCluster, startTestCluster } from './test-cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startTestCluster({ counts: { ...ONE_OF_EACH, 'mqtt-gateway': 2, 'kafka-gateway': 2 } });
});
afterAll(() => removeTestCluster(cluster));

function description(): ClusterFile {
  return JSON.parse(readFileSync(path.join(cluster.dataDir, 'cluster.json'), 'utf8')) as ClusterFile;
}

test('cluster.json tells every process, its pid, addresses, files and the command that starts it', () => {
  const { processes } = description();
  expect(processes.map((each) => each.nodeId)).toEqual([
    'meta-1',
    'journal-1',
    'mqtt-1',
    'mqtt-2',
    'kafka-1',
    'kafka-2',
    'admin-1',
  ]);
  for (const each of processes) {
    expect(each.pid).toBe(cluster.processes.find((running) => running.nodeId === each.nodeId)?.pid);
    expect(each.command.argv.join(' ')).toMatch(new RegExp(`apps/${each.service}/dist/main.js --node.id=`));
    expect(each.command.argv).toContain(`--node.id=${each.nodeId}`);
  }
});

test('two MQTT gateways are one system: a publish at one reaches a subscriber at the other', async () => {
  const [first, second] = cluster.of('mqtt-gateway');
  const subscriber = await mqtt.connectAsync(`mqtt://${second?.address('mqtt') ?? ''}`, {
    reconnectPeriod: 0,
  });
  const publisher = await mqtt.connectAsync(`mqtt://${first?.address('mqtt') ?? ''}`, { reconnectPeriod: 0 });
  const heard = new Set<string>();
  const both = new Promise<void>((resolve) => {
    subscriber.on('message', (_topic, payload) => {
      heard.add(payload.toString('utf8'));
      if (heard.size === 2) resolve();
    });
  });
  await subscriber.subscribeAsync('two/gateways', { qos: 1 });
  await publisher.publishAsync('two/gateways', 'appended', { qos: 1 });
  await publisher.publishAsync('two/gateways', 'through the mesh', { qos: 0 });
  await both;
  await Promise.all([subscriber.endAsync(true), publisher.endAsync(true)]);
});

test('a drain and a second start keep what was acknowledged (I1, I9)', async () => {
  const mqttAddress = cluster.first('mqtt-gateway').address('mqtt');
  const publisher = await mqtt.connectAsync(`mqtt://${mqttAddress}`, { reconnectPeriod: 0 });
  await publisher.publishAsync('kept/over/a/restart', 'here', { qos: 1 });
  await publisher.endAsync(true);
  await cluster.stop();
  expect(cluster.processes.map((each) => each.running)).not.toContain(true);
  expect(description().processes.map((each) => each.pid)).not.toContain(expect.any(Number));
  await cluster.start(READY_TIMEOUT_MS);
  const kafka = cluster.first('kafka-gateway').address('kafka');
  expect(await readTopic(kafka, 'mqtt')).toContain('here');
  expect(await answersOk(`http://${cluster.first('admin-api').address('ops')}/readyz`, 5_000)).toBe(true);
});

test('a process that dies is noticed and named', async () => {
  const victim = cluster.of('kafka-gateway')[1];
  const noticed = cluster.firstUnexpectedEnd();
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  expect((await noticed).nodeId).toBe('kafka-2');
  expect((await noticed).endReport()).toContain('kafka-2 ended by signal SIGKILL');
});

test('mistakes are refused before anything starts', async () => {
  const plan = {
    dataDir: '/nonexistent',
    counts: ONE_OF_EACH,
    ports: { kind: 'free' },
    extraFlags: LOOPBACK_DEFAULTS,
  } as const;
  await expect(Launcher.plan({ ...plan, counts: { ...ONE_OF_EACH, 'meta-service': 3 } })).rejects.toThrow(
    'one until the cluster release',
  );
  await expect(Launcher.plan({ ...plan, counts: { ...ONE_OF_EACH, 'mqtt-gateway': -1 } })).rejects.toThrow(
    'whole number',
  );
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as AddressInfo;
  const ports = { kind: 'base', basePort: port } as const;
  await expect(Launcher.plan({ ...plan, ports })).rejects.toThrow(
    `port ${port} of meta-service is taken: free it or choose another with --base-port`,
  );
  taken.close();
});
