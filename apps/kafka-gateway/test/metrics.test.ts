// What Prometheus reads of a gateway.
import { scraped } from '@robustmq/telemetry/testing';
import { registerGatewayMetrics } from '../src/metrics.ts';
import { RunningGateway } from './fakes/running-gateway.ts';

const API_VERSIONS = 18;

test('every name says its unit, once, and has a value', async () => {
  const running = await RunningGateway.start();
  const client = await running.client();
  await client.call(API_VERSIONS, 0, { clientSoftwareName: '', clientSoftwareVersion: '' });
  const values = await scraped((metrics) => registerGatewayMetrics(metrics, running.gateway));
  expect(['requests_total', 'connections'].map((name) => values.get(`robustmq_kafka_${name}`))).toEqual([
    1, 1,
  ]);
  await running.stop();
});
