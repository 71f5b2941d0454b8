// 256 hash slots placed on the data groups: a session or consumer group always lives in the group of its slot.
import { crc32c } from '@robustmq/bytes';

/** Slots in all; never changes, so that groups can be moved slot by slot. */
export const SLOTS = 256;

/** Data group (0-based) of a session or consumer group. */
export function dataGroupOf(tenant: string, id: string, dataGroups: number): number {
  const slot = crc32c(Buffer.from(`${tenant}\u0000${id}`)) % SLOTS;
  return slot % dataGroups;
}
