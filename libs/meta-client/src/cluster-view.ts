// What this process knows of the cluster: fed by the watch, read from memory by everybody.
import { BrokerError } from '@robustmq/errors';
import { type ServiceKind, type WatchClusterResponse } from '@robustmq/rpc';
import {
  nodeView,
  streamView,
  toNumber,
  type ClusterChange,
  type NodeView,
  type ShardView,
  type StreamView,
  type UserView,
  type ViewChange,
} from './model.ts';

/** Told after each applied revision (or snapshot), with its changes in order. */
export type ViewListener = (changes: readonly ViewChange[], revision: number) => void;

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
}

/**
 * Nodes, streams, users and configuration at one revision. Rows are replaced, never changed, so a reader may keep them.
 * A resync (snapshot after a gap) is applied as the difference, so listeners see every change exactly once.
 */
export class ClusterView {
  readonly nodes = new Map<string, NodeView>();
  readonly streams = new Map<number, StreamView>();
  readonly users = new Map<string, UserView>();
  readonly config = new Map<string, string>();
  readonly #streamsByName = new Map<string, StreamView>();
  readonly #streamsByTopicId = new Map<string, StreamView>();
  readonly #listeners = new Set<ViewListener>();
  readonly #waiters = new Set<Waiter>();
  #snapshotRows: ClusterChange[] | undefined;
  #clusterId = '';
  #revision = 0;
  #ownershipEpoch = 0;

  /** Revision reached; 0 before the first snapshot. */
  get revision(): number {
    return this.#revision;
  }

  /** Whether the first snapshot is complete. */
  get ready(): boolean {
    return this.#revision > 0;
  }

  get clusterId(): string {
    return this.#clusterId;
  }

  /** The newest epoch at which MQTT topics changed owner (rule O2). */
  get ownershipEpoch(): number {
    return this.#ownershipEpoch;
  }

  streamByName(tenant: string, name: string): StreamView | undefined {
    return this.#streamsByName.get(nameKey(tenant, name));
  }

  /** @param topicId UUID in hex with dashes */
  streamByTopicId(topicId: string): StreamView | undefined {
    return this.#streamsByTopicId.get(topicId);
  }

  user(tenant: string, name: string): UserView | undefined {
    return this.users.get(nameKey(tenant, name));
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
          clearTimeout(timer);
          resolve();
        },
      };
      const timer =
        timeoutMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => giveUp(waiter), timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  /** Applies one message of the watch, in the order received. */
  apply(message: WatchClusterResponse): void {
    if (message.clusterId !== '') this.#clusterId = message.clusterId;
    if (message.snapshot) {
      (this.#snapshotRows ??= []).push(...message.changes);
      if (!message.snapshotComplete) return;
      const rows = this.#snapshotRows;
      this.#snapshotRows = undefined;
      const changes = [...this.#missingFrom(rows), ...this.#applyRows(rows)];
      this.#advance(toNumber(message.revision), changes);
      return;
    }
    const revision = toNumber(message.revision);
    if (revision <= this.#revision) return;
    this.#advance(revision, this.#applyRows(message.changes));
  }

  /** Forgets a snapshot that broke off in the middle. */
  abandonSnapshot(): void {
    this.#snapshotRows = undefined;
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

  #applyRows(rows: readonly ClusterChange[]): ViewChange[] {
    const changes: ViewChange[] = [];
    for (const row of rows) {
      const change = this.#applyRow(row);
      if (change !== undefined) changes.push(change);
    }
    return changes;
  }

  #applyRow({ change }: ClusterChange): ViewChange | undefined {
    switch (change.case) {
      case 'node': {
        const node = nodeView(change.value);
        const previous = this.nodes.get(node.nodeId);
        this.nodes.set(node.nodeId, node);
        return { kind: 'node', node, previous };
      }
      case 'deletedNodeId':
        return this.#deleteNode(change.value);
      case 'stream':
        return this.#putStream(streamView(change.value));
      case 'deletedStreamId':
        return this.#deleteStream(change.value);
      case 'user': {
        const { tenant, name, passwordHash, superuser } = change.value;
        const user = { tenant, name, passwordHash, superuser };
        this.users.set(nameKey(tenant, name), user);
        return { kind: 'user', user };
      }
      case 'deletedUser':
        return this.#deleteUser(nameKey(change.value.tenant, change.value.name));
      case 'config':
        return this.#setConfig(change.value.key, change.value.value);
      case 'ownershipEpoch':
        this.#ownershipEpoch = toNumber(change.value);
        return { kind: 'ownershipEpoch', ownershipEpoch: this.#ownershipEpoch };
      case undefined:
        return undefined;
    }
  }

  #putStream(stream: StreamView): ViewChange {
    const previous = this.streams.get(stream.streamId);
    this.streams.set(stream.streamId, stream);
    this.#streamsByName.set(nameKey(stream.tenant, stream.name), stream);
    this.#streamsByTopicId.set(stream.topicId, stream);
    return { kind: 'stream', stream, previous };
  }

  #deleteStream(streamId: number): ViewChange | undefined {
    const stream = this.streams.get(streamId);
    if (stream === undefined) return undefined;
    this.streams.delete(streamId);
    this.#streamsByTopicId.delete(stream.topicId);
    // The name may belong to a younger stream already.
    const key = nameKey(stream.tenant, stream.name);
    if (this.#streamsByName.get(key)?.streamId === streamId) this.#streamsByName.delete(key);
    return { kind: 'streamDeleted', stream };
  }

  #deleteNode(nodeId: string): ViewChange | undefined {
    const node = this.nodes.get(nodeId);
    if (node === undefined) return undefined;
    this.nodes.delete(nodeId);
    return { kind: 'nodeDeleted', node };
  }

  #deleteUser(key: string): ViewChange | undefined {
    const user = this.users.get(key);
    if (user === undefined) return undefined;
    this.users.delete(key);
    return { kind: 'userDeleted', user };
  }

  #setConfig(key: string, value: string): ViewChange {
    if (value === '') this.config.delete(key);
    else this.config.set(key, value);
    return { kind: 'config', key, value: value === '' ? undefined : value };
  }

  /** Deletions that happened while the watch was broken: rows we have and the snapshot has not. */
  #missingFrom(rows: readonly ClusterChange[]): ViewChange[] {
    const kept = new Set<string>();
    for (const { change } of rows) {
      if (change.case === 'node') kept.add(`node ${change.value.identity?.nodeId ?? ''}`);
      if (change.case === 'stream') kept.add(`stream ${change.value.streamId}`);
      if (change.case === 'user') kept.add(`user ${nameKey(change.value.tenant, change.value.name)}`);
      if (change.case === 'config') kept.add(`config ${change.value.key}`);
    }
    const gone: (ViewChange | undefined)[] = [];
    for (const nodeId of [...this.nodes.keys()])
      if (!kept.has(`node ${nodeId}`)) gone.push(this.#deleteNode(nodeId));
    for (const id of [...this.streams.keys()])
      if (!kept.has(`stream ${id}`)) gone.push(this.#deleteStream(id));
    for (const key of [...this.users.keys()]) if (!kept.has(`user ${key}`)) gone.push(this.#deleteUser(key));
    for (const key of [...this.config.keys()])
      if (!kept.has(`config ${key}`)) gone.push(this.#setConfig(key, ''));
    return gone.filter((change) => change !== undefined);
  }
}

function nameKey(tenant: string, name: string): string {
  return `${tenant}\u0000${name}`;
}
