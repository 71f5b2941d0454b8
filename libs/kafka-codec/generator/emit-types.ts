// Emits the TypeScript shapes of a message and answers what the read and write emitters both ask about fields.
import {
  covers,
  isEmpty,
  type Field,
  type FieldType,
  type Message,
  type Struct,
  type VersionRange,
} from './schema.ts';

/** The TypeScript type of a field; `suffix` is '' for what readers return and 'Input' for what writers take. */
export function typeScriptType(type: FieldType, suffix: string): string {
  if (type.kind === 'struct') return type.name + suffix;
  if (type.kind === 'array') return `readonly ${wrapUnion(typeScriptType(type.element, suffix))}[]`;
  if (type.name === 'bool') return 'boolean';
  if (type.name === 'string' || type.name === 'uuid') return 'string';
  // Records may be handed over in pieces, as the log returned them.
  if (type.name === 'records' && suffix === 'Input') return 'Buffer | readonly Buffer[]';
  if (type.name === 'bytes' || type.name === 'records') return 'Buffer';
  return 'number';
}

function wrapUnion(text: string): string {
  return text.includes(' ') ? `(${text})` : text;
}

/** The value a field takes where its version lacks it, as a TypeScript expression. */
export function defaultValue(field: Field): string {
  if (field.explicitDefault !== undefined) return field.explicitDefault;
  const { type } = field;
  if (type.kind === 'array') return 'EMPTY_ARRAY';
  if (type.kind === 'struct') return `default${type.name}()`;
  if (type.name === 'bool') return 'false';
  if (type.name === 'string') return "''";
  if (type.name === 'uuid') return 'ZERO_UUID';
  if (type.name === 'bytes' || type.name === 'records')
    return isEmpty(field.nullable) ? 'EMPTY_BYTES' : 'null';
  return '0';
}

/** Whether a writer's caller may leave the field out: it has a default, or not every version carries it. */
export function isOptional(field: Field, struct: Struct): boolean {
  return (
    field.explicitDefault !== undefined ||
    field.ignorable ||
    field.tag !== undefined ||
    !covers(field.versions, struct.versions)
  );
}

/**
 * The condition under which `range` holds, given that the version already lies in `known`: undefined when it always
 * holds, 'false' when it never does.
 */
export function condition(range: VersionRange, known: VersionRange): string | undefined {
  if (isEmpty(range) || range.min > known.max || range.max < known.min) return 'false';
  const parts: string[] = [];
  if (range.min > known.min) parts.push(`version >= ${range.min}`);
  if (range.max < known.max) parts.push(`version <= ${range.max}`);
  return parts.length === 0 ? undefined : parts.join(' && ');
}

/** The fewest bytes that one encoded value can take in any version: the bound for hostile array counts. */
export function minimumSizeBytes(type: FieldType, message: Message): number {
  if (type.kind === 'array') return 1;
  if (type.kind === 'scalar') return SCALAR_MINIMUM_BYTES[type.name];
  const struct = structOf(type.name, message);
  let total = 0;
  for (const field of struct.fields) {
    if (!covers(field.versions, struct.versions) || field.tag !== undefined) continue;
    total +=
      field.type.kind === 'struct' && !isEmpty(field.nullable) ? 1 : minimumSizeBytes(field.type, message);
  }
  return Math.max(1, total);
}

const SCALAR_MINIMUM_BYTES = {
  bool: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  int64: 8,
  float64: 8,
  string: 1,
  uuid: 16,
  bytes: 1,
  records: 1,
} as const;

/** The struct of that name. */
export function structOf(name: string, message: Message): Struct {
  const found = message.structs.find((struct) => struct.name === name);
  if (found === undefined) throw new Error(`no struct ${name} in ${message.name}`);
  return found;
}

/** Structs of which a default value is needed: those a version may lack, and those written as tagged fields. */
export function structsWithDefault(message: Message): Set<string> {
  const names = new Set<string>();
  for (const struct of message.structs) {
    for (const field of struct.fields) {
      if (field.type.kind !== 'struct' || field.explicitDefault === 'null') continue;
      if (field.tag !== undefined || !covers(field.versions, struct.versions)) names.add(field.type.name);
    }
  }
  return names;
}

/** Emits both interfaces of every struct, and the defaults of those that need one. */
export function emitTypes(message: Message): string {
  const out: string[] = [];
  const withDefault = structsWithDefault(message);
  for (const struct of message.structs) {
    const what =
      struct.name === message.name ? `${struct.name} as read` : `Struct of ${message.name} as read`;
    out.push(`/** ${what}; fields that its version lacks have their defaults. */`);
    out.push(`export interface ${struct.name} {`);
    for (const field of struct.fields) {
      const orNull = isEmpty(field.nullable) ? '' : ' | null';
      out.push(`  readonly ${field.name}: ${typeScriptType(field.type, '')}${orNull};`);
    }
    out.push('}', '');
    out.push(`/** {@link ${struct.name}} as written: what has a default may be left out. */`);
    out.push(`export interface ${struct.name}Input {`);
    for (const field of struct.fields) {
      const orNull = isEmpty(field.nullable) ? '' : ' | null';
      const mark = isOptional(field, struct) ? '?' : '';
      out.push(`  readonly ${field.name}${mark}: ${typeScriptType(field.type, 'Input')}${orNull};`);
    }
    out.push('}', '');
    if (withDefault.has(struct.name)) {
      out.push(`function default${struct.name}(): ${struct.name} {`, '  return {');
      for (const field of struct.fields) out.push(`    ${field.name}: ${defaultValue(field)},`);
      out.push('  };', '}', '');
    }
  }
  return out.join('\n');
}
