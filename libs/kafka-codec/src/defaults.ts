// What generated code shares: default values, and the check that a version can carry what the caller set.
import { BrokerError } from '@robustmq/errors';

/** The UUID that means "none". */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA';

/** Default of non-null bytes. */
export const EMPTY_BYTES: Buffer = Buffer.alloc(0);

/** Default of arrays; shared, hence frozen. */
export const EMPTY_ARRAY: readonly never[] = Object.freeze([]);

/** The value, which this version cannot carry as null. */
export function notNull<T>(value: T | null, version: number, field: string): T {
  if (value === null) throw new BrokerError('unsupported', `${field} cannot be null in version ${version}`);
  return value;
}

/** Whether two field values are the same; structs field by field, where an absent field counts as the default. */
export function sameValue(value: unknown, fallback: unknown): boolean {
  if (value === fallback || value === undefined) return true;
  if (typeof value !== 'object' || typeof fallback !== 'object' || value === null || fallback === null)
    return false;
  if (Array.isArray(value))
    return Array.isArray(fallback) && value.length === fallback.length && value.length === 0;
  if (Buffer.isBuffer(value)) return Buffer.isBuffer(fallback) && value.equals(fallback);
  const defaults = fallback as Readonly<Record<string, unknown>>;
  return Object.entries(value).every(([key, inner]) => sameValue(inner, defaults[key]));
}

/** Refuses a value that the version would silently lose. */
export function refuseUnlessDefault(value: unknown, fallback: unknown, version: number, field: string): void {
  if (!sameValue(value, fallback)) {
    throw new BrokerError('unsupported', `version ${version} cannot carry ${field}`);
  }
}
