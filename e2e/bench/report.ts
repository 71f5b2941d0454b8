// Writes docs/en/benchmarks/latest.{md,json} and its Chinese page from one run's figures.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import path from 'node:path';

import { repositoryRoot } from '@robustmq/testkit/cluster';

import { median, type ScenarioResult, short } from './figures.ts';
import type { Measurement } from './scenarios/scenario.ts';
import type { System } from './systems/system.ts';

const FIGURES: readonly { readonly key: keyof Measurement; readonly en: string; readonly zh: string }[] = [
  { key: 'perSecond', en: 'per second', zh: '每秒' },
  { key: 'cpuSecondsPerMillion', en: 'CPU s per 1 M', zh: '每百万条 CPU 秒' },
  { key: 'p50Ms', en: 'p50 ms', zh: 'p50 毫秒' },
  { key: 'p99Ms', en: 'p99 ms', zh: 'p99 毫秒' },
  { key: 'p999Ms', en: 'p99.9 ms', zh: 'p99.9 毫秒' },
  { key: 'bytesPerConnection', en: 'bytes per connection', zh: '每连接字节' },
  { key: 'residentMegabytes', en: 'RSS MB', zh: 'RSS MB' },
  { key: 'loadCpuShare', en: 'load, cores', zh: '负载占用核数' },
];

interface RunShape {
  readonly seconds: number;
  readonly rounds: number;
}

/** Writes the report of a whole run; the pages hold medians, the JSON every run. */
export function writeReport(
  results: readonly ScenarioResult[],
  systems: readonly System[],
  shape: RunShape,
): void {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}, Node ${process.version}`;
  const root = repositoryRoot();
  for (const language of ['en', 'zh'] as const) {
    const folder = path.join(root, 'docs', language, 'benchmarks');
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'latest.md'), page(language, results, systems, machine, shape));
  }
  const json = { date: new Date().toISOString(), machine, ...shape, systems: systems.map(describe), results };
  const file = path.join(root, 'docs', 'en', 'benchmarks', 'latest.json');
  writeFileSync(file, `${JSON.stringify(json, null, 2)}\n`);
  process.stdout.write(`\nwritten: docs/{en,zh}/benchmarks/latest.md, docs/en/benchmarks/latest.json\n`);
}

function describe({ name, description }: System): { name: string; description: string } {
  return { name, description };
}

function page(
  language: 'en' | 'zh',
  results: readonly ScenarioResult[],
  systems: readonly System[],
  machine: string,
  shape: RunShape,
): string {
  const lines = language === 'en' ? introEn(machine, shape) : introZh(machine, shape);
  for (const system of systems) lines.push(`- **${system.name}**: ${system.description}`);
  for (const result of results) lines.push('', ...table(language, result));
  return `${lines.join('\n')}\n`;
}

function introEn(machine: string, { seconds, rounds }: RunShape): string[] {
  return [
    '# Benchmarks',
    '',
    `Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}. Machine: ${machine}.`,
    '',
    `Each figure is the median of ${rounds} runs of ${seconds} s after a discarded run of the same work, the systems in alternation, each started fresh. Broker and`,
    'load share the machine, so absolute rates drift between runs: **CPU seconds per million deliveries**, summed over all processes of a',
    'system, is the figure that holds, and ratios are within one run. Latency counts from the scheduled time. *Lost*, *duplicated* and',
    '*reordered* are counted by the load from numbered messages; what is lost is not counted as delivered. *sink* only forwards bytes: it',
    'shows where the load generator itself ends. [Where the time goes](profile.md) is about the targets that are missed.',
    '',
  ];
}

function introZh(machine: string, { seconds, rounds }: RunShape): string[] {
  return [
    '# 基准测试',
    '',
    `由 \`npm run bench\` 于 ${new Date().toISOString().slice(0, 10)} 生成。机器：${machine}。`,
    '',
    `每个数字是 ${rounds} 次运行的中位数，每次先做一遍同样的工作并丢弃结果，再测量 ${seconds} 秒；各系统交替运行，每次全新启动。被测系统与负载共用一台机器，`,
    '绝对速率会漂移：可比的是**每百万次投递的 CPU 秒数**（系统全部进程之和）以及同一次运行内的比值。延迟从计划发送时间算起。',
    '丢失、重复、乱序由负载程序按消息编号统计，丢失的消息不计入投递。**sink** 只转发字节，用来显示负载程序自身的上限。未达标的目标见[时间花在哪里](profile.md)。',
    '',
  ];
}

function table(language: 'en' | 'zh', result: ScenarioResult): string[] {
  const systems = Object.keys(result.runs);
  const used = FIGURES.filter(({ key }) =>
    systems.some((name) => median(result.runs[name] ?? [], key) !== undefined),
  );
  const faults = language === 'en' ? 'lost · duplicated · reordered' : '丢失 · 重复 · 乱序';
  const head = [language === 'en' ? 'system' : '系统', ...used.map((figure) => figure[language]), faults];
  const target =
    result.target === '' ? [] : [`${language === 'en' ? 'Target' : '目标'}: ${result.target}`, ''];
  const rows = systems.map((name) => {
    const runs = result.runs[name] ?? [];
    const cells = used.map(({ key }) => {
      const value = median(runs, key);
      return value === undefined ? '' : short(value);
    });
    const worst = (key: 'lost' | 'duplicated' | 'reordered'): number =>
      Math.max(0, ...runs.map((run) => run[key] ?? 0));
    return `| ${[name, ...cells, `${worst('lost')} · ${worst('duplicated')} · ${worst('reordered')}`].join(' | ')} |`;
  });
  return [
    `## ${result.title}`,
    '',
    ...target,
    `| ${head.join(' | ')} |`,
    `|${' --- |'.repeat(head.length)}`,
    ...rows,
    ...ratios(language, result),
  ];
}

/** Ours against each peer, from the medians. */
function ratios(language: 'en' | 'zh', result: ScenarioResult): string[] {
  const ours = result.runs['robustmq'];
  if (ours === undefined) return [];
  const lines: string[] = [];
  for (const [name, runs] of Object.entries(result.runs)) {
    if (name === 'robustmq' || name === 'sink') continue;
    const parts = FIGURES.filter(({ key }) => key !== 'loadCpuShare').flatMap((figure) => {
      const mine = median(ours, figure.key);
      const theirs = median(runs, figure.key);
      return mine === undefined || theirs === undefined || theirs === 0
        ? []
        : [`${figure[language]} ${short(mine / theirs)}×`];
    });
    lines.push('', `robustmq / ${name}: ${parts.join(', ')}`);
  }
  return lines;
}
