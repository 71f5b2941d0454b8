// The configuration pages, from the schemas of the apps.
import { renderConfigTable, type ConfigDefinition } from '@robustmq/config';

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

/** The page in one language. @throws RangeError when a setting has no Chinese description, or a description no setting */
export function configurationPage(language: 'en' | 'zh', definitions: readonly ConfigDefinition[]): string {
  const inChinese = translated(definitions);
  const tables = definitions.map(
    ({ app }, index) => `## ${app}\n\n${renderConfigTable(inChinese[index]!, language)}`,
  );
  return `${[INTRODUCTION[language], ...tables].join('\n').trimEnd()}\n`;
}

function translated(definitions: readonly ConfigDefinition[]) {
  const used = new Set<string>();
  const tables = definitions.map((definition) =>
    definition.describe().map((row) => {
      if (row.descriptionZh !== '') return row;
      const descriptionZh = DESCRIPTIONS_IN_CHINESE[row.description];
      if (descriptionZh === undefined)
        throw new RangeError(
          `${row.path} has no Chinese description in tools/docs/pages/configuration-zh.ts`,
        );
      used.add(row.description);
      return { ...row, descriptionZh };
    }),
  );
  const stray = Object.keys(DESCRIPTIONS_IN_CHINESE).find((description) => !used.has(description));
  if (stray !== undefined) throw new RangeError(`no setting is described as '${stray}' any more`);
  return tables;
}
