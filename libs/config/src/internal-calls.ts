// Settings of every service that speaks to the others of its cluster.
import { z } from 'zod';
import { section } from './kinds.ts';

/** The section `cluster`: what makes a process one of this cluster. */
export function clusterSettings() {
  return {
    cluster: section({
      secretFile: z
        .string()
        .min(1)
        .default('data/cluster.secret')
        .describe('File with the secret that all services of a cluster share; meta-service makes it.'),
    }),
  };
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;

/** An address for calls between services. They are not encrypted yet, so their secret must not leave the host (N15). */
export function internalHost(): z.ZodDefault<z.ZodString> {
  return z
    .string()
    .regex(
      LOOPBACK,
      'calls between services are not encrypted: they are served on loopback only (127.0.0.1, ::1, localhost)',
    )
    .default('127.0.0.1');
}
