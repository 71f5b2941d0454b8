// The table of an app's settings, in both languages.

import type { ConfigDefinition } from '@robustmq/config';

type SettingRow = ReturnType<ConfigDefinition['describe']>[number];

const HEADINGS = {
  en: { columns: ['setting', 'type', 'default', 'description', 'environment'], required: '**required**' },
  zh: { columns: ['配置项', '类型', '默认值', '说明', '环境变量'], required: '**必填**' },
} as const;

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`).replaceAll('\n', ' ');
}

/** The settings as a Markdown table. Chinese falls back to the English description. */
export function configurationTable(rows: readonly SettingRow[], language: keyof typeof HEADINGS): string {
  const { columns, required } = HEADINGS[language];
  const lines = [`| ${columns.join(' | ')} |`, `|${'---|'.repeat(columns.length)}`];
  for (const row of rows) {
    const type = row.limits === '' ? row.type : `${row.type} (${row.limits})`;
    const value = row.isRequired ? required : row.default === '' ? '' : `\`${row.default}\``;
    const description = language === 'zh' && row.descriptionZh !== '' ? row.descriptionZh : row.description;
    lines.push(
      `| \`${row.path}\` | ${[type, value, description].map(cell).join(' | ')} | \`${row.envName}\` |`,
    );
  }
  return `${lines.join('\n')}\n`;
}
