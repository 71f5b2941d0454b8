// English and Chinese pages stand side by side: the same files, the same outline, the same code.
import type { Page } from '../markdown.ts';
import type { Problem } from '../problem.ts';

const LANGUAGES = ['en', 'zh'] as const;
/** Pages that a machine writes, in one language each. */
const GENERATED = /^docs\/[a-z]+\/benchmarks\//;

/** `pages` by path, such as `docs/en/quick-start.md`. */
export function checkLanguages(pages: readonly Page[]): Problem[] {
  const problems: Problem[] = [];
  const byPath = new Map(pages.map((page) => [page.path, page]));
  for (const page of pages) {
    if (GENERATED.test(page.path)) continue;
    const language = LANGUAGES.find((each) => page.path.startsWith(`docs/${each}/`));
    if (language === undefined) continue;
    const other = language === 'en' ? 'zh' : 'en';
    const otherPath = page.path.replace(`docs/${language}/`, `docs/${other}/`);
    const translation = byPath.get(otherPath);
    if (translation === undefined)
      problems.push({ path: page.path, line: 1, message: `has no counterpart ${otherPath}` });
    else if (language === 'en') problems.push(...compare(page, translation));
  }
  return problems;
}

function compare(english: Page, chinese: Page): Problem[] {
  return [
    ...compareOutline(english, chinese),
    ...compareFences(english, chinese),
    ...compareCode(english, chinese),
  ];
}

function compareOutline(english: Page, chinese: Page): Problem[] {
  const wanted = english.headings;
  const found = chinese.headings;
  const at = wanted.findIndex((heading, index) => heading.level !== found[index]?.level);
  if (at < 0 && found.length === wanted.length) return [];
  const index = at < 0 ? wanted.length : at;
  const line = found[index]?.line ?? found.at(-1)?.line ?? 1;
  const message = `outline differs from ${english.path}: expected ${describe(wanted[index])}, found ${describe(found[index])}`;
  return [{ path: chinese.path, line, message }];
}

function describe(heading: Page['headings'][number] | undefined): string {
  return heading === undefined ? 'the end' : `'${'#'.repeat(heading.level)} ${heading.text}'`;
}

/** Blocks of code are not translated; diagrams are. */
function compareFences(english: Page, chinese: Page): Problem[] {
  const problems: Problem[] = [];
  if (english.fences.length !== chinese.fences.length) {
    const message = `has ${chinese.fences.length} blocks of code, ${english.path} has ${english.fences.length}`;
    return [{ path: chinese.path, line: 1, message }];
  }
  english.fences.forEach((fence, index) => {
    const other = chinese.fences[index]!;
    if (
      fence.language !== other.language ||
      (isCommands(fence) && fence.lines.join('\n') !== other.lines.join('\n'))
    )
      problems.push({
        path: chinese.path,
        line: other.line,
        message: `block of code differs from ${english.path}:${fence.line}`,
      });
  });
  return problems;
}

function isCommands(fence: Page['fences'][number]): boolean {
  return (
    fence.language !== 'mermaid' && /^(npm|npx|node|curl|kcat|echo|mosquitto_\w+) /.test(fence.lines[0] ?? '')
  );
}

/** What is set as code is a name of the system, and a translation keeps all of them. */
function compareCode(english: Page, chinese: Page): Problem[] {
  const of = (page: Page): Map<string, number> => new Map(page.code.map(({ text, line }) => [text, line]));
  const [inEnglish, inChinese] = [of(english), of(chinese)];
  const missing = (from: Map<string, number>, to: Map<string, number>, page: Page, other: Page): Problem[] =>
    [...from]
      .filter(([text]) => isName(text) && !to.has(text))
      .map(([text, line]) => ({ path: page.path, line, message: `\`${text}\` is not in ${other.path}` }));
  return [
    ...missing(inEnglish, inChinese, english, chinese),
    ...missing(inChinese, inEnglish, chinese, english),
  ];
}

/** Placeholders in angle brackets and examples with words in them may be translated. */
function isName(text: string): boolean {
  return !/[<>·…]/.test(text) && /^[\x21-\x7e]+$/.test(text);
}
