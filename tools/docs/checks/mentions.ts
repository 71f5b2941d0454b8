// What a page mentions exists: scripts and their options, settings, environment variables, ports, metrics, HTTP paths, files
// and identifiers. A page that tells of what was renamed or removed fails.
import type { Facts } from '../facts.ts';
import type { Page, Span } from '../markdown.ts';
import type { Problem } from '../problem.ts';

/** Why a mention is wrong, or undefined. */
type Check = (text: string, facts: Facts) => string | undefined;

/** Dotted names of others: Kafka's client settings and the attributes of OpenTelemetry. */
const FOREIGN_NAMES = new Set([
  'group.protocol',
  'transaction.version',
  'client.id',
  'group.instance.id',
  'service.name',
  'service.namespace',
  'service.instance.id',
  'service.version',
]);
const FILE_NAME = /\.(?:ts|js|mjs|cjs|json|md|proto|log|index|timeindex|txnindex|commit|yaml|tmp)$/;
/** Programs that blocks of commands may start; npm and curl are looked into. */
const PROGRAMS = new Set([
  'npm',
  'npx',
  'node',
  'curl',
  'echo',
  'kcat',
  'mosquitto_pub',
  'mosquitto_sub',
  'cat',
  'cp',
  'mv',
  'rm',
  'kill',
  'export',
]);

/** Checks the inline code and the blocks of commands of all pages. */
export function checkMentions(pages: readonly Page[], facts: Facts): Problem[] {
  return pages.flatMap((page) => {
    const spans = [...page.code, ...commandLines(page)];
    return spans.flatMap(({ text, line }) =>
      CHECKS.flatMap((check) => {
        const message = check(text, facts);
        return message === undefined ? [] : [{ path: page.path, line, message }];
      }),
    );
  });
}

/** Lines of blocks without a language; continued lines are joined. A block of one program only is one of commands. */
function commandLines(page: Page): Span[] {
  const spans: Span[] = [];
  for (const fence of page.fences) {
    if (fence.language !== '' && fence.language !== 'bash' && fence.language !== 'sh') continue;
    let text = '';
    fence.lines.forEach((content, index) => {
      text += content.replace(/\\$/, ' ');
      if (content.endsWith('\\')) return;
      spans.push({ text, line: fence.line + index });
      text = '';
    });
  }
  return spans.filter(({ text }) => PROGRAMS.has(text.split(' ', 1)[0]!));
}

const NPM = /\bnpm (run )?([a-z][\w:]*)((?: [^|;&]*)?)/;
const PNPM = /\bnpx pnpm ([a-z][\w:]*)/;

const checkScripts: Check = (text, { scripts, options }) => {
  const pnpm = PNPM.exec(text);
  if (pnpm !== null) return scripts.has(pnpm[1]!) ? undefined : `there is no script ${pnpm[1]}`;
  const npm = NPM.exec(text);
  if (npm === null || text.includes('npx ')) return undefined;
  const [, run, name = '', rest = ''] = npm;
  if (run === undefined && !['start', 'test'].includes(name))
    return `npm ${name} is no script: npm run ${name}?`;
  if (!scripts.has(name)) return `there is no script ${name}`;
  const given = rest.split(/\s+/).filter((word) => word !== '');
  if (given.length > 0 && given[0] !== '--') return `options of npm ${name} come behind --`;
  const known = options.get(name) ?? new Set<string>();
  const unknown = given
    .slice(1)
    .find((word) => word.startsWith('--') && !known.has(word.slice(2).split('=', 1)[0]!));
  return unknown === undefined ? undefined : `npm ${name} has no option ${unknown}`;
};

const checkAppFlags: Check = (text, { settings }) => {
  for (const [, name] of text.matchAll(/(?:^|\s)--([a-z]\w*(?:\.\w+)+)/g))
    if (!settings.has(name!)) return `no app has the flag --${name}`;
  return undefined;
};

const checkSettings: Check = (text, { settings, topicConfigs }) => {
  const match = /^([a-z][A-Za-z]*(?:\.[a-zA-Z]+)+)(?:=\S*)?$/.exec(text);
  const name = match?.[1];
  if (name === undefined || FILE_NAME.test(text)) return undefined;
  const isKnown = settings.has(name) || topicConfigs.has(name) || FOREIGN_NAMES.has(name);
  return isKnown || name.startsWith('messaging.') || name.startsWith('robustmq.')
    ? undefined
    : `no setting is named ${name}`;
};

const checkEnvironment: Check = (text, { environment }) => {
  for (const [name] of text.matchAll(/\bROBUSTMQ_[A-Z0-9_]+/g))
    if (!environment.has(name)) return `no app reads ${name}`;
  const assigned = /^([A-Z][A-Z0-9_]+)=/.exec(text)?.[1];
  return assigned === undefined || environment.has(assigned) ? undefined : `nothing reads ${assigned}`;
};

const checkPorts: Check = (text, { ports }) => {
  for (const [, digits] of text.matchAll(/(?:127\.0\.0\.1|localhost|\s-p) ?:?(\d{2,5})\b/g))
    if (!ports.has(Number(digits))) return `nothing listens on port ${digits}`;
  return undefined;
};

const checkMetrics: Check = (text, { metrics }) => {
  for (const [name] of text.matchAll(/\brobustmq_[a-z0-9_]+/g))
    if (!metrics.has(name.replace(/_(?:bucket|sum|count)$/, '')) && !metrics.has(name))
      return `there is no metric ${name}`;
  return undefined;
};

const checkHttpPaths: Check = (text, { httpPaths }) => {
  const match =
    /^(?:(?:GET|POST|PUT|DELETE) )?(\/[a-z][\w/{}.-]*)/.exec(text) ??
    /https?:\/\/[\w.]+:\d+(\/[\w/{}.-]*)/.exec(text);
  const path = match?.[1];
  if (path === undefined || /^\/(?:tmp|var|etc|path)\//.test(path)) return undefined;
  const isKnown = [...httpPaths].some((known) => known.startsWith(`${path}/`) || isInstance(path, known));
  return isKnown ? undefined : `nothing serves ${path}`;
};

/** Whether a path is one of a pattern such as `/streams/{name}`. */
function isInstance(path: string, pattern: string): boolean {
  const parts = path.split('/');
  const wanted = pattern.split('/');
  return (
    parts.length === wanted.length && wanted.every((part, i) => part === parts[i] || /^\{.*\}$/.test(part))
  );
}

const checkFiles: Check = (text, facts) => {
  const script = /^node ([\w./-]+\.(?:mjs|ts|cjs))/.exec(text)?.[1];
  if (script !== undefined) return facts.exists(script) ? undefined : `there is no ${script}`;
  if (!/^(?:apps|libs|tools|proto|docs|e2e)\/[\w./-]*$/.test(text)) return undefined;
  return facts.exists(text.replace(/\/$/, '')) ? undefined : `there is no ${text}`;
};

/** Words that can only be identifiers: with an underscore, or a capital within. */
const checkIdentifiers: Check = (text, facts) => {
  if (!/^[A-Za-z]\w*$/.test(text) || !(text.includes('_') || /[a-z][A-Z]/.test(text))) return undefined;
  return /^robustmq_/i.test(text) || facts.occurs(text) ? undefined : `${text} occurs nowhere in the sources`;
};

const CHECKS: readonly Check[] = [
  checkScripts,
  checkAppFlags,
  checkSettings,
  checkEnvironment,
  checkPorts,
  checkMetrics,
  checkHttpPaths,
  checkFiles,
  checkIdentifiers,
];
