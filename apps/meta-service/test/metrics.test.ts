// What the scrape reads of a meta-service.
import { DeleteStreamRequestSchema } from '@robustmq/rpc';
import type { Metrics } from '@robustmq/telemetry';
import { registerMetrics } from '../src/metrics.ts';
import { CONTEXT, message, TestMeta } from './support/test-meta.ts';

type Gauges = Parameters<Metrics['registerGauges']>[0];

let world: TestMeta;
let gauges: Gauges[number][];
beforeEach(async () => {
  world = await TestMeta.open();
  gauges = [];
  const metrics: Pick<Metrics, 'registerGauges' | 'registerCounters'> = {
    registerGauges: (added) => void gauges.push(...added),
    registerCounters: () => undefined,
  };
  registerMetrics(metrics as Metrics, world.meta);
});
afterEach(() => world.remove());

const read = (name: string): unknown => gauges.find((gauge) => gauge.name === name)?.read();

test('N2: deletions that a journal-server has still to carry out are counted', async () => {
  await world.journal();
  await world.createStream('a');
  expect(read('robustmq_meta_deletions_waiting')).toBe(0);
  const request = message(DeleteStreamRequestSchema, { tenant: 'default', name: 'a' });
  await world.cluster.deleteStream(request, CONTEXT);
  expect([read('robustmq_meta_deletions_waiting'), read('robustmq_meta_streams')]).toEqual([1, 1]);
});
