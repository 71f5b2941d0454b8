// Emits `read<Struct>(reader, version)` for every struct of a message.
import { condition, defaultValue, minimumSizeBytes } from './emit-types.ts';
import {
  covers,
  intersect,
  isEmpty,
  type Field,
  type FieldType,
  type Message,
  type Struct,
} from './schema.ts';

/** Emits the readers of all structs; only the message's own is exported. */
export function emitReaders(message: Message): string {
  return message.structs.map((struct) => emitReader(message, struct)).join('\n');
}

function emitReader(message: Message, struct: Struct): string {
  const body: string[] = [];
  const flexible = intersect(message.flexibleVersions, struct.versions);
  for (const field of struct.fields) body.push(...readField(message, struct, field));
  if (!isEmpty(flexible)) {
    const guard = covers(message.flexibleVersions, struct.versions) ? '' : 'if (flexible) ';
    body.push(`  ${guard}${tagSection(message, struct)}`);
  }
  const own = struct.name === message.name;
  const out = own
    ? [`/** Reads a {@link ${struct.name}} of \`version\`; throws BrokerError 'malformed'. */`]
    : [];
  body.unshift(...flexibleConstant(message, struct, body));
  const parameters = `r: KafkaReader, ${versionParameter(body)}`;
  out.push(`${own ? 'export ' : ''}function read${struct.name}(${parameters}): ${struct.name} {`);
  out.push(...body);
  out.push(`  return { ${struct.fields.map((field) => field.name).join(', ')} };`, '}', '');
  return out.join('\n');
}

/** The version parameter, marked as unused where every version is alike. */
export function versionParameter(body: readonly string[]): string {
  return body.some((line) => /\bversion\b/.test(line)) ? 'version: number' : '_version: number';
}

/** Declares `flexible`, where used; a constant where all or none of the struct's versions are flexible. */
export function flexibleConstant(message: Message, struct: Struct, body: readonly string[]): string[] {
  if (!body.some((line) => /\bflexible\b/.test(line))) return [];
  const when = condition(message.flexibleVersions, struct.versions);
  return [`  const flexible = ${when ?? 'true'};`];
}

function readField(message: Message, struct: Struct, field: Field): string[] {
  const untagged = untaggedCondition(field, struct);
  const read = readNullable(message, field);
  if (field.tag === undefined && untagged === undefined) return [`  const ${field.name} = ${read};`];
  const type = `${struct.name}['${field.name}']`;
  if (untagged === 'false') return [`  let ${field.name}: ${type} = ${defaultValue(field)};`];
  const keyword = field.tag === undefined ? 'const' : 'let';
  return [`  ${keyword} ${field.name}: ${type} = ${untagged ?? 'true'} ? ${read} : ${defaultValue(field)};`];
}

/** When the field stands in its place in the struct, as opposed to absent or tagged. */
export function untaggedCondition(field: Field, struct: Struct): string | undefined {
  if (isEmpty(field.tagged)) return condition(field.versions, struct.versions);
  if (covers(field.tagged, field.versions)) return 'false';
  throw new Error(`${struct.name}.${field.name} is tagged in some of its versions only; not supported`);
}

function readNullable(message: Message, field: Field): string {
  const nullable = condition(field.nullable, field.versions);
  if (nullable === 'false') return readValue(message, field.type, field);
  if (nullable === undefined) return readOrNull(message, field);
  return `(${nullable}) ? ${readOrNull(message, field)} : ${readValue(message, field.type, field)}`;
}

function flag(field: Field): string {
  return field.mayBeFlexible ? 'flexible' : 'false';
}

function readOrNull(message: Message, field: Field): string {
  const { type } = field;
  if (type.kind === 'array') {
    return `r.nullableArray(${flag(field)}, ${minimumSizeBytes(type.element, message)}, ${elementReader(message, type, field)})`;
  }
  if (type.kind === 'struct') return `r.int8() < 0 ? null : read${type.name}(r, version)`;
  if (type.name === 'string') return `r.nullableString(${flag(field)})`;
  return `r.nullableBytes(${flag(field)})`;
}

function readValue(message: Message, type: FieldType, field: Field): string {
  if (type.kind === 'array') {
    return `r.array(${flag(field)}, ${minimumSizeBytes(type.element, message)}, ${elementReader(message, type, field)})`;
  }
  if (type.kind === 'struct') return `read${type.name}(r, version)`;
  if (type.name === 'string') return `r.string(${flag(field)})`;
  if (type.name === 'bytes' || type.name === 'records') return `r.bytes(${flag(field)})`;
  return `r.${type.name}()`;
}

function elementReader(message: Message, type: FieldType & { kind: 'array' }, field: Field): string {
  return `() => ${readValue(message, type.element, field)}`;
}

function tagSection(message: Message, struct: Struct): string {
  const tagged = struct.fields.filter((field) => field.tag !== undefined);
  if (tagged.length === 0) return 'r.skipTaggedFields();';
  const out = [
    '{',
    '    for (let tags = r.tagCount(); tags > 0; tags -= 1) {',
    '      const tag = r.uvarint();',
  ];
  out.push('      const end = r.tagEnd();', '      switch (tag) {');
  for (const field of tagged) {
    const when = condition(field.tagged, struct.versions);
    // A tag that this version does not know is skipped like any unknown tag.
    const guard = when === undefined ? '' : `if (${when}) `;
    out.push(
      `        case ${field.tag}:`,
      `          ${guard}${field.name} = ${readNullable(message, field)};`,
      '          break;',
    );
  }
  out.push('        default:', '          break;', '      }', '      r.seekTagEnd(end);', '    }', '  }');
  return out.join('\n');
}
