// What documentation, `--help` and Helm show of a schema.

import { z } from 'zod';
import { type AppSettings, metadataOf } from './settings.ts';

/** A JSON schema, draft 2020-12. */
export type JsonSchema = Record<string, unknown>;

/** One setting as documentation shows it. */
export interface SettingRow {
  readonly path: string;
  readonly type: string;
  /** In YAML; empty when the setting has none. */
  readonly default: string;
  readonly isRequired: boolean;
  /** Bounds and choices in words; empty when there are none. */
  readonly limits: string;
  readonly description: string;
  /** Chinese description, when the schema has one (`meta({ zh })`). */
  readonly descriptionZh: string;
  readonly envName: string;
}

const UNIT_FORMATS: Readonly<Record<string, string>> = {
  'byte-size': String.raw`^\d+(\.\d+)?\s*([KMGT]i?B?|B)?$`,
  duration: String.raw`^\d+(\.\d+)?\s*(ms|s|m|h|d|w)?$`,
};

/** Whether a schema takes "not set", by a default or because it need not be there. */
function isOptional(schema: z.ZodType | undefined): boolean {
  return schema === undefined || schema.safeParse(undefined).success;
}

/** The schema of the values that a user may write: units as texts too, and only what has no default required. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const pattern = UNIT_FORMATS[jsonSchema.format ?? ''];
      if (pattern !== undefined && jsonSchema.type === 'integer') {
        // JSON schema's limits apply to numbers only, its pattern to texts only.
        Object.assign(jsonSchema, { type: ['integer', 'string'], pattern });
      }
      if (zodSchema instanceof z.ZodObject && jsonSchema.required !== undefined) {
        const shape = zodSchema.shape as Record<string, z.ZodType>;
        const required = jsonSchema.required.filter((key) => !isOptional(shape[key]));
        if (required.length === 0) delete jsonSchema.required;
        else jsonSchema.required = required;
      }
    },
  });
}

function typeOf(schema: JsonSchema): string {
  const format = schema['format'];
  if (format === 'byte-size') return 'bytes';
  if (format === 'duration') return 'duration';
  if (choicesOf(schema) !== undefined) return 'choice';
  if (schema['type'] === 'array') return `list of ${typeOf((schema['items'] ?? {}) as JsonSchema)}`;
  if (schema['type'] === 'object') return 'map';
  const type = schema['type'];
  return typeof type === 'string' ? type : 'any';
}

/** The values of a setting that takes only some: an enumeration, or a boolean with words beside it. */
function choicesOf(schema: JsonSchema): readonly unknown[] | undefined {
  if (Array.isArray(schema['enum'])) return schema['enum'] as readonly unknown[];
  if (schema['const'] !== undefined) return [schema['const']];
  if (!Array.isArray(schema['anyOf'])) return undefined;
  const choices: unknown[] = [];
  for (const part of schema['anyOf'] as JsonSchema[]) {
    const some = part['type'] === 'boolean' ? [false, true] : choicesOf(part);
    if (some === undefined) return undefined;
    choices.push(...some);
  }
  return choices;
}

function limitsOf(schema: JsonSchema): string {
  const choices = choicesOf(schema);
  if (choices !== undefined) return choices.join(', ');
  const { minimum, maximum, minLength, maxLength } = schema as Record<string, number | undefined>;
  const parts: string[] = [];
  if (minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER) parts.push(`≥ ${minimum}`);
  if (maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER) parts.push(`≤ ${maximum}`);
  if (minLength !== undefined) parts.push(`length ≥ ${minLength}`);
  if (maxLength !== undefined) parts.push(`length ≤ ${maxLength}`);
  return parts.join(', ');
}

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const DURATION_UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
];

/** A number of bytes or milliseconds in the largest unit that divides it. */
function inUnits(value: number, format: string): string {
  if (format === 'byte-size') {
    let power = 0;
    let count = value;
    while (count !== 0 && count % 1024 === 0 && power < BINARY_UNITS.length - 1) {
      count /= 1024;
      power++;
    }
    return `${count}${BINARY_UNITS[power]}`;
  }
  for (const [unit, factor] of DURATION_UNITS) {
    if (value !== 0 && value % factor === 0) return `${value / factor}${unit}`;
  }
  return `${value}ms`;
}

function defaultOf(schema: JsonSchema): string {
  const value = schema['default'];
  if (value === undefined) return '';
  const format = schema['format'];
  if (typeof value === 'number' && (format === 'byte-size' || format === 'duration'))
    return inUnits(value, format);
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A row per setting, in the order of the schema. */
export function describeConfig(definition: AppSettings): readonly SettingRow[] {
  return definition.settings.map((setting) => {
    const schema = jsonSchemaOf(setting.schema);
    const metadata = metadataOf(setting.schema);
    return {
      path: setting.path,
      type: setting.isSecret ? 'secret' : typeOf(schema),
      default: defaultOf(schema),
      isRequired: !isOptional(setting.schema),
      limits: limitsOf(schema),
      description: textOf(metadata['description']),
      descriptionZh: textOf(metadata['zh']),
      envName: setting.envName,
    };
  });
}

/** The settings as the text that `--help` prints. */
export function renderHelp(definition: AppSettings): string {
  const blocks = describeConfig(definition).map((row) => {
    const facts = [
      row.type,
      row.limits,
      row.isRequired ? 'required' : row.default && `default ${row.default}`,
    ];
    return `  --${row.path}  (${facts.filter((fact) => fact !== '').join('; ')})\n      ${row.description}`;
  });
  return `${definition.app} [--config file.yaml] [--setting=value ...]\n\n${blocks.join('\n')}\n`;
}
