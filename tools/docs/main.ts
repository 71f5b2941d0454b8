// Writes the configuration pages from the apps' schemas. With --check: changes nothing and fails on drift.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { renderConfigTable, type ConfigDefinition } from '@robustmq/config';

import { adminApiConfig } from '../../apps/admin-api/src/config.ts';
import { journalConfig } from '../../apps/journal-server/src/config.ts';
import { kafkaGatewayConfig } from '../../apps/kafka-gateway/src/config.ts';
import { metaServiceConfig } from '../../apps/meta-service/src/config.ts';
import { mqttGatewayConfig } from '../../apps/mqtt-gateway/src/config.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const definitions: readonly ConfigDefinition[] = [
  metaServiceConfig,
  journalConfig,
  mqttGatewayConfig,
  kafkaGatewayConfig,
  adminApiConfig,
];

const INTRODUCTION = {
  en: `# Configuration

Generated from the schemas of the apps; do not edit. Values come from a YAML file (\`--config FILE\`), over it the environment,
over it flags (\`--mqtt.port=1883\`). An unknown key anywhere is an error. Sizes take units (\`64KiB\`), durations too (\`5s\`).
\`--help\` of each app prints its table.
`,
  zh: `# 配置

由各应用的模式生成，请勿手工修改。取值顺序：YAML 文件（\`--config FILE\`）< 环境变量 < 命令行参数（\`--mqtt.port=1883\`）。任何位置出现未知的键都是错误。
大小可带单位（\`64KiB\`），时长也可以（\`5s\`）。各应用的 \`--help\` 会打印自己的表格。
`,
} as const;

let drifted = false;
for (const language of ['en', 'zh'] as const) {
  const tables = definitions.map(
    (definition) => `## ${definition.app}\n\n${renderConfigTable(definition.describe(), language)}\n`,
  );
  const text = `${[INTRODUCTION[language], ...tables].join('\n').trimEnd()}\n`;
  const file = path.join(root, 'docs', language, 'configuration.md');
  if (!process.argv.includes('--check')) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  } else if (read(file) !== text) {
    drifted = true;
    process.stderr.write(
      `${path.relative(root, file)} differs from the schemas: run \`npx pnpm docs:generate\`\n`,
    );
  }
}
if (drifted) process.exitCode = 1;

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
