// 256 hash slots placed on the data groups: a session or consumer group always lives in the group of its slot. Which group
// that is says a row of the cluster group, so that a slot can be moved.
import { create } from '@bufbuild/protobuf';
import { crc32c } from '@robustmq/bytes';
import { BrokerError } from '@robustmq/errors';
import { SlotPlacementSchema, type SlotPlacement } from '@robustmq/rpc';

/** Slots in all; never changes. */
export const SLOTS = 256;

/** Slot of a session or consumer group. */
export function slotOf(tenant: string, id: string): number {
  return crc32c(Buffer.from(`${tenant}\u0000${id}`)) % SLOTS;
}

/** Slots spread over data groups, as a new cluster begins. */
export function spreadSlots(dataGroups: number): SlotPlacement {
  const groups = Array.from({ length: SLOTS }, (_, slot) => slot % dataGroups);
  return create(SlotPlacementSchema, { dataGroups: groups });
}

/**
 * Every slot lies in a group that this member has.
 * @throws BrokerError `corrupt`
 */
export function checkPlacement({ dataGroups: groups }: SlotPlacement, dataGroups: number): void {
  if (groups.length !== SLOTS || groups.some((group) => group >= dataGroups))
    throw new BrokerError(
      'corrupt',
      `the cluster places slots in groups beyond the ${dataGroups} of this folder`,
    );
}
