// Draws random messages of one version from the normalised model, as plain values that writers take.
import fc from 'fast-check';
import type { Field, FieldType, Message, VersionRange } from '../generator/schema.ts';
import messages from './generated/messages.json';

/** Every generated message. */
export const MESSAGES = messages as unknown as readonly Message[];

function inRange(range: VersionRange, version: number): boolean {
  return version >= range.min && version <= range.max;
}

const SCALARS = {
  bool: () => fc.boolean(),
  int8: () => fc.integer({ min: -128, max: 127 }),
  int16: () => fc.integer({ min: -32768, max: 32767 }),
  uint16: () => fc.integer({ min: 0, max: 65535 }),
  int32: () => fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  int64: () => fc.maxSafeInteger(),
  float64: () => fc.double({ noNaN: true }),
  string: () => fc.string({ unit: 'grapheme', maxLength: 12 }),
  uuid: () =>
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
  bytes: () => fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  // Above and below the size from which writers keep a reference.
  records: () =>
    fc.oneof(
      fc.constant(Buffer.alloc(5000, 7)),
      fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b)),
    ),
} as const;

/** A random value of the message for one version; fields that the version lacks are left out. */
export function messageOf(message: Message, version: number): fc.Arbitrary<Record<string, unknown>> {
  return structOf(message, message.name, version);
}

function structOf(message: Message, name: string, version: number): fc.Arbitrary<Record<string, unknown>> {
  const struct = message.structs.find((candidate) => candidate.name === name);
  if (struct === undefined) throw new RangeError(name);
  const shape: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of struct.fields) {
    if (inRange(field.versions, version)) shape[field.name] = fieldOf(message, field, version);
  }
  return fc.record(shape);
}

function fieldOf(message: Message, field: Field, version: number): fc.Arbitrary<unknown> {
  const value = valueOf(message, field.type, version);
  return inRange(field.nullable, version) ? fc.option(value, { nil: null, freq: 4 }) : value;
}

function valueOf(message: Message, type: FieldType, version: number): fc.Arbitrary<unknown> {
  if (type.kind === 'scalar') return SCALARS[type.name]();
  if (type.kind === 'struct') return structOf(message, type.name, version);
  return fc.array(valueOf(message, type.element, version), { maxLength: 3 });
}
