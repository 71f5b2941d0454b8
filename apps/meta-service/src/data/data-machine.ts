// A data group: sessions and consumer groups of some hash slots. Its state lives in RocksDB only.
import { BrokerError } from '@robustmq/errors';
import type { Command } from '@robustmq/rpc';
import type { ApplyView, GroupMachine } from '../group-machine.ts';
import { dataCommand, type AnyDataCommand, type CommandCase, type DataCommand } from './commands.ts';
import { groupCommands } from './groups.ts';
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
  ...groupCommands,
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
  apply(message: Command, index: number, view: ApplyView): Uint8Array {
    const { command, nowMs, entropy, defaults, refusesGrowth } = message;
    const known = BY_CASE.get(command.case);
    if (known === undefined || command.case === undefined)
      throw new BrokerError('unsupported', `no command of a data group: ${command.case ?? 'none'}`);
    const clientIdOwnsSession = defaults?.clientIdOwnsSession ?? false;
    return known.apply(view, command.value, { index, nowMs, entropy, clientIdOwnsSession, refusesGrowth });
  },
};
