// What this process knows of the cluster: fed by the watch, read from memory by everybody.
import { BrokerError } from '@robustmq/errors';
import { systemTimers, type Timers } from '@robustmq/runtime';
import type { ServiceKind, WatchClusterResponse } from '@robustmq/rpc';
import { discontinuity } from './continuity.ts';
import {
  toNumber,
  type NodeView,
  type ShardView,
  type StreamView,
  type UserView,
  type ViewChange,
} from './model.ts';
import { ViewTables } from './row-kinds.ts';
import type { RowEdit } from './row-table.ts';
import { nameKey } from './stream-index.ts';

/** Told after each applied revision (or snapshot), with its changes in order. */
export type ViewListener = (changes: readonly ViewChange[], revision: number) => void;

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
}

/**
 * Nodes, streams, users and configuration at one revision. Rows are replaced, never changed, so a reader may keep them.
 * A resync (snapshot after a gap) is applied as the difference, so listeners see every change exactly once. A snapshot that
 * cannot follow what is known is refused as a whole: the view keeps what it has and says so in {@link problem} (N2).
 */
export class ClusterView {
  readonly #tables = new ViewTables();
  readonly #timers: Timers;
  readonly #listeners = new Set<ViewListener>();
  readonly #waiters = new Set<Waiter>();
  /** Edits of a snapshot or revision whose last part is still to come: parsed as they come, applied at once (N8). */
  #part: RowEdit[] = [];
  #history = '';
  #clusterId = '';
  #revision = 0;
  #problem: string | undefined;

  constructor(timers: Timers = systemTimers) {
    this.#timers = timers;
  }

  get nodes(): ReadonlyMap<string, NodeView> {
    return this.#tables.nodes.rows;
  }

  get streams(): ReadonlyMap<number, StreamView> {
    return this.#tables.streams.rows;
  }

  get config(): ReadonlyMap<string, string> {
    return this.#tables.config.rows;
  }

  /** Revision reached; 0 before the first snapshot. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether the first snapshot is complete. */
  get ready(): boolean {
    return this.#revision > 0;
  }

  /** Why the view does not follow the cluster, in words for an operator; null when it does. */
  get problem(): string | null {
    if (this.#problem !== undefined) return this.#problem;
    return this.ready ? null : 'no view of the cluster yet';
  }

  get clusterId(): string {
    return this.#clusterId;
  }

  /** The newest epoch at which MQTT topics changed owner (rule O2). */
  get ownershipEpoch(): number {
    return this.#tables.ownershipEpoch;
  }

  /** What every command, field and format of this cluster may use (N17). */
  get featureLevel(): number {
    return this.#tables.featureLevel;
  }

  streamByName(tenant: string, name: string): StreamView | undefined {
    return this.#tables.streamIndex.byName(tenant, name);
  }

  /** @param topicId UUID in hex with dashes */
  streamByTopicId(topicId: string): StreamView | undefined {
    return this.#tables.streamIndex.byTopicId(topicId);
  }

  user(tenant: string, name: string): UserView | undefined {
    return this.#tables.users.rows.get(nameKey(tenant, name));
  }

  get users(): ReadonlyMap<string, UserView> {
    return this.#tables.users.rows;
  }

  shard(streamId: number, shard: number): ShardView | undefined {
    return this.streams.get(streamId)?.shards[shard];
  }

  /** The live node that leads a shard, under the epoch of that shard. */
  leaderOf(streamId: number, shard: number): NodeView | undefined {
    const row = this.shard(streamId, shard);
    if (row === undefined || row.leader === '') return undefined;
    const node = this.nodes.get(row.leader);
    return node?.live === true && node.incarnation === row.leaderIncarnation ? node : undefined;
  }

  /** Live nodes of a kind, by node id. */
  liveNodes(kind: ServiceKind): NodeView[] {
    return [...this.nodes.values()]
      .filter((node) => node.kind === kind && node.live)
      .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  }

  /**
   * Whether an incarnation is over (rule F1). One whose row is gone is: rows go long after their lease. One that this view
   * has not come to yet is not: incarnations are given in order.
   */
  hasEnded(nodeId: string, incarnation: number): boolean {
    const node = this.nodes.get(nodeId);
    if (node === undefined || node.incarnation < incarnation)
      return incarnation <= this.#tables.newestIncarnation;
    return node.incarnation > incarnation || !node.live;
  }

  /**
   * Whether a stream was deleted (rule N2). One that this view has not come to yet is absent as well, and was not: ids are given in
   * order.
   */
  hasDeleted(streamId: number): boolean {
    return streamId < this.#tables.nextStreamId && !this.streams.has(streamId);
  }

  /** Calls back after each applied revision; the result unsubscribes. */
  onChange(listener: ViewListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Resolves once the view has reached a revision.
   * @throws BrokerError `deadline_exceeded`
   */
  waitForRevision(revision: number, timeoutMs: number): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const giveUp = (waiter: Waiter): void => {
        this.#waiters.delete(waiter);
        reject(new BrokerError('deadline_exceeded', `view is at ${this.#revision}, not yet at ${revision}`));
      };
      const waiter: Waiter = {
        revision,
        resolve: () => {
          cancel?.();
          resolve();
        },
      };
      const cancel =
        timeoutMs === Number.POSITIVE_INFINITY
          ? undefined
          : this.#timers.after(timeoutMs, () => giveUp(waiter));
      this.#waiters.add(waiter);
    });
  }

  /**
   * Applies one message of the watch, in the order received.
   * @throws BrokerError `conflict` for a snapshot that cannot follow what is known; nothing has changed
   */
  apply(message: WatchClusterResponse): void {
    for (const change of message.changes) {
      const edit = this.#tables.editOf(change);
      if (edit !== undefined) this.#part.push(edit);
    }
    if (message.snapshot ? !message.snapshotComplete : message.moreFollows) return;
    const edits = this.#part;
    this.#part = [];
    if (message.snapshot) this.#applySnapshot(message, edits);
    else this.#applyRevision(message, edits);
  }

  /** Forgets a snapshot or revision that broke off in the middle. */
  abandonPart(): void {
    this.#part = [];
  }

  /** Names the run of meta-service that the revision comes from. */
  get history(): string {
    return this.#history;
  }

  #applySnapshot(message: WatchClusterResponse, edits: readonly RowEdit[]): void {
    const { clusterId, revision, nextStreamId } = message;
    const streams = this.#tables.streamsIn(edits);
    const problem = discontinuity(this, { clusterId, revision, nextStreamId, streams });
    this.#problem = problem;
    if (problem !== undefined) throw new BrokerError('conflict', problem);
    this.#clusterId = clusterId;
    this.#history = message.history;
    this.#tables.nextStreamId = Math.max(this.#tables.nextStreamId, nextStreamId);
    this.#advance(toNumber(revision), [...this.#tables.deleteMissing(edits), ...applied(edits)]);
  }

  #applyRevision(message: WatchClusterResponse, edits: readonly RowEdit[]): void {
    const revision = toNumber(message.revision);
    if (revision <= this.#revision) return;
    this.#advance(revision, applied(edits));
  }

  #advance(revision: number, changes: readonly ViewChange[]): void {
    this.#revision = revision;
    for (const listener of this.#listeners) listener(changes, revision);
    for (const waiter of this.#waiters) {
      if (waiter.revision > revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }
}

function applied(edits: readonly RowEdit[]): ViewChange[] {
  const changes: ViewChange[] = [];
  for (const edit of edits) {
    const change = edit.apply();
    if (change !== undefined) changes.push(change);
  }
  return changes;
}
