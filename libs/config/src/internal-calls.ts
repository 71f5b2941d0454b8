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
