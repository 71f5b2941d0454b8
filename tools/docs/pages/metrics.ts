// The metrics pages, from what the apps register.
import type { InstrumentDefinition, Metrics } from '@robustmq/telemetry';

import { METRICS_IN_CHINESE } from './metrics-zh.ts';

/** One metric as the page shows it. */
export interface MetricRow {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly unit: NonNullable<InstrumentDefinition['unit']>;
  readonly labels: readonly string[];
  readonly help: string;
}

/** Metrics of one service. */
export interface MetricSection {
  readonly title: string;
  readonly rows: readonly MetricRow[];
}

/** What `register` registers. Nothing is read but labels that are fixed, so the app behind it need not run. */
export function collectMetrics(register: (metrics: Metrics) => void): MetricRow[] {
  const rows: MetricRow[] = [];
  const add = (kind: 'counter' | 'gauge') => (definitions: readonly InstrumentDefinition[]) => {
    for (const { name, help, unit = '1', read } of definitions)
      rows.push({ name, kind, unit, labels: labelsOf(read), help });
  };
  register({
    registerCounters: add('counter'),
    registerGauges: add('gauge'),
    registerHistograms: (definitions: Parameters<Metrics['registerHistograms']>[0]) => {
      for (const { name, help, unit = '1', attributes = {} } of definitions)
        rows.push({ name, kind: 'histogram', unit, labels: Object.keys(attributes), help });
    },
  } as Metrics);
  return rows;
}

/** An app that does not run has no readings; those with labels know them nevertheless. */
function labelsOf(read: InstrumentDefinition['read']): string[] {
  let readings: ReturnType<InstrumentDefinition['read']> | undefined;
  try {
    readings = read();
  } catch {
    return [];
  }
  if (typeof readings !== 'object') return [];
  return [...new Set([...readings].flatMap(({ attributes }) => Object.keys(attributes)))];
}

const TEXTS = {
  en: {
    introduction: `# Metrics

Generated from what the apps register; do not edit. Every process serves its metrics in the Prometheus text format at \`/metrics\` of its ops
port ([configuration](configuration.md), \`ops.port\`). Names begin with \`robustmq_\` and are in base units: \`_seconds\`, \`_bytes\`; counters end in \`_total\`
and begin at 0 with each start. No label ever holds a client id, a topic or anything else that clients choose. The process itself is told by
\`target_info\`, whose labels are the OpenTelemetry resource (\`service_name\`, \`service_instance_id\` = node id, \`service_version\`).
`,
    columns: ['metric', 'type', 'unit', 'labels', 'meaning'],
    everywhere: 'every process',
    units: { s: 'seconds', By: 'bytes', '1': '' },
  },
  zh: {
    introduction: `# 指标

由各应用注册的内容生成，请勿手工修改。每个进程在其运维端口的 \`/metrics\` 以 Prometheus 文本格式提供指标（见[配置](configuration.md)，\`ops.port\`）。名称以 \`robustmq_\` 开头，
使用基本单位：\`_seconds\`、\`_bytes\`；计数器以 \`_total\` 结尾，每次启动从 0 开始。标签中从不出现客户端标识、topic或任何由客户端选择的内容。进程自身由 \`target_info\` 说明，
其标签即 OpenTelemetry resource（\`service_name\`、\`service_instance_id\` 即节点 id、\`service_version\`）。
`,
    columns: ['指标', '类型', '单位', '标签', '含义'],
    everywhere: '每个进程',
    units: { s: '秒', By: '字节', '1': '' },
  },
} as const;
const KINDS_ZH = { counter: '计数器', gauge: '仪表', histogram: '直方图' } as const;

/** The page in one language. @throws RangeError when a metric has no Chinese meaning, or a meaning no metric */
export function metricsPage(language: 'en' | 'zh', sections: readonly MetricSection[]): string {
  refuseStrayMeanings(sections);
  const { introduction, columns, everywhere, units } = TEXTS[language];
  const tables = sections.map(({ title, rows }) => {
    const lines = rows.map(({ name, kind, unit, labels, help }) => {
      const cells = [
        `\`${name}\``,
        language === 'zh' ? KINDS_ZH[kind] : kind,
        units[unit],
        labels.map((label) => `\`${label}\``).join(', '),
        language === 'zh' ? METRICS_IN_CHINESE[name]! : help,
      ];
      return `| ${cells.join(' | ')} |`;
    });
    const head = [`| ${columns.join(' | ')} |`, '|---|---|---|---|---|'];
    return `## ${title === 'everywhere' ? everywhere : title}\n\n${[...head, ...lines].join('\n')}\n`;
  });
  return `${[introduction, ...tables].join('\n').trimEnd()}\n`;
}

function refuseStrayMeanings(sections: readonly MetricSection[]): void {
  const names = new Set(sections.flatMap(({ rows }) => rows.map(({ name }) => name)));
  const missing = [...names].find((name) => METRICS_IN_CHINESE[name] === undefined);
  if (missing !== undefined)
    throw new RangeError(`${missing} has no Chinese meaning in tools/docs/pages/metrics-zh.ts`);
  const stray = Object.keys(METRICS_IN_CHINESE).find((name) => !names.has(name));
  if (stray !== undefined)
    throw new RangeError(`tools/docs/pages/metrics-zh.ts explains ${stray}, which is no metric`);
}
