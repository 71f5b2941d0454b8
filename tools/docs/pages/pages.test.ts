import { defineConfig, section, setting, z } from '@robustmq/config';
import { BucketHistogram } from '@robustmq/telemetry';

import { configurationTable } from './configuration-table.ts';
import { configurationPage } from './configuration.ts';
import { collectMetrics, metricsPage } from './metrics.ts';

describe('configuration page', () => {
  test('has a table of every setting in both languages; Chinese falls back to the English description', () => {
    const rows = defineConfig(
      'some-app',
      z.strictObject({
        maxPacketBytes: setting
          .byteSize({ min: 128, max: 256 * 2 ** 20 })
          .default(2 ** 20)
          .describe('Largest packet | taken.')
          .meta({ zh: '最大报文。' }),
        metaAddress: z.string().describe('Address of meta.'),
      }),
    ).describe();
    const english = configurationTable(rows, 'en');
    expect(english).toContain(
      '| `maxPacketBytes` | bytes (≥ 128, ≤ 268435456) | `1MiB` | Largest packet \\| taken. | `ROBUSTMQ_SOME_APP_MAX_PACKET_BYTES` |',
    );
    expect(english).toContain('| `metaAddress` | string | **required** |');
    const chinese = configurationTable(rows, 'zh');
    expect(chinese).toContain('| 配置项 |');
    expect(chinese).toContain('最大报文。');
    expect(chinese).toContain('Address of meta.');
  });

  const define = (description: string, zh?: string) =>
    defineConfig(
      'some-app',
      z.strictObject({
        a: section({
          b: z
            .number()
            .default(1)
            .describe(description)
            .meta(zh === undefined ? {} : { zh }),
        }),
      }),
    );

  test('refuses a setting that has no Chinese description, and a description that has no setting', () => {
    expect(() => configurationPage('zh', [define('What nobody translated.')], [])).toThrow(
      'a.b has no Chinese',
    );
    const row = {
      name: 'a.b',
      type: 'INT',
      default: '1',
      alterable: true,
      documentation: 'What nobody translated.',
    };
    expect(() => configurationPage('zh', [], [row])).toThrow('a.b has no Chinese');
    expect(() => configurationPage('en', [define('What.', '什么。')], [])).toThrow(
      'no setting is described as',
    );
  });
});

describe('metrics page', () => {
  const rows = collectMetrics((metrics) => {
    metrics.registerCounters([
      { name: 'robustmq_a_total', help: 'As.', read: () => [{ value: 1, attributes: { kind: 'x' } }] },
    ]);
    metrics.registerGauges([
      {
        name: 'robustmq_b_bytes',
        help: 'Bs.',
        unit: 'By',
        read: () => {
          throw new RangeError('the app does not run');
        },
      },
    ]);
    metrics.registerHistograms([
      {
        name: 'robustmq_c_seconds',
        help: 'Cs.',
        unit: 's',
        histogram: new BucketHistogram([1]),
        attributes: { d: 'e' },
      },
    ]);
  });

  test('knows kind, unit and labels of what an app registers, though the app does not run', () => {
    expect(rows).toEqual([
      { name: 'robustmq_a_total', kind: 'counter', unit: '1', labels: ['kind'], help: 'As.' },
      { name: 'robustmq_b_bytes', kind: 'gauge', unit: 'By', labels: [], help: 'Bs.' },
      { name: 'robustmq_c_seconds', kind: 'histogram', unit: 's', labels: ['d'], help: 'Cs.' },
    ]);
  });

  test('refuses a metric without a Chinese meaning, and a meaning without a metric', () => {
    expect(() => metricsPage('zh', [{ title: 'x', rows }])).toThrow(
      'robustmq_a_total has no Chinese meaning',
    );
    expect(() => metricsPage('zh', [{ title: 'x', rows: [] }])).toThrow('which is no metric');
  });
});
