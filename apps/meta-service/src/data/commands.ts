// A kind of command of a data group: what it may read and what it does, side by side in the module that owns its rows.
import { BrokerError } from '@robustmq/errors';
import { FailureSchema, toFailure, type Command, type Failure } from '@robustmq/rpc';
import { create } from '@bufbuild/protobuf';
import type { ApplyView } from '../group-machine.ts';

type Cases = Extract<Command['command'], { case: string }>;
/** The name of a command. */
export type CommandCase = Cases['case'];
/** The message of a command. */
export type CommandValue<C extends CommandCase> = Extract<Cases, { case: C }>['value'];

/** What comes with a command beside its message. */
export interface CommandContext {
  readonly index: number;
  readonly nowMs: bigint;
  readonly entropy: Uint8Array;
  readonly clientIdOwnsSession: boolean;
  /** Nothing may be made that was not there: the disk is nearly full. */
  readonly refusesGrowth: boolean;
}

/** One kind of command. */
export interface DataCommand<C extends CommandCase = CommandCase> {
  readonly case: C;
  /** Keys that `apply` may read. */
  keysOf(value: CommandValue<C>): Buffer[];
  /** Bytes of the response. @throws BrokerError with nothing changed */
  apply(view: ApplyView, value: CommandValue<C>, context: CommandContext): Uint8Array;
}

/** A command in a list of all kinds: its `case` says which message it takes. */
export type AnyDataCommand = { [C in CommandCase]: DataCommand<C> }[CommandCase];

/** Declares a command. */
export function dataCommand<C extends CommandCase>(command: DataCommand<C>): DataCommand<C> {
  return command;
}

const SUCCESS: Failure = create(FailureSchema);

/** Outcome of one entry of a batch: one that fails changes nothing and leaves the others alone. */
export function attempt(run: () => void): Failure {
  try {
    run();
    return SUCCESS;
  } catch (thrown) {
    if (!(thrown instanceof BrokerError)) throw thrown;
    return toFailure(thrown);
  }
}
