// What the scrape reads of a meta-service.
import { DeleteStreamRequestSchema } from '@robustmq/rpc';
import type { Metrics } from '@robustmq/telemetry';
import { scraped } from '@robustmq/telemetry/testing';
import { registerMetrics } from '../src/metrics.ts';
import { CONTEXT, failing, message, TestMeta } from './support/test-meta.ts';

type Gauges = Parameters<Metrics['registerGauges']>[0];

let world: TestMeta;
let isFull: boolean;
let figures: Gauges[number][];
beforeEach(async () => {
  isFull = false;
  world = await TestMeta.open({ diskIsFull: () => isFull });
  figures = [];
  const metrics: Pick<Metrics, 'registerGauges' | 'registerCounters'> = {
    registerGauges: (added) => void figures.push(...added),
    registerCounters: (added) => void figures.push(...added),
  };
  registerMetrics(metrics as Metrics, world.meta, { freeBytes: 77 });
});
afterEach(() => world.remove());

const read = (name: string): unknown => figures.find((figure) => figure.name === name)?.read();

test('N2: deletions that a journal-server has still to carry out are counted', async () => {
  await world.journal();
  await world.createStream('a');
  expect(read('robustmq_meta_deletions_waiting')).toBe(0);
  const request = message(DeleteStreamRequestSchema, { tenant: 'default', name: 'a' });
  await world.cluster.deleteStream(request, CONTEXT);
  expect([read('robustmq_meta_deletions_waiting'), read('robustmq_meta_streams')]).toEqual([1, 1]);
});

test('L6: what is free, and what was refused for want of it', async () => {
  await world.journal();
  isFull = true;
  await expect(world.createStream('a')).rejects.toEqual(failing('storage_full'));
  expect([read('robustmq_meta_disk_free_bytes'), read('robustmq_meta_refused_commands_total')]).toEqual([
    77, 1,
  ]);
});

test('every name says its unit, once, and has a value', async () => {
  const values = await scraped((metrics) => registerMetrics(metrics, world.meta, { freeBytes: 77 }));
  expect(values.get('robustmq_meta_disk_free_bytes')).toBe(77);
});
