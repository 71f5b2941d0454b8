// One word per idea in Chinese too: what drifted apart once is written in one way, and emphasis is written so that it
// renders between characters that have no spaces around them.
import type { Page } from '../markdown.ts';
import type { Problem } from '../problem.ts';

interface Rule {
  readonly wrong: RegExp;
  readonly message: string;
}

const CJK = '\\u4e00-\\u9fff，。、（）：；“”';

const RULES: readonly Rule[] = [
  { wrong: /广告表/, message: 'an advertised API is 公布的 API' },
  { wrong: /化身/, message: 'incarnation is 运行实例' },
  { wrong: /压缩（compaction）|主题压缩/, message: 'compaction is 日志压实; 压缩 is compression' },
  { wrong: /消费组/, message: 'consumer group is 消费者组' },
  {
    wrong: /(?<!MQTT )(?<!MQTT)主题(?!过滤器|索引|哈希|别名)/,
    message: 'say which: MQTT 主题 or Kafka topic',
  },
  {
    wrong: new RegExp(`[${CJK}]\\s?shard\\s?[${CJK}]`),
    message: 'shard is 分片',
  },
  {
    wrong: new RegExp(`[${CJK}]_[^_\`\\s][^_\`]*_|(?<![\\w\`])_[^_\`\\s][^_\`]*_[${CJK}]`),
    message: 'emphasis with _ does not render beside Chinese characters: use **',
  },
];

/** Inline code, targets of links and variables of one letter are no words. */
function words(line: string): string {
  return line.replaceAll(/`[^`]*`|\]\([^)]*\)|\b_[A-Za-z]_\b|(?<![\w])_[A-Za-z]_/g, '``');
}

/** `pages` with their text, line by line; only Chinese ones are looked at. */
export function checkGlossary(pages: readonly (Page & { readonly lines: readonly string[] })[]): Problem[] {
  const problems: Problem[] = [];
  for (const { path, lines } of pages) {
    if (!path.startsWith('docs/zh/')) continue;
    let inCode = false;
    lines.forEach((line, index) => {
      if (line.startsWith('```')) inCode = !inCode;
      if (inCode) return;
      const text = words(line);
      for (const { wrong, message } of RULES)
        if (wrong.test(text)) problems.push({ path, line: index + 1, message });
    });
  }
  return problems;
}
