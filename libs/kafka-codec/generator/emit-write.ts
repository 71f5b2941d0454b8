// Emits `write<Struct>(writer, version, value)` for every struct of a message.
import { condition, defaultValue, isOptional } from './emit-types.ts';
import { flexibleConstant, untaggedCondition, versionParameter } from './emit-read.ts';
import {
  covers,
  intersect,
  isEmpty,
  type Field,
  type FieldType,
  type Message,
  type Struct,
} from './schema.ts';

/** Emits the writers of all structs; only the message's own is exported. */
export function emitWriters(message: Message): string {
  return message.structs.map((struct) => emitWriter(message, struct)).join('\n');
}

function emitWriter(message: Message, struct: Struct): string {
  const body: string[] = [];
  for (const field of struct.fields) body.push(...writeField(message, struct, field));
  const flexible = intersect(message.flexibleVersions, struct.versions);
  if (!isEmpty(flexible)) {
    const guard = covers(message.flexibleVersions, struct.versions) ? '' : 'if (flexible) ';
    body.push(`  ${guard}${tagSection(struct)}`);
  }
  const own = struct.name === message.name;
  const out = own
    ? [
        `/** Writes a {@link ${struct.name}} of \`version\`; throws BrokerError 'unsupported' for what it cannot carry. */`,
      ]
    : [];
  body.unshift(...flexibleConstant(message, struct, body));
  const parameters = `w: KafkaWriter, ${versionParameter(body)}, v: ${struct.name}Input`;
  out.push(`${own ? 'export ' : ''}function write${struct.name}(${parameters}): void {`);
  return [...out, ...body, '}', ''].join('\n');
}

/** What the caller gave, or the default where it may leave the field out. */
function given(field: Field, struct: Struct): string {
  const value = `v.${field.name}`;
  if (!isOptional(field, struct)) return value;
  const fallback = defaultValue(field);
  if (isEmpty(field.nullable) || fallback === 'null') return `(${value} ?? ${fallback})`;
  return `(${value} === undefined ? ${fallback} : ${value})`;
}

function writeField(message: Message, struct: Struct, field: Field): string[] {
  const untagged = untaggedCondition(field, struct);
  const absent = needsCheck(message, field) ? absentCheck(struct, field) : undefined;
  if (untagged === 'false') {
    const present = condition(field.versions, struct.versions);
    return present === undefined || absent === undefined ? [] : [`  if (!(${present})) ${absent}`];
  }
  const write = writeNullable(field, given(field, struct));
  if (untagged === undefined) return [`  ${write}`];
  return [`  if (${untagged}) { ${write} }`, ...(absent === undefined ? [] : [`  else ${absent}`])];
}

/**
 * A request that its version cannot carry is an error of the caller, unless the descriptor says that the value may be
 * dropped. A response has the version that the client chose, so what that client does not know is left out.
 */
function needsCheck(message: Message, field: Field): boolean {
  return message.name.endsWith('Request') && !field.ignorable && field.type.kind !== 'struct';
}

function absentCheck(struct: Struct, field: Field): string {
  return `refuseUnlessDefault(v.${field.name}, ${defaultValue(field)}, version, '${struct.name}.${field.name}');`;
}

function flag(field: Field): string {
  return field.mayBeFlexible ? 'flexible' : 'false';
}

function writeNullable(field: Field, expression: string): string {
  const nullable = condition(field.nullable, field.versions);
  if (nullable === 'false') return `${writeValue(field.type, field, expression)};`;
  if (nullable === undefined) return `${writeOrNull(field, expression)};`;
  const strict = writeValue(field.type, field, `notNull(${expression}, version, '${field.name}')`);
  return `if (${nullable}) { ${writeOrNull(field, expression)}; } else { ${strict}; }`;
}

function writeOrNull(field: Field, expression: string): string {
  const { type } = field;
  if (type.kind === 'array')
    return `w.nullableArray(${expression}, ${flag(field)}, ${elementWriter(type, field)})`;
  if (type.kind === 'struct')
    return `w.nullableStruct(${expression}, (item) => write${type.name}(w, version, item))`;
  if (type.name === 'string') return `w.nullableString(${expression}, ${flag(field)})`;
  if (type.name === 'records') return `w.nullableRecords(${expression}, ${flag(field)})`;
  return `w.nullableBytes(${expression}, ${flag(field)})`;
}

function writeValue(type: FieldType, field: Field, expression: string): string {
  if (type.kind === 'array') return `w.array(${expression}, ${flag(field)}, ${elementWriter(type, field)})`;
  if (type.kind === 'struct') return `write${type.name}(w, version, ${expression})`;
  if (type.name === 'string') return `w.string(${expression}, ${flag(field)})`;
  if (type.name === 'bytes') return `w.bytes(${expression}, ${flag(field)})`;
  if (type.name === 'records') return `w.nullableRecords(${expression}, ${flag(field)})`;
  return `w.${type.name}(${expression})`;
}

function elementWriter(type: FieldType & { kind: 'array' }, field: Field): string {
  return `(item) => ${writeValue(type.element, field, 'item')}`;
}

function tagSection(struct: Struct): string {
  const tagged = struct.fields
    .filter((field) => field.tag !== undefined)
    .sort((a, b) => (a.tag ?? 0) - (b.tag ?? 0));
  if (tagged.length === 0) return 'w.noTaggedFields();';
  const out = ['{', '    const tags = w.taggedFields();'];
  for (const field of tagged) {
    const when = condition(field.tagged, struct.versions);
    const guard = when === undefined ? '' : `${when} && `;
    const value = `v.${field.name}`;
    // Kafka's own writer leaves out tagged fields that hold their default.
    out.push(`    if (${guard}${value} !== undefined && !sameValue(${value}, ${defaultValue(field)})) {`);
    out.push(`      const value = ${value};`);
    out.push(`      tags.add(${field.tag}, (w) => { ${writeNullable(field, 'value')} });`, '    }');
  }
  out.push('    tags.end();', '  }');
  return out.join('\n');
}
