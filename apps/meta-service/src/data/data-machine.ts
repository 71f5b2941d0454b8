// A data group: sessions and consumer groups of some hash slots. Its state lives in RocksDB only.
import { BrokerError } from '@robustmq/errors';
import type { Command, GroupKey } from '@robustmq/rpc';
import type { ApplyView, GroupMachine } from '../group-machine.ts';
import { dataCommand, type AnyDataCommand, type CommandCase, type DataCommand } from './commands.ts';
import {
  claimGroup,
  commitOffsets,
  deleteGroups,
  deleteOffsets,
  dropStrayOffsets,
  expireGroups,
  putGroupMetadata,
} from './groups.ts';
import { groupKey } from './keys.ts';
import { dropSessions, reassignSession } from './session-operator.ts';
import { updateSessions } from './session-updates.ts';
import { closeIncarnation, expireSessions, openSessions, releaseSessions } from './sessions.ts';

const COMMANDS: readonly AnyDataCommand[] = [
  openSessions,
  releaseSessions,
  updateSessions,
  expireSessions,
  closeIncarnation,
  dropSessions,
  reassignSession,
  dataCommand({
    case: 'claimGroup',
    keysOf: ({ group }) => keysOfGroup(group),
    apply: (view, value, { nowMs }) => claimGroup(view, value, nowMs),
  }),
  dataCommand({
    case: 'putGroupMetadata',
    keysOf: ({ group }) => keysOfGroup(group),
    apply: (view, value, { nowMs }) => putGroupMetadata(view, value, nowMs),
  }),
  dataCommand({
    case: 'commitOffsets',
    keysOf: ({ group }) => keysOfGroup(group),
    apply: (view, value, { nowMs }) => commitOffsets(view, value, nowMs),
  }),
  dataCommand({
    case: 'deleteOffsets',
    keysOf: ({ group }) => keysOfGroup(group),
    apply: (view, value) => deleteOffsets(view, value),
  }),
  dataCommand({
    case: 'deleteGroups',
    keysOf: ({ group }) => keysOfGroup(group),
    apply: (view, value) => deleteGroups(view, value),
  }),
  dataCommand({
    case: 'expireGroups',
    keysOf: ({ groups }) => groups.flatMap(keysOfGroup),
    apply: (view, value) => expireGroups(view, value),
  }),
  dataCommand({
    case: 'dropStrayOffsets',
    keysOf: () => [],
    apply: (view, value) => dropStrayOffsets(view, value),
  }),
  // Requests of these incarnations are fenced by now; their rows are closed in steps (rule S1).
  dataCommand({ case: 'endNodes', keysOf: () => [], apply: () => new Uint8Array() }),
];

const BY_CASE = new Map<string | undefined, DataCommand>(
  COMMANDS.map((command) => [command.case, command as DataCommand<CommandCase>]),
);

/** Applies session and group commands. */
export const dataMachine: GroupMachine = {
  keysOf({ command }) {
    if (command.case === undefined) return [];
    return BY_CASE.get(command.case)?.keysOf(command.value) ?? [];
  },
  apply({ command, nowMs, entropy, defaults }: Command, index: number, view: ApplyView): Uint8Array {
    const known = BY_CASE.get(command.case);
    if (known === undefined || command.case === undefined)
      throw new BrokerError('unsupported', `no command of a data group: ${command.case ?? 'none'}`);
    const clientIdOwnsSession = defaults?.clientIdOwnsSession ?? false;
    return known.apply(view, command.value, { index, nowMs, entropy, clientIdOwnsSession });
  },
};

function keysOfGroup(group: GroupKey | undefined): Buffer[] {
  return group === undefined ? [] : [groupKey(group.tenant, group.groupId)];
}
