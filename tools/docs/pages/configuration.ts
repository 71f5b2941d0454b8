// The configuration pages, from the schemas of the apps.
import type { ConfigDefinition } from '@robustmq/config';

import { configurationTable } from './configuration-table.ts';
import { DESCRIPTIONS_IN_CHINESE } from './configuration-zh.ts';

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

/** A configuration of a stream, as the Kafka protocol describes it. */
export interface TopicConfigRow {
  readonly name: string;
  readonly type: string;
  readonly default: string;
  readonly alterable: boolean;
  readonly documentation: string;
}

const STREAMS = {
  en: {
    text: `## Streams

Configurations of a stream, which is a Kafka topic: given at creation (CreateTopics, \`POST /api/v1/streams\`), changed by
IncrementalAlterConfigs. Each is enforced; any other name is refused.
`,
    columns: ['configuration', 'type', 'default', 'description', 'changes'],
    alterable: ['fixed at creation', 'at any time'],
  },
  zh: {
    text: `## Stream

stream（即 Kafka topic）的配置：在创建时给出（CreateTopics、\`POST /api/v1/streams\`），由 IncrementalAlterConfigs 修改。每一项都会生效；其他名称一律被拒绝。
`,
    columns: ['配置', '类型', '默认值', '说明', '修改'],
    alterable: ['创建时确定', '随时'],
  },
} as const;

function streamTable(language: 'en' | 'zh', rows: readonly TopicConfigRow[]): string {
  const { text, columns, alterable } = STREAMS[language];
  const lines = rows.map((row) => {
    const value = row.default === '' ? '' : `\`${row.default}\``;
    const description = language === 'zh' ? inChinese(row.name, row.documentation) : row.documentation;
    return `| \`${row.name}\` | ${row.type.toLowerCase()} | ${value} | ${description} | ${alterable[Number(row.alterable) as 0 | 1]} |`;
  });
  return [text, `| ${columns.join(' | ')} |`, '|---|---|---|---|---|', ...lines, ''].join('\n');
}

function inChinese(name: string, description: string): string {
  const text = DESCRIPTIONS_IN_CHINESE[description];
  if (text === undefined)
    throw new RangeError(`${name} has no Chinese description in tools/docs/pages/configuration-zh.ts`);
  return text;
}

/** The page in one language. @throws RangeError when a setting has no Chinese description, or a description no setting */
export function configurationPage(
  language: 'en' | 'zh',
  definitions: readonly ConfigDefinition[],
  topicConfigs: readonly TopicConfigRow[],
): string {
  const translations = translated(definitions, topicConfigs);
  const tables = definitions.map(
    ({ app }, index) => `## ${app}\n\n${configurationTable(translations[index]!, language)}`,
  );
  return `${[INTRODUCTION[language], ...tables, streamTable(language, topicConfigs)].join('\n').trimEnd()}\n`;
}

function translated(definitions: readonly ConfigDefinition[], topicConfigs: readonly TopicConfigRow[]) {
  for (const { name, documentation } of topicConfigs) inChinese(name, documentation);
  const used = new Set(topicConfigs.map(({ documentation }) => documentation));
  const tables = definitions.map((definition) =>
    definition.describe().map((row) => {
      if (row.descriptionZh !== '') return row;
      const descriptionZh = inChinese(row.path, row.description);
      used.add(row.description);
      return { ...row, descriptionZh };
    }),
  );
  const stray = Object.keys(DESCRIPTIONS_IN_CHINESE).find((description) => !used.has(description));
  if (stray !== undefined) throw new RangeError(`no setting is described as '${stray}' any more`);
  return tables;
}
