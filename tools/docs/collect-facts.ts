// Collects the facts from the sources.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { ConfigDefinition } from '@robustmq/config';
import { portOption, SERVICE_FACTS, SERVICES } from '@robustmq/testkit/cluster';

import { TOPIC_CONFIG } from '../../apps/kafka-gateway/src/topic-config.ts';
import { configOption } from '../start/plan.ts';
import type { Facts } from './facts.ts';
import type { MetricRow } from './pages/metrics.ts';

/** Paths of the ops port (libs/telemetry) and of the WebSocket listener. */
const OTHER_PATHS = [
  '/livez',
  '/readyz',
  '/startupz',
  '/metrics',
  '/log-filter',
  '/drain',
  '/openapi.json',
  '/mqtt',
  '/v1/traces',
];
const SOURCE_FOLDERS = ['apps', 'libs', 'e2e', 'tools', 'proto', '.ci'];
const SOURCE_FILE = /\.(?:ts|mjs|cjs|proto|yaml)$/;
const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'coverage']);
/** Of the collector in examples. */
const COLLECTOR_PORT = 4318;
/** The first port of `npm run cluster`. */
const BASE_PORT = 21_000;
/** Set by those who run the tests: read by what they run, not by an app. */
const READ_ELSEWHERE = ['CI', 'PATH'];

/** What the pages are checked against. */
export function collectFacts(
  root: string,
  definitions: readonly ConfigDefinition[],
  metrics: readonly MetricRow[],
  apiPaths: readonly string[],
): Facts {
  const sources = readSources(root);
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const rows = definitions.flatMap((definition) => definition.describe());
  return {
    scripts: new Set(Object.keys(manifest.scripts)),
    options: new Map([
      ['start', new Set([...optionsIn(root, 'tools/start/options.ts'), ...startOptions()])],
      ['cluster', optionsIn(root, 'tools/cluster/main.ts')],
      ['test', optionsIn(root, 'tools/test/main.ts')],
      ['test:nightly', optionsIn(root, 'tools/nightly/main.ts')],
      ['release', optionsIn(root, 'tools/release/main.ts')],
      ['bench', optionsIn(root, 'e2e/bench/options.ts')],
    ]),
    settings: new Set(rows.flatMap((row) => sectionsOf(row.path))),
    topicConfigs: new Set(TOPIC_CONFIG.keys()),
    environment: new Set([
      ...rows.map((row) => row.envName),
      ...definitions.map(({ app }) => `ROBUSTMQ_${app.toUpperCase().replaceAll('-', '_')}_CONFIG`),
      ...[...sources.matchAll(/process\.env(?:\[['"]|\.)(\w+)/g)].map((match) => match[1]!),
      ...READ_ELSEWHERE,
    ]),
    ports: new Set([
      ...SERVICES.flatMap((service) => SERVICE_FACTS[service].ports.map(({ defaultPort }) => defaultPort)),
      COLLECTOR_PORT,
      BASE_PORT,
    ]),
    metrics: new Set(['target_info', ...metrics.map(({ name }) => name)]),
    httpPaths: new Set([...apiPaths, '/api/v1', ...OTHER_PATHS]),
    exists: (file) => existsSync(path.join(root, file)),
    occurs: (word) => sources.includes(word),
  };
}

/** `a.b.c` and the sections it lies in, `a.b`. */
function sectionsOf(setting: string): string[] {
  const parts = setting.split('.');
  return parts.map((_, index) => parts.slice(0, index + 1).join('.'));
}

function optionsIn(root: string, file: string): Set<string> {
  const text = readFileSync(path.join(root, file), 'utf8');
  return new Set(
    [...text.matchAll(/(?:\.(?:requiredO|o)ption|new Option)\(\s*'--([\w-]+)/g)].map((match) => match[1]!),
  );
}

function startOptions(): string[] {
  return SERVICES.flatMap((service) => [
    configOption(service),
    ...SERVICE_FACTS[service].ports.map(({ endpoint }) => portOption(service, endpoint)),
  ]);
}

function readSources(root: string): string {
  const texts: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name)) walk(file);
      else if (entry.isFile() && SOURCE_FILE.test(entry.name) && !isOwnTest(file))
        texts.push(readFileSync(file, 'utf8'));
    }
  };
  // The tests of this folder name what does not exist: the mistakes that they plant.
  const isOwnTest = (file: string): boolean =>
    file.startsWith(path.join(root, 'tools/docs')) && file.endsWith('.test.ts');
  for (const folder of SOURCE_FOLDERS) if (existsSync(path.join(root, folder))) walk(path.join(root, folder));
  texts.push(readFileSync(path.join(root, 'pnpm-workspace.yaml'), 'utf8'));
  return texts.join('\n');
}
