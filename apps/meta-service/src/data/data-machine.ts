// A data group: sessions and consumer groups of some hash slots. Its state lives in RocksDB only.
import { BrokerError } from '@robustmq/errors';
import type { Command, GroupKey, SessionKey } from '@robustmq/rpc';
import type { ApplyView, GroupMachine } from '../group-machine.ts';
import { claimGroup, commitOffsets, deleteGroups, deleteOffsets, putGroupMetadata } from './groups.ts';
import { groupKey, sessionKey } from './keys.ts';
import {
  closeIncarnation,
  commitCursors,
  expireSessions,
  openSessions,
  releaseSessions,
  updateSubscriptions,
} from './sessions.ts';

/** Applies session and group commands. */
export const dataMachine: GroupMachine = {
  keysOf({ command }) {
    switch (command.case) {
      case 'openSessions':
        return command.value.sessions.map(({ tenant, clientId }) => sessionKey(tenant, clientId));
      case 'releaseSessions':
        return keysOfSessions(command.value.sessions.map(({ key }) => key));
      case 'updateSubscriptions':
        return keysOfSessions(command.value.updates.map(({ key }) => key));
      case 'commitCursors':
        return keysOfSessions(command.value.commits.map(({ key }) => key));
      case 'expireSessions':
      case 'closeIncarnation':
        return keysOfSessions(command.value.sessions);
      case 'claimGroup':
      case 'putGroupMetadata':
      case 'commitOffsets':
      case 'deleteOffsets':
      case 'deleteGroups':
        return keysOfGroup(command.value.group);
      default:
        return [];
    }
  },
  apply({ command, nowMs }: Command, index: number, view: ApplyView): Uint8Array {
    switch (command.case) {
      case 'openSessions':
        return openSessions(view, command.value, index, nowMs);
      case 'releaseSessions':
        return releaseSessions(view, command.value, nowMs);
      case 'updateSubscriptions':
        return updateSubscriptions(view, command.value, nowMs);
      case 'commitCursors':
        return commitCursors(view, command.value, nowMs);
      case 'expireSessions':
        return expireSessions(view, command.value, nowMs);
      case 'closeIncarnation':
        return closeIncarnation(view, command.value, nowMs);
      case 'claimGroup':
        return claimGroup(view, command.value);
      case 'putGroupMetadata':
        return putGroupMetadata(view, command.value);
      case 'commitOffsets':
        return commitOffsets(view, command.value, nowMs);
      case 'deleteOffsets':
        return deleteOffsets(view, command.value);
      case 'deleteGroups':
        return deleteGroups(view, command.value);
      case 'endNodes':
        // Their requests are fenced by now, their rows are closed in steps (rule S1).
        return new Uint8Array();
      default:
        throw new BrokerError('unsupported', `no command of a data group: ${command.case ?? 'none'}`);
    }
  },
};

function keysOfSessions(keys: readonly (SessionKey | undefined)[]): Buffer[] {
  return keys.map((key) => sessionKey(key?.tenant ?? '', key?.clientId ?? ''));
}

function keysOfGroup(group: GroupKey | undefined): Buffer[] {
  return group === undefined ? [] : [groupKey(group.tenant, group.groupId)];
}
