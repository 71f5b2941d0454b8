// Kinds of settings beyond zod's own. Each keeps its JSON schema, so that documentation and Helm values show it.

import { z } from 'zod';

const BYTE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  // As Kubernetes writes quantities.
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Lower and upper bound of a number, inclusive. */
export interface Limits {
  readonly min?: number;
  readonly max?: number;
}

function withUnits(
  units: Readonly<Record<string, number>>,
  format: string,
  limits: Limits,
): z.ZodType<number> {
  const pattern = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/;
  const names = Object.keys(units).join(', ');
  const number = z
    .int({
      error: ({ code }) =>
        code === 'invalid_type'
          ? `expected a whole number, optionally with one of the units ${names}`
          : undefined,
    })
    .min(limits.min ?? 0)
    .max(limits.max ?? Number.MAX_SAFE_INTEGER)
    .meta({ format });
  return z.preprocess((value) => {
    if (typeof value !== 'string') return value;
    const match = pattern.exec(value.trim());
    if (match === null) return value;
    const factor = match[2] === '' ? 1 : units[match[2]!];
    return factor === undefined ? value : Math.round(Number(match[1]) * factor);
  }, number);
}

const HOST_AND_PORT = /^.+:\d{1,5}$/;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;

/** Kinds of values beyond zod's own. */
export const setting = {
  /** Bytes: a number, or a text such as `64KiB`, `1GB` or Kubernetes' `1Gi`. The value is a number of bytes. */
  byteSize(limits: Limits = {}): z.ZodType<number> {
    return withUnits(BYTE_UNITS, 'byte-size', limits);
  },

  /** A duration: a number of milliseconds, or a text such as `500ms`, `5s` or `7d`. The value is milliseconds. */
  duration(limits: Limits = {}): z.ZodType<number> {
    return withUnits(DURATION_UNITS, 'duration', limits);
  },

  /** A TCP port; 0 lets the system choose one. */
  port(): z.ZodInt {
    return z.int().min(0).max(65_535);
  },

  /** A text that is never shown, logged or sent back. */
  secret(): z.ZodString {
    return z.string().meta({ secret: true });
  },

  /** An address for calls between services. They are not encrypted yet, so their secret must not leave the host (N15). */
  internalHost(): z.ZodDefault<z.ZodString> {
    return z
      .string()
      .regex(
        LOOPBACK,
        'calls between services are not encrypted: they are served on loopback only (127.0.0.1, ::1, localhost)',
      )
      .default('127.0.0.1');
  },

  /** Where the meta-services are that a process registers with. */
  metaAddresses(): z.ZodDefault<z.ZodArray<z.ZodString>> {
    return z
      .array(z.string().regex(HOST_AND_PORT, 'is no host:port'))
      .min(1)
      .default(['127.0.0.1:1228'])
      .describe('host:port of each meta-service.');
  },
} as const;

/** A group of settings, in which unknown keys are errors; an absent group has the defaults of its members. */
export function section<T extends z.core.$ZodLooseShape>(
  shape: T,
): z.ZodPrefault<z.ZodObject<T, z.core.$strict>> {
  return z.strictObject(shape).prefault({} as never);
}
