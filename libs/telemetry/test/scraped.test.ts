// What the check of a package's metrics finds: a mistake is met by a unit test, not by the first start.
import { BucketHistogram, type Metrics, registerProcessMetrics } from '../src/index.ts';
import { scraped } from '../src/testing.ts';

const gauge = (name: string, read: () => number): Parameters<Metrics['registerGauges']>[0][number] => ({
  name,
  help: 'A figure.',
  read,
});

test('what every process says of itself is sound', async () => {
  const values = await scraped((metrics) => registerProcessMetrics(metrics, '1.2.3'));
  expect(values.get('robustmq_process_resident_memory_bytes')).toBeGreaterThan(0);
  expect(values.get('robustmq_build_info')).toBe(1);
});

test('values are read at the scrape', async () => {
  const histogram = new BucketHistogram([1]);
  const values = await scraped((metrics) => {
    metrics.registerGauges([gauge('robustmq_a', () => histogram.count)]);
    metrics.registerHistograms([{ name: 'robustmq_b_seconds', help: 'A time.', unit: 's', histogram }]);
    metrics.registerCounters([{ name: 'robustmq_c_total', help: 'A count.', read: () => 7 }]);
    histogram.record(0.5);
  });
  expect(
    ['robustmq_a', 'robustmq_b_seconds_count', 'robustmq_c_total'].map((name) => values.get(name)),
  ).toEqual([1, 1, 7]);
});

test.each<[string, RegExp, Parameters<Metrics['registerGauges']>[0]]>([
  ['a name without its unit', /names its base unit/, [{ ...gauge('robustmq_a', () => 1), unit: 'By' }]],
  [
    'a name that is there already',
    /registered twice: robustmq_a/,
    [gauge('robustmq_a', () => 1), gauge('robustmq_a', () => 2)],
  ],
  [
    'a figure that cannot be read',
    /not in the scrape: robustmq_b/,
    [
      gauge('robustmq_a', () => 1),
      gauge('robustmq_b', () => {
        throw new RangeError('nothing there');
      }),
    ],
  ],
])('%s is found', async (_name, complaint, gauges) => {
  await expect(scraped((metrics) => metrics.registerGauges(gauges))).rejects.toThrow(complaint);
});
