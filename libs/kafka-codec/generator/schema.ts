// Reads the official Kafka message descriptors into a checked, normalised model: every field carries the versions in
// which it is present, already intersected with those of the struct around it.
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** An inclusive range of versions; `max` of an open range ("3+") is {@link OPEN}; an empty range has max < min. */
export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** Stands for "and all later versions". */
export const OPEN = 32767;
const NONE: VersionRange = { min: 0, max: -1 };

/** The shapes a value can have. Struct types are named by the index of {@link Message.structs}. */
export type FieldType =
  | { readonly kind: 'scalar'; readonly name: ScalarName }
  | { readonly kind: 'struct'; readonly name: string }
  | { readonly kind: 'array'; readonly element: FieldType };

const SCALARS = [
  'bool',
  'int8',
  'int16',
  'uint16',
  'int32',
  'int64',
  'float64',
  'string',
  'uuid',
  'bytes',
  'records',
] as const;
/** The scalar types that descriptors use. */
export type ScalarName = (typeof SCALARS)[number];

/** One field of a struct. */
export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly versions: VersionRange;
  readonly nullable: VersionRange;
  /** Tag number and the versions in which the field is written as a tagged field. */
  readonly tag: number | undefined;
  readonly tagged: VersionRange;
  readonly ignorable: boolean;
  /** The default as a TypeScript expression, or undefined where the descriptor names none. */
  readonly explicitDefault: string | undefined;
  /** False for the one field (ClientId of the request header) that never uses the compact form. */
  readonly mayBeFlexible: boolean;
}

/** A struct: the message itself, a nested struct or one of the commonStructs. */
export interface Struct {
  readonly name: string;
  readonly versions: VersionRange;
  readonly fields: readonly Field[];
}

/** One descriptor file. `structs` is in order of use with the message itself last. */
export interface Message {
  readonly name: string;
  readonly apiKey: number | undefined;
  readonly validVersions: VersionRange;
  readonly flexibleVersions: VersionRange;
  readonly structs: readonly Struct[];
}

interface RawField {
  name: string;
  type: string;
  versions?: string;
  nullableVersions?: string;
  taggedVersions?: string;
  flexibleVersions?: string;
  tag?: number;
  ignorable?: boolean;
  default?: string | number | boolean;
  fields?: RawField[];
}

interface RawMessage {
  name: string;
  apiKey?: number;
  validVersions: string;
  flexibleVersions: string;
  fields: RawField[];
  commonStructs?: { name: string; versions?: string; fields: RawField[] }[];
}

/** Parses "3", "3-5", "3+" or "none". */
export function parseVersions(text: string | undefined): VersionRange {
  if (text === undefined || text === 'none') return NONE;
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text.trim());
  if (match === null) throw new Error(`cannot read the version range "${text}"`);
  const min = Number(match[1]);
  return { min, max: match[2] === '+' ? OPEN : Number(match[3] ?? min) };
}

/** The versions in both ranges. */
export function intersect(a: VersionRange, b: VersionRange): VersionRange {
  return { min: Math.max(a.min, b.min), max: Math.min(a.max, b.max) };
}

/** Whether a range has no versions. */
export function isEmpty(range: VersionRange): boolean {
  return range.max < range.min;
}

/** Whether every version of `inner` is in `outer`. */
export function covers(outer: VersionRange, inner: VersionRange): boolean {
  return isEmpty(inner) || (outer.min <= inner.min && outer.max >= inner.max);
}

/** `Topics` becomes `topics`, `ISRNodes` becomes `isrNodes`. */
export function camelCase(name: string): string {
  const head = /^[A-Z]+(?=[A-Z][a-z])|^[A-Z]+/.exec(name)?.[0] ?? '';
  return head.toLowerCase() + name.slice(head.length);
}

/** Loads one descriptor; `maxVersion` caps its valid versions (the last may be unstable). */
export function loadMessage(directory: string, name: string, maxVersion?: number): Message {
  const text = readFileSync(path.join(directory, `${name}.json`), 'utf8').replace(/^\s*\/\/.*$/gm, '');
  const raw = JSON.parse(text) as RawMessage;
  const declared = parseVersions(raw.validVersions);
  const validVersions =
    maxVersion === undefined ? declared : { min: declared.min, max: Math.min(declared.max, maxVersion) };
  return {
    name: raw.name,
    apiKey: raw.apiKey,
    validVersions,
    flexibleVersions: parseVersions(raw.flexibleVersions),
    structs: new StructReader(raw, validVersions).structs,
  };
}

/** Reads the structs of one descriptor, each once, those that another one uses before it. */
class StructReader {
  readonly structs: Struct[] = [];
  readonly #raw: RawMessage;
  readonly #validVersions: VersionRange;
  readonly #common: ReadonlyMap<string, NonNullable<RawMessage['commonStructs']>[number]>;
  readonly #done = new Set<string>();

  constructor(raw: RawMessage, validVersions: VersionRange) {
    this.#raw = raw;
    this.#validVersions = validVersions;
    this.#common = new Map((raw.commonStructs ?? []).map((struct) => [struct.name, struct]));
    this.#add(raw.name, raw.fields, validVersions);
  }

  #add(name: string, fields: readonly RawField[], versions: VersionRange): void {
    if (this.#done.has(name)) return;
    this.#done.add(name);
    const built = fields
      .map((field) => this.#field(field, versions))
      .filter((field) => !isEmpty(field.versions));
    this.structs.push({ name, versions, fields: built });
  }

  #field(field: RawField, parent: VersionRange): Field {
    const versions = intersect(parseVersions(field.versions ?? '0+'), parent);
    const nullable = intersect(parseVersions(field.nullableVersions), versions);
    return {
      name: camelCase(field.name),
      type: this.#type(field, field.type, versions),
      versions,
      nullable,
      tag: field.tag,
      tagged: intersect(parseVersions(field.taggedVersions), versions),
      ignorable: field.ignorable ?? false,
      explicitDefault: field.default === undefined ? undefined : defaultExpression(field),
      mayBeFlexible: field.flexibleVersions !== 'none',
    };
  }

  #type(field: RawField, type: string, versions: VersionRange): FieldType {
    if (type.startsWith('[]')) return { kind: 'array', element: this.#type(field, type.slice(2), versions) };
    if ((SCALARS as readonly string[]).includes(type)) return { kind: 'scalar', name: type as ScalarName };
    const name = this.#raw.name + type;
    const shared = this.#common.get(type);
    if (shared === undefined) {
      this.#add(name, field.fields ?? [], versions);
    } else {
      // A shared struct is used from several places, so only its own versions bound its fields.
      const own = parseVersions(shared.versions ?? '0+');
      this.#add(name, shared.fields, intersect(own, this.#validVersions));
    }
    return { kind: 'struct', name };
  }
}

function defaultExpression(field: RawField): string {
  const text = String(field.default);
  if (text === 'null') return 'null';
  if (field.type === 'string') return `'${text}'`;
  if (field.type === 'bool') return text;
  // 2^63-1 is the one default outside the safe integers; the ends of that range stand for everything beyond them.
  if (text === '9223372036854775807') return 'Number.MAX_SAFE_INTEGER';
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`default ${text} of ${field.name} is not a safe integer`);
  return String(value);
}
