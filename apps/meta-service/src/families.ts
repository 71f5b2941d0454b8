// Column families: one per group (rule M1).

/** Family of the cluster group. */
export const CLUSTER_FAMILY = 'cluster';

/** Family of a data group (0-based). */
export const dataFamily = (group: number): string => `data-${group}`;
