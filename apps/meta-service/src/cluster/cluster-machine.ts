// The cluster group: one command in, one response out, and what watchers must hear of it.
import { clone, create } from '@bufbuild/protobuf';
import type { KeyValueBatch } from '@robustmq/kv-store';
import { ClusterChangeSchema, type ClusterChange, type Command } from '@robustmq/rpc';
import type { GroupMachine } from '../group-machine.ts';
import { noRows, type ClusterRows, type ClusterState } from './cluster-state.ts';
import { runCommand, type LeaseTimes } from './commands.ts';

/** What the machine tells, and whom. Nothing here may change the state: two members need not be configured alike. */
export interface ClusterMachineOptions extends LeaseTimes {
  /** Told of every applied command that changed something, in order. */
  readonly onApplied: (revision: bigint, changes: ClusterChange[]) => void;
}

/** Applies commands to a {@link ClusterState}. Rows are stored by `storeRows` after a batch. */
export class ClusterMachine implements GroupMachine {
  readonly #state: ClusterState;
  readonly #options: ClusterMachineOptions;
  #dirty: ClusterRows = noRows();
  #hasDirty = false;

  constructor(state: ClusterState, options: ClusterMachineOptions) {
    this.#state = state;
    this.#options = options;
  }

  get state(): ClusterState {
    return this.#state;
  }

  keysOf(): Buffer[] {
    return [];
  }

  apply(command: Command): Uint8Array {
    const rows = noRows();
    const response = runCommand({ state: this.#state, rows, command, leases: this.#options });
    const changes = this.#changesOf(rows);
    if (changes.length > 0 || rows.meta || rows.slots || rows.deletions.size > 0) {
      if (changes.length > 0) this.#state.meta.revision++;
      this.#mergeDirty(rows);
      if (changes.length > 0) this.#options.onApplied(this.#state.meta.revision, changes);
    }
    return response(this.#state.meta.revision);
  }

  /** Adds every row changed since the last call to a batch. */
  storeRows(batch: KeyValueBatch, family: string): void {
    if (!this.#hasDirty) return;
    this.#state.store(this.#dirty, batch, family);
    this.#dirty = noRows();
    this.#hasDirty = false;
  }

  #changesOf(rows: ClusterRows): ClusterChange[] {
    const state = this.#state;
    const changes: ClusterChange['change'][] = [];
    for (const nodeId of rows.nodes) {
      const value = state.nodes.get(nodeId);
      if (value !== undefined) changes.push({ case: 'node', value });
    }
    for (const value of rows.deletedNodes) changes.push({ case: 'deletedNodeId', value });
    for (const streamId of rows.streams) {
      const value = state.streams.get(streamId);
      if (value !== undefined) changes.push({ case: 'stream', value });
    }
    for (const value of rows.deletedStreams) changes.push({ case: 'deletedStreamId', value });
    for (const key of rows.users) {
      const value = state.users.get(key);
      if (value !== undefined) changes.push({ case: 'user', value });
    }
    const made = changes.map((change) => create(ClusterChangeSchema, { change }));
    for (const value of rows.deletedUsers.values())
      made.push(create(ClusterChangeSchema, { change: { case: 'deletedUser', value } }));
    for (const key of rows.configs) {
      const value = { key, value: state.config.get(key) ?? '' };
      made.push(create(ClusterChangeSchema, { change: { case: 'config', value } }));
    }
    if (rows.ownershipEpoch) {
      made.push(
        create(ClusterChangeSchema, { change: { case: 'ownershipEpoch', value: state.meta.ownershipEpoch } }),
      );
    }
    if (rows.featureLevel) {
      made.push(
        create(ClusterChangeSchema, { change: { case: 'featureLevel', value: state.meta.featureLevel } }),
      );
    }
    // Watchers keep what they get: later commands must not change it under them.
    return made.map((change) => clone(ClusterChangeSchema, change));
  }

  #mergeDirty(rows: ClusterRows): void {
    this.#hasDirty = true;
    const dirty = this.#dirty;
    for (const nodeId of rows.nodes) dirty.nodes.add(nodeId);
    for (const nodeId of rows.deletedNodes) dirty.deletedNodes.add(nodeId);
    for (const streamId of rows.streams) dirty.streams.add(streamId);
    for (const streamId of rows.deletedStreams) dirty.deletedStreams.add(streamId);
    for (const [key, user] of rows.deletedUsers) dirty.deletedUsers.set(key, user);
    for (const key of rows.users) {
      dirty.users.add(key);
      dirty.deletedUsers.delete(key);
    }
    for (const nodeId of rows.nodes) dirty.deletedNodes.delete(nodeId);
    for (const key of rows.configs) dirty.configs.add(key);
    for (const streamId of rows.deletions) dirty.deletions.add(streamId);
    if (rows.slots) dirty.slots = true;
  }
}
