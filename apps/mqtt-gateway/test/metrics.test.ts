// What Prometheus reads of a gateway.
import { scraped } from '@robustmq/telemetry/testing';
import { registerMetrics } from '../src/metrics.ts';
import { start } from './running-gateway.ts';

test('every name says its unit, once, and has a value, while it serves and between two incarnations', async () => {
  const running = await start();
  const serving = await scraped((metrics) => registerMetrics(metrics, running.gateway));
  expect(serving.get('robustmq_mqtt_connections')).toBe(0);
  await running.stop();
  const stopped = await scraped((metrics) => registerMetrics(metrics, running.gateway));
  expect([...stopped.keys()]).toEqual([...serving.keys()]);
});
