// The settings (leaves) of a schema, with their path, flag and environment variable.

import { assert } from '@robustmq/errors';
import { z } from 'zod';

/** How the text of a flag or variable is to be read. */
export type TextForm = 'text' | 'texts' | 'list' | 'boolean' | 'yaml';

/** One leaf of the schema. */
export interface Setting {
  /** Keys from the root, such as `['listeners', 'tcp', 'port']`. */
  readonly keys: readonly string[];
  /** The keys with dots: the name in messages, documentation and flags. */
  readonly path: string;
  readonly envName: string;
  readonly form: TextForm;
  readonly isSecret: boolean;
  readonly schema: z.ZodType;
}

const WRAPPERS = new Set(['default', 'prefault', 'optional', 'nullable', 'nonoptional', 'readonly', 'catch']);

/** The schema below defaults, options and preprocessing. */
export function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema;
  for (;;) {
    const definition = inner.def as { type: string; innerType?: z.ZodType; in?: z.ZodType; out?: z.ZodType };
    if (WRAPPERS.has(definition.type)) inner = definition.innerType!;
    // A preprocessed schema is described by what comes out, a transformed one by what goes in.
    else if (definition.type === 'pipe')
      inner = definition.in!.def.type === 'transform' ? definition.out! : definition.in!;
    else return inner;
  }
}

/** Any metadata of the schema or of what it wraps; the outermost wins. */
export function metadataOf(schema: z.ZodType): Readonly<Record<string, unknown>> {
  const inner = unwrap(schema);
  return { ...(inner === schema ? {} : (inner.meta() ?? {})), ...schema.meta() };
}

function upperSnake(text: string): string {
  return text
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase();
}

/** Prefix of an app's environment variables, such as `ROBUSTMQ_MQTT_GATEWAY_`. */
export function envPrefixOf(app: string): string {
  return `ROBUSTMQ_${upperSnake(app)}_`;
}

function formOf(schema: z.ZodType): TextForm {
  const inner = unwrap(schema);
  const format = metadataOf(schema)['format'];
  if (format === 'byte-size' || format === 'duration') return 'text';
  switch (inner.def.type) {
    case 'string':
    case 'enum':
    case 'literal':
      return 'text';
    case 'array':
      return formOf((inner as z.ZodArray<z.ZodType>).element) === 'text' ? 'texts' : 'list';
    case 'boolean':
      return 'boolean';
    default:
      return 'yaml';
  }
}

function collect(app: string, schema: z.ZodType, keys: readonly string[], into: Setting[]): void {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) {
    const shape: Readonly<Record<string, z.ZodType>> = inner.shape;
    for (const [key, child] of Object.entries(shape)) {
      collect(app, child, [...keys, key], into);
    }
    return;
  }
  into.push({
    keys,
    path: keys.join('.'),
    envName: envPrefixOf(app) + keys.map(upperSnake).join('_'),
    form: formOf(schema),
    isSecret: metadataOf(schema)['secret'] === true,
    schema,
  });
}

/** All settings of an app's schema, in its order. Two that share a variable are a mistake in the schema. */
export function settingsOf(app: string, schema: z.ZodType): readonly Setting[] {
  const settings: Setting[] = [];
  collect(app, schema, [], settings);
  const names = new Set(settings.map((setting) => setting.envName));
  assert(names.size === settings.length, `environment variables of ${app} are unique`);
  assert(!names.has(`${envPrefixOf(app)}CONFIG`), 'CONFIG names the file');
  return settings;
}

/** What a configuration is made of: reading and describing need no more. */
export interface AppSettings<S extends z.ZodType = z.ZodType> {
  readonly app: string;
  readonly schema: S;
  readonly settings: readonly Setting[];
}
