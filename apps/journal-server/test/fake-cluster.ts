// A cluster view in memory: streams with one shard each or more, led by whoever claims, as meta would answer.

import { BrokerError } from '@robustmq/errors';
import type { ShardView, StreamView } from '@robustmq/meta-client';
import type { ReplicaView } from '@robustmq/meta-client/testing';
import type { CommittedIsr, IsrProposal } from '@robustmq/replication';
import type { ClusterPort, DeletedStream, DeletionPage, JournalIdentity } from '../src/shard/cluster-port.ts';

/** What outlives a restart of a server: the rows. */
export class FakeCluster {
  revision = 1;
  /** Last incarnation of a node that has ended. */
  readonly ended = new Map<string, number>();
  readonly streams = new Map<number, StreamView>();
  /** Committed deletions that no journal has acknowledged. */
  readonly deletions = new Map<number, DeletedStream>();
  /** One, so that tests go over several pages. */
  deletionsPerPage = 1;
  readonly #listeners = new Set<(streamIds: readonly number[]) => void>();
  /** Newest incarnation of each journal: registration makes the members of ISRs those. */
  readonly #incarnations = new Map<string, number>();
  /** Answers to proposals of another ISR, in order; with none left they are carried out. */
  readonly isrAnswers: BrokerError[] = [];

  /** Adds a stream whose only replica is in the directory. */
  create(
    streamId: number,
    replica: ReplicaView,
    options: {
      shards?: number;
      name?: string;
      mqttFilter?: string;
      config?: Record<string, string>;
      leaderEpoch?: number;
      topicId?: string;
    } = {},
  ): void {
    const shards = Array.from({ length: options.shards ?? 1 }, (_, shard) => ({
      shard,
      leaderEpoch: (options.leaderEpoch ?? 0) - 1,
      leader: '',
      leaderIncarnation: 0,
      replicas: [replica],
      isr: [{ nodeId: replica.nodeId, incarnation: this.#incarnations.get(replica.nodeId) ?? 0 }],
      isrVersion: 1,
    }));
    this.streams.set(streamId, {
      streamId,
      tenant: 'default',
      name: options.name ?? `stream-${streamId}`,
      config: options.config ?? {},
      mqttFilter: options.mqttFilter ?? '',
      shardsAtCreation: shards.length,
      shards,
      topicId: options.topicId ?? `topic-${streamId}`,
      createdAtMs: 0,
      ownershipEpoch: 0,
      ownershipActive: true,
      internal: false,
    });
    this.changed(streamId);
  }

  /** A committed deletion. */
  delete(streamId: number): void {
    const topicId = this.streams.get(streamId)?.topicId ?? '';
    this.deletions.set(streamId, { streamId, topicId });
    this.forget(streamId);
  }

  /** The view lacks the stream from now on, as after a restore of meta from an older copy: nobody deleted it. */
  forget(streamId: number): void {
    this.streams.delete(streamId);
    this.changed(streamId);
  }

  configure(streamId: number, config: Record<string, string>): void {
    this.streams.set(streamId, { ...this.streams.get(streamId)!, config });
    this.changed(streamId);
  }

  /** A revision in which these streams have changed; without any it says nothing of streams. */
  changed(...streamIds: number[]): void {
    this.revision++;
    for (const listener of [...this.#listeners]) listener(streamIds);
  }

  onChange(listener: (streamIds: readonly number[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The port of one incarnation. */
  port(identity: JournalIdentity): ClusterPort {
    this.#incarnations.set(identity.nodeId, identity.incarnation);
    return {
      identity,
      revision: () => this.revision,
      streams: () => this.streams.values(),
      stream: (streamId) => this.streams.get(streamId),
      hasEnded: (nodeId, incarnation) => (this.ended.get(nodeId) ?? -1) >= incarnation,
      onChange: (listener) => this.onChange(listener),
      reached: (revision) => this.#reached(revision),
      listDeletions: (afterStreamId) => Promise.resolve(this.#deletionPage(afterStreamId)),
      acknowledgeDeletions: (streamIds) => {
        for (const streamId of streamIds) this.deletions.delete(streamId);
        return Promise.resolve();
      },
      alterIsr: (streamId, shard, proposal) => this.#alterIsr(streamId, shard, proposal),
      claimLeadership: () => {
        this.claim(identity);
        return Promise.resolve();
      },
    };
  }

  #deletionPage(afterStreamId: number): DeletionPage {
    const ids = [...this.deletions.keys()].filter((id) => id > afterStreamId).sort((a, b) => a - b);
    const page = ids.slice(0, this.deletionsPerPage);
    const nextAfterStreamId = ids.length > page.length ? page.at(-1)! : 0;
    return { deleted: page.map((id) => this.deletions.get(id)!), nextAfterStreamId, revision: this.revision };
  }

  #reached(revision: number): Promise<void> {
    if (this.revision >= revision) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = this.onChange(() => {
        if (this.revision < revision) return;
        stop();
        resolve();
      });
    });
  }

  #alterIsr(streamId: number, shard: number, { isrVersion, members }: IsrProposal): Promise<CommittedIsr> {
    const refusal = this.isrAnswers.shift();
    if (refusal !== undefined) return Promise.reject(refusal);
    const row = this.streams.get(streamId)!.shards[shard]!;
    if (row.isrVersion !== isrVersion) return Promise.reject(new BrokerError('conflict', 'another version'));
    this.alterShard(streamId, shard, { isr: members, isrVersion: isrVersion + 1 });
    return Promise.resolve({ members, version: isrVersion + 1 });
  }

  /** Another row for a shard: another leader, ISR or place. */
  alterShard(streamId: number, shard: number, change: Partial<ShardView>): void {
    const stream = this.streams.get(streamId)!;
    const shards = stream.shards.map((row) => (row.shard === shard ? { ...row, ...change } : row));
    this.streams.set(streamId, { ...stream, shards });
    this.changed(streamId);
  }

  /** A new epoch for the same incarnation: a claim that was applied twice. */
  reelect(): void {
    for (const [streamId, stream] of this.streams) {
      const shards = stream.shards.map((shard) => ({ ...shard, leaderEpoch: shard.leaderEpoch + 1 }));
      this.streams.set(streamId, { ...stream, shards });
    }
    this.changed(...this.streams.keys());
  }

  /** The bug that rule R3 forbids: a restarted server leads again under its old epoch. */
  reuse(identity: JournalIdentity): void {
    this.claim(identity, 0);
  }

  /** A new leader epoch for every shard that the directory holds. */
  claim(identity: JournalIdentity, step = 1): void {
    for (const [streamId, stream] of this.streams) {
      const shards = stream.shards.map((shard) =>
        shard.replicas.some((replica) => replica.directoryId === identity.directoryId) &&
        shard.leaderIncarnation !== identity.incarnation
          ? {
              ...shard,
              leader: identity.nodeId,
              leaderIncarnation: identity.incarnation,
              leaderEpoch: Math.max(0, shard.leaderEpoch + step),
              // Registration made the member the run that it is now.
              isr: [{ nodeId: identity.nodeId, incarnation: identity.incarnation }],
              isrVersion: shard.isrVersion + 1,
            }
          : shard,
      );
      this.streams.set(streamId, { ...stream, shards });
    }
    this.changed(...this.streams.keys());
  }
}
