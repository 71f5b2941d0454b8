// What Prometheus reads of the HTTP API.
import { scraped } from '@robustmq/telemetry/testing';
import { registerMetrics, RequestFigures } from '../src/metrics.ts';

test('every name says its unit, once, and has a value', async () => {
  const figures = new RequestFigures();
  figures.answered(200, 5);
  figures.answered(404, 5);
  // No status of HTTP.
  figures.answered(999, 5);
  const values = await scraped((metrics) => registerMetrics(metrics, figures));
  expect(values.get('robustmq_admin_request_seconds_count')).toBe(3);
  expect(figures.byClass).toEqual({ '2xx': 1, '3xx': 0, '4xx': 1, '5xx': 0 });
});
