// Where values come from: a YAML file, environment variables and flags. Each source gives what it holds and complains
// about what it can't place; types and limits are the schema's to check.

import { LineCounter, parse, parseDocument, type Document } from 'yaml';
import { envPrefixOf, type Setting } from './settings.ts';

/** Something wrong, with the place it was found at. */
export interface Problem {
  readonly source: string;
  readonly message: string;
}

/** A value for one setting. */
export interface Assignment {
  readonly setting: Setting;
  readonly value: unknown;
  readonly source: string;
}

/** Begins with a bracket and is no list in brackets: `[::1]:1228`. */
const IPV6_AND_PORT = /^\s*\[[\da-f:.]+\]:\d/i;

/** A text from a variable or flag as the value that a file would hold. */
function readText(setting: Setting, text: string): unknown {
  if (setting.form === 'text') return text;
  const isBareList = !text.trimStart().startsWith('[') || IPV6_AND_PORT.test(text);
  if (setting.form === 'texts' && isBareList) {
    return text === '' ? [] : text.split(',').map((part) => part.trim());
  }
  try {
    return parse(setting.form === 'list' && isBareList ? `[${text}]` : text);
  } catch {
    // Not YAML, so it stays a text, which the schema refuses with the right path.
    return text;
  }
}

/**
 * Variables that Kubernetes injects for services whose name starts like the prefix ("service links"), such as
 * `ROBUSTMQ_META_SERVICE_PORT_9000_TCP`. They are none of ours and must not stop a start.
 */
const SERVICE_LINK =
  /^(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;

/** Assignments by environment variables. Unknown variables with the app's prefix are problems. */
export function readEnvironment(
  app: string,
  settings: readonly Setting[],
  environment: Readonly<Record<string, string | undefined>>,
  problems: Problem[],
): Assignment[] {
  const prefix = envPrefixOf(app);
  const byName = new Map(settings.map((setting) => [setting.envName, setting]));
  const assignments: Assignment[] = [];
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith(prefix) || text === undefined || name === `${prefix}CONFIG`) continue;
    const setting = byName.get(name);
    const source = `environment ${name}`;
    if (setting !== undefined) assignments.push({ setting, value: readText(setting, text), source });
    else if (!SERVICE_LINK.test(name.slice(prefix.length)))
      problems.push({ source, message: 'no such setting' });
  }
  return assignments;
}

/** What the command line holds: assignments and the file to read. */
export interface Flags {
  readonly assignments: readonly Assignment[];
  readonly file: string | undefined;
  readonly wantsHelp: boolean;
}

/**
 * Reads `--path.to.key=value`, `--path.to.key value`, `--config file` and `--help`; a boolean's value may be left out.
 * Unknown, repeated and incomplete flags are problems.
 */
export function readFlags(settings: readonly Setting[], argv: readonly string[], problems: Problem[]): Flags {
  const byPath = new Map(settings.map((setting) => [setting.path, setting]));
  const assignments = new Map<string, Assignment>();
  let file: string | undefined;
  let wantsHelp = false;
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index]!;
    if (argument === '--help' || argument === '-h') {
      wantsHelp = true;
      continue;
    }
    if (!argument.startsWith('--')) {
      problems.push({ source: `argument ${argument}`, message: 'flags look like --path.to.key=value' });
      continue;
    }
    const equals = argument.indexOf('=');
    const path = argument.slice(2, equals === -1 ? undefined : equals);
    const source = `flag --${path}`;
    const setting = byPath.get(path);
    let text = equals === -1 ? undefined : argument.slice(equals + 1);
    if (text === undefined && takesNext(setting, argv[index + 1])) text = argv[++index];
    if (text === undefined && setting?.form === 'boolean') text = 'true';
    if (setting === undefined && path !== 'config') problems.push({ source, message: 'no such setting' });
    else if (text === undefined) problems.push({ source, message: 'has no value' });
    else if (setting === undefined) file = text;
    else if (assignments.has(path)) problems.push({ source, message: 'is given twice' });
    else assignments.set(path, { setting, value: readText(setting, text), source });
  }
  return { assignments: [...assignments.values()], file, wantsHelp };
}

function takesNext(setting: Setting | undefined, next: string | undefined): boolean {
  if (next === undefined || next.startsWith('--')) return false;
  return setting?.form === 'boolean' ? next === 'true' || next === 'false' : true;
}

/** What a YAML file holds, and where in it a path is. */
export interface FileContent {
  readonly tree: unknown;
  readonly sourceOf: (keys: readonly PropertyKey[]) => string;
}

/** Parses a configuration file. Syntax errors are problems with their line. */
export function readYaml(name: string, text: string, problems: Problem[]): FileContent {
  const lines = new LineCounter();
  const document: Document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
  });
  for (const error of document.errors) {
    const { line, col } = lines.linePos(error.pos[0]);
    problems.push({ source: `file ${name}:${line}:${col}`, message: error.message });
  }
  const sourceOf = (keys: readonly PropertyKey[]): string => {
    for (let length = keys.length; length > 0; length--) {
      const node = document.getIn(keys.slice(0, length), true);
      const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined;
      if (Array.isArray(range)) return `file ${name}:${lines.linePos(Number(range[0])).line}`;
    }
    return `file ${name}`;
  };
  if (document.errors.length > 0) return { tree: undefined, sourceOf };
  try {
    return { tree: document.toJS(), sourceOf };
  } catch (error) {
    // Too many aliases.
    problems.push({
      source: `file ${name}`,
      message: error instanceof Error ? error.message : String(error),
    });
    return { tree: undefined, sourceOf };
  }
}
