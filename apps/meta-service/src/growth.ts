// What a meta-service whose disk is nearly full still takes (rule L6): everything that makes room or keeps the cluster going, and
// nothing that makes rows which were not there.
import { BrokerError } from '@robustmq/errors';
import type { Command } from '@robustmq/rpc';

type Cases = Extract<Command['command'], { case: string }>;
type ValueOf<C extends Cases['case']> = Extract<Cases, { case: C }>['value'];

/** Whether each kind of command, or one of it, makes rows that were not there. */
const GROWS: { readonly [C in Cases['case']]: boolean | ((value: ValueOf<C>) => boolean) } = {
  bootstrap: false,
  placeSlots: false,
  // A cluster that heals may not wait for room.
  registerNode: false,
  endNodes: false,
  claimLeadership: false,
  alterIsr: false,
  acknowledgeOwnership: false,
  allocateProducerIds: false,
  createStream: true,
  addShards: true,
  deleteStream: false,
  acknowledgeDeletions: false,
  // An operator's, few and small: a shorter retention makes room, a password that leaked can't wait for it.
  alterStreamConfig: false,
  putDynamicConfig: false,
  putUser: false,
  deleteUser: false,
  raiseFeatureLevel: false,
  // Entry by entry, where they are applied: what is there may be opened, acknowledged and emptied.
  openSessions: false,
  updateSessions: false,
  releaseSessions: false,
  expireSessions: false,
  closeIncarnation: false,
  dropSessions: false,
  reassignSession: false,
  // A group that somebody claimed before has its row: who deletes one has to claim it.
  claimGroup: ({ expectedEpoch }) => expectedEpoch < 0,
  putGroupRows: ({ members, targets }) => members.length + targets.length > 0,
  commitOffsets: true,
  deleteOffsets: false,
  deleteGroups: false,
  expireGroups: false,
  dropStrayOffsets: false,
};

/** Whether a command is refused while the disk is nearly full. */
export function grows(command: Command['command']): boolean {
  if (command.case === undefined) return false;
  const rule = GROWS[command.case] as boolean | ((value: unknown) => boolean);
  return typeof rule === 'boolean' ? rule : rule(command.value);
}

/** The refusal. */
export function noRoom(what: string): BrokerError {
  return new BrokerError('storage_full', `the disk of meta-service is below its refuse mark: no ${what}`);
}
