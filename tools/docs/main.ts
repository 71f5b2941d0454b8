// Writes the pages that come from code: configuration, metrics and the description of the HTTP API. With --check: changes
// nothing, and fails on drift, on pages without a counterpart, dead links, and mentions of what the code does not have.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { registerProcessMetrics } from '@robustmq/telemetry';

import { adminApiConfig } from '../../apps/admin-api/src/config.ts';
import { registerMetrics as adminMetrics, RequestFigures } from '../../apps/admin-api/src/metrics.ts';
import { journalConfig } from '../../apps/journal-server/src/config.ts';
import {
  registerMetrics as journalMetrics,
  ServerFigures,
} from '../../apps/journal-server/src/process/metrics.ts';
import { kafkaGatewayConfig } from '../../apps/kafka-gateway/src/config.ts';
import { registerGatewayMetrics as kafkaMetrics } from '../../apps/kafka-gateway/src/metrics.ts';
import { TOPIC_CONFIG } from '../../apps/kafka-gateway/src/topic-config.ts';
import { metaServiceConfig } from '../../apps/meta-service/src/config.ts';
import { registerMetrics as metaMetrics } from '../../apps/meta-service/src/metrics.ts';
import { mqttGatewayConfig } from '../../apps/mqtt-gateway/src/config.ts';
import { registerMetrics as mqttMetrics } from '../../apps/mqtt-gateway/src/metrics.ts';
import { checkGlossary } from './checks/glossary.ts';
import { checkLanguages } from './checks/languages.ts';
import { checkLinks } from './checks/links.ts';
import { checkMentions } from './checks/mentions.ts';
import { collectFacts } from './collect-facts.ts';
import { readPage } from './markdown.ts';
import { configurationPage } from './pages/configuration.ts';
import { collectMetrics, metricsPage, type MetricSection } from './pages/metrics.ts';
import { describeApi } from './pages/openapi.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const definitions = [metaServiceConfig, journalConfig, mqttGatewayConfig, kafkaGatewayConfig, adminApiConfig];
// Definitions read their figures when they are scraped, so none of these has to run.
const sections: readonly MetricSection[] = [
  { title: 'everywhere', rows: collectMetrics((metrics) => registerProcessMetrics(metrics, '')) },
  {
    title: 'meta-service',
    rows: collectMetrics((metrics) => metaMetrics(metrics, {} as never, {} as never)),
  },
  {
    title: 'journal-server',
    rows: collectMetrics((metrics) => journalMetrics(metrics, () => undefined, new ServerFigures())),
  },
  { title: 'mqtt-gateway', rows: collectMetrics((metrics) => mqttMetrics(metrics, {} as never)) },
  { title: 'kafka-gateway', rows: collectMetrics((metrics) => kafkaMetrics(metrics, {} as never)) },
  { title: 'admin-api', rows: collectMetrics((metrics) => adminMetrics(metrics, new RequestFigures())) },
];
const { version } = JSON.parse(readFileSync(path.join(root, 'apps/admin-api/package.json'), 'utf8')) as {
  version: string;
};
const api = await describeApi(version);
const written = new Map([['docs/openapi.json', api.text]]);
for (const language of ['en', 'zh'] as const) {
  written.set(
    `docs/${language}/configuration.md`,
    configurationPage(language, definitions, [...TOPIC_CONFIG.values()]),
  );
  written.set(`docs/${language}/metrics.md`, metricsPage(language, sections));
}

if (process.argv.includes('--check')) check();
else {
  for (const [file, text] of written) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
}

function check(): void {
  const problems = [...written]
    .filter(([file, text]) => read(file) !== text)
    .map(([file]) => `${file} differs from the code: run \`npm run docs:generate\``);
  const files = [
    'README.md',
    ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md'))
      .map((file) => `docs/${file.replaceAll(path.sep, '/')}`)
      .sort(),
  ];
  const pages = files.map((file) => readPage(file, read(file)));
  const rows = sections.flatMap((section) => section.rows);
  const facts = collectFacts(root, definitions, rows, api.paths);
  const found = [
    ...checkLanguages(pages),
    ...checkGlossary(pages.map((page) => ({ ...page, lines: read(page.path).split('\n') }))),
    ...checkLinks(pages, (file) => facts.exists(file)),
    ...checkMentions(pages, facts),
  ];
  problems.push(...found.map(({ path: page, line, message }) => `${page}:${line}: ${message}`));
  if (problems.length === 0) return;
  process.stderr.write(`${problems.join('\n')}\n`);
  process.exitCode = 1;
}

function read(file: string): string {
  try {
    return readFileSync(path.join(root, file), 'utf8');
  } catch {
    return '';
  }
}
