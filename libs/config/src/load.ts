// Loading: file < environment < flags, checked as a whole against the schema. All problems are told at once.

import { readFileSync } from 'node:fs';
import { BrokerError } from '@robustmq/errors';
import type { z } from 'zod';
import { type AppSettings, envPrefixOf } from './settings.ts';
import {
  readEnvironment,
  readFlags,
  readYaml,
  type Assignment,
  type FileContent,
  type Problem,
} from './sources.ts';

/** Where to load from; everything may be given by a test. */
export interface LoadOptions {
  /** Arguments behind the program's name. Default: those of this process. */
  readonly argv?: readonly string[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly readFile?: (path: string) => string;
}

/** The configuration in force. */
export interface LoadedConfig<T> {
  readonly values: T;
  /** The file that was read, if any. */
  readonly file: string | undefined;
  /** Per setting that is not at its default: where its value comes from. */
  readonly sources: ReadonlyMap<string, string>;
}

type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy without nulls: a YAML key without a value is a key that is not set. */
function withoutNulls(tree: Tree): Tree {
  const entries = Object.entries(tree).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, isTree(value) ? withoutNulls(value) : value]),
  );
}

function assign(tree: Tree, { setting, value }: Assignment): void {
  let branch = tree;
  for (const key of setting.keys.slice(0, -1)) {
    const next = branch[key];
    // A text where the file should hold a section is reported by the schema only if nothing is assigned below it.
    branch = isTree(next) ? next : (branch[key] = {});
  }
  branch[setting.keys.at(-1)!] = value;
}

function loadFile(
  path: string,
  readFile: (path: string) => string,
  problems: Problem[],
): FileContent | undefined {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    problems.push({
      source: `file ${path}`,
      message: error instanceof Error ? error.message : String(error),
    });
    return undefined;
  }
  const content = readYaml(path, text, problems);
  if (content.tree !== undefined && content.tree !== null && !isTree(content.tree)) {
    problems.push({ source: `file ${path}`, message: 'is no map of settings' });
  }
  return content;
}

/** One problem per unknown key, one per other issue. */
function problemsOf(error: z.ZodError, sourceOf: (keys: readonly PropertyKey[]) => string): Problem[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => {
        const keys = [...issue.path, key];
        return { source: sourceOf(keys), message: `${keys.join('.')}: no such setting` };
      });
    }
    return [{ source: sourceOf(issue.path), message: `${issue.path.join('.')}: ${issue.message}` }];
  });
}

function refuse(app: string, problems: readonly Problem[]): BrokerError {
  const lines = problems.map(({ source, message }) => `  ${source}: ${message}`);
  return new BrokerError('invalid_argument', `configuration of ${app} is not valid:\n${lines.join('\n')}`);
}

/** Reads and checks the configuration of a process; see `ConfigDefinition.load`. */
export function loadConfig<S extends z.ZodType>(
  definition: AppSettings<S>,
  options: LoadOptions,
): LoadedConfig<z.output<S>> {
  const { app, schema, settings } = definition;
  const environment = options.environment ?? process.env;
  const problems: Problem[] = [];
  const flags = readFlags(settings, options.argv ?? process.argv.slice(2), problems);
  const assignments = [...readEnvironment(app, settings, environment, problems), ...flags.assignments];
  const file = flags.file ?? environment[`${envPrefixOf(app)}CONFIG`];
  const read = options.readFile ?? ((path: string) => readFileSync(path, 'utf8'));
  const content = file === undefined ? undefined : loadFile(file, read, problems);
  // What could not be read whole would only yield misleading errors about what is missing.
  if (file !== undefined && (content === undefined || (content.tree !== null && !isTree(content.tree)))) {
    throw refuse(app, problems);
  }
  const tree = isTree(content?.tree) ? withoutNulls(content.tree) : {};
  const sources = new Map<string, string>();
  for (const setting of settings) {
    if (hasValue(tree, setting.keys)) sources.set(setting.path, content!.sourceOf(setting.keys));
  }
  for (const assignment of assignments) {
    assign(tree, assignment);
    sources.set(assignment.setting.path, assignment.source);
  }
  const sourceOf = (keys: readonly PropertyKey[]): string =>
    sources.get(keys.join('.')) ??
    assignments.find(({ setting }) => setting.keys.every((key, index) => keys[index] === key))?.source ??
    content?.sourceOf(keys) ??
    'not set';
  const outcome = schema.safeParse(tree);
  if (!outcome.success) problems.push(...problemsOf(outcome.error, sourceOf));
  if (problems.length > 0 || !outcome.success) throw refuse(app, problems);
  return { values: outcome.data, file, sources };
}

function hasValue(tree: Tree, keys: readonly string[]): boolean {
  let value: unknown = tree;
  for (const key of keys) {
    if (!isTree(value) || !Object.hasOwn(value, key)) return false;
    value = value[key];
  }
  return true;
}
