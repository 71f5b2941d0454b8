// What a consumer may see: all that is committed to the log, or of transactions only those that are.

/** Kafka's numbers. */
const READ_UNCOMMITTED = 0;
export const READ_COMMITTED = 1;

/** Whether there is such a level: one that nobody knows is no wish for uncommitted records. */
export function isIsolationLevel(level: number): boolean {
  return level === READ_UNCOMMITTED || level === READ_COMMITTED;
}
