// The cluster group: one command in, one response out, and what watchers must hear of it. A command may lead thousands of shards
// elsewhere, so it runs in steps (N8): on a draft, then into bytes, then into the batch; the last step makes all of it visible.
import type { Command } from '@robustmq/rpc';
import type { ApplyView, GroupMachine } from '../group-machine.ts';
import type { Steps } from '../steps.ts';
import type { ClusterState } from './cluster-state.ts';
import { runCommand, type LeaseTimes } from './commands.ts';
import { ClusterDraft } from './draft.ts';

/** What the machine tells, and whom. Nothing here may change the state: two members need not be configured alike. */
export interface ClusterMachineOptions extends LeaseTimes {
  /** Told of every applied command that changed something for watchers, in order, with whole changes in bytes. */
  readonly onApplied: (revision: bigint, changes: readonly Buffer[]) => void;
}

/** Applies commands to a {@link ClusterState}. */
export class ClusterMachine implements GroupMachine {
  readonly #state: ClusterState;
  readonly #options: ClusterMachineOptions;

  constructor(state: ClusterState, options: ClusterMachineOptions) {
    this.#state = state;
    this.#options = options;
  }

  keysOf(): Buffer[] {
    return [];
  }

  *apply(command: Command, _index: number, view: ApplyView): Steps<Uint8Array> {
    const draft = new ClusterDraft(this.#state);
    const answer = yield* runCommand({ draft, command, leases: this.#options });
    const { edits, changes, revision } = yield* draft.prepare();
    const response = answer(revision);
    // Nothing below throws, and the batch is written after the last of the round's commands.
    for (const { key, value } of edits) {
      yield;
      if (value === undefined) view.delete(key);
      else view.put(key, value);
    }
    for (const { commit } of edits) commit();
    if (changes.length > 0) this.#options.onApplied(revision, changes);
    return response;
  }
}
